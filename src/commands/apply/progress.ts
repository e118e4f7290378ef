import type { Outcome } from '../../drivers/driver.js';
import { progressLine } from '../../report/progress.js';

/** What is over sooner needs no progress. */
const QUIET_MS = 500;
const EVERY_MS = 100;

export interface ProgressLine {
  readonly onProgress: (outcomes: readonly Outcome[], steps: number) => void;
  /** Takes the line away. */
  clear(): void;
}

/** One line on stderr that follows the work, where stderr is a terminal. */
export function progressOn(stream: NodeJS.WriteStream, nowMs: () => number): ProgressLine {
  let startedMs: number | undefined;
  let shownMs = 0;
  let done = 0;
  let failed = 0;
  let isShown = false;
  return {
    onProgress(outcomes, of) {
      const now = nowMs();
      startedMs ??= now;
      done += outcomes.length;
      failed += outcomes.filter(({ status }) => status !== 'done').length;
      const key = outcomes.at(-1)?.step.key ?? '';
      if (!stream.isTTY || now - startedMs < QUIET_MS || now - shownMs < EVERY_MS) return;
      shownMs = now;
      isShown = true;
      stream.write(`\r\x1b[K${progressLine({ done, failed, of, tookMs: now - startedMs, key }, stream.columns || 80)}`);
    },
    clear() {
      if (isShown) stream.write('\r\x1b[K');
      isShown = false;
    },
  };
}
