let atOnce: ((code: number) => void) | undefined;

/** Says how to end this process without Node's help, once there is a way. */
export const canLeaveBy = (end: (code: number) => void): void => {
  atOnce = end;
};

/**
 * Ends the process: `exit` listeners run, all output must have left. Node itself would then wait for V8's compiler and
 * give every page back by hand, 5 ms of a plan; the kernel does that in one. @see _exit(2)
 */
export function leave(code: number): never {
  // Whoever gave Node options wants what it does at its end: write a profile, a coverage, a heap dump.
  const isObserved = process.execArgv.length > 0 || process.env.NODE_OPTIONS || process.env.NODE_V8_COVERAGE;
  if (atOnce !== undefined && !isObserved) process.once('exit', atOnce);
  process.exit(code);
}
