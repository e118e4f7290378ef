export interface HangUps {
  /** Calls at each SIGHUP from now on. @returns what ends that */
  listen(run: () => void): () => void;
}

/** SIGHUP and SIGUSR1 as daemons take them; by default both end a process. Nobody listening: they do nothing. */
export function hangUps(onDump: () => void): HangUps & { close(): void } {
  const listeners = new Set<() => void>();
  const onHangUp = (): void => {
    for (const run of [...listeners]) run();
  };
  process.on('SIGHUP', onHangUp).on('SIGUSR1', onDump);
  return {
    listen(run) {
      listeners.add(run);
      return () => listeners.delete(run);
    },
    close: () => void process.off('SIGHUP', onHangUp).off('SIGUSR1', onDump),
  };
}
