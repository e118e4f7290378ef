/** Wakes one waiter, or the next one to come. */
export interface Bell {
  ring(): void;
  /** Resolves when rung since the last wait, when the time is over, or when the signal aborts. */
  wait(signal: AbortSignal, timeoutMs?: number): Promise<'rung' | 'time' | 'aborted'>;
}

/** Longest delay that setTimeout takes; a longer wait is cut there, and the waiter looks and waits again. */
const MAX_TIMEOUT_MS = 0x7fff_ffff;

export function makeBell(): Bell {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    wait(signal, timeoutMs) {
      return new Promise((resolve) => {
        let timer: NodeJS.Timeout | undefined;
        const done = () => {
          const why = rung ? 'rung' : signal.aborted ? 'aborted' : 'time';
          rung = false;
          wake = undefined;
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          resolve(why);
        };
        if (rung || signal.aborted) {
          done();
          return;
        }
        wake = done;
        signal.addEventListener('abort', done);
        if (timeoutMs !== undefined) timer = setTimeout(done, Math.min(Math.max(0, timeoutMs), MAX_TIMEOUT_MS));
      });
    },
  };
}
