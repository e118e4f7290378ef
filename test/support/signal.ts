/**
 * Signals one process. A number that something printed may be empty or 0, and `kill(0)` means the own process group: all
 * of the test run.
 * @throws when the number is not that of a process that a test may signal
 */
export function signalProcess(pid: number | string | undefined, signal: NodeJS.Signals): void {
  const number = Number(pid);
  if (!Number.isInteger(number) || number <= 1) throw new Error(`not a process to signal: ${JSON.stringify(pid)}`);
  process.kill(number, signal);
}
