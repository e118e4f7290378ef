import { spawn } from 'node:child_process';
import { inNetns } from '../sys/netns.js';

/**
 * Runs a command line of the operator's. When the signal aborts it is killed with all that it started.
 * @returns its exit code; undefined when a signal ended it @throws the signal's reason
 */
export function runCommandLine(
  command: string,
  { netns, signal }: { readonly netns: string | undefined; readonly signal: AbortSignal },
): Promise<number | undefined> {
  signal.throwIfAborted();
  // A process group of its own: what the shell starts goes with it.
  const start = () => spawn('/bin/sh', ['-c', command], { stdio: 'ignore', detached: true });
  const child = netns === undefined ? start() : inNetns(netns, start);
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It ended just now.
      }
    };
    signal.addEventListener('abort', stop, { once: true });
    const end = (settle: () => void): void => {
      signal.removeEventListener('abort', stop);
      settle();
    };
    child.on('error', (cause) => end(() => reject(cause)));
    child.on('close', (code) => end(() => (signal.aborted ? reject(signal.reason) : resolve(code ?? undefined))));
  });
}
