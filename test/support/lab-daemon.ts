import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { WatchEvent } from '../../src/reconcile/events.js';
import type { Finished } from './cli.js';

type EventOf<T extends WatchEvent['type']> = Extract<WatchEvent, { type: T }>;

/** A running `flan watch --json`. */
export interface Daemon {
  readonly pid: number;
  /** Everything it has told so far. Errors in it have `code` and `message` only. */
  readonly events: readonly WatchEvent[];
  /** A place in `events`: `until` with it looks only at what is told from now on. */
  mark(): number;
  /** The first event of a type that matches; waits for it. Rejects with all events when it ends or takes too long. */
  until<T extends WatchEvent['type']>(
    type: T,
    matches?: (event: EventOf<T>) => boolean,
    from?: number,
  ): Promise<EventOf<T>>;
  signal(name: 'SIGSTOP' | 'SIGCONT' | 'SIGHUP'): void;
  /** Ends it by a signal. @returns how it ended */
  stop(name?: 'SIGTERM' | 'SIGINT'): Promise<Finished>;
  /** kill -9. Safe to call when it has ended. */
  kill(): Promise<Finished>;
  readonly ended: Promise<Finished>;
}

const PATIENCE_MS = 15_000;

export function startDaemon(child: ChildProcessWithoutNullStreams): Daemon {
  const events: WatchEvent[] = [];
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const look of waiting) look();
  };
  const text = { stdout: '', stderr: '' };
  let end: Finished | undefined;
  createInterface({ input: child.stdout }).on('line', (line) => {
    text.stdout += `${line}\n`;
    const event = JSON.parse(line) as WatchEvent | { readonly type: 'version' };
    if (event.type !== 'version') events.push(event);
    wake();
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
  const ended = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      end = { code, signal, ...text };
      resolve(end);
      wake();
    });
  });
  const finish = (signal: NodeJS.Signals): Promise<Finished> => {
    if (end === undefined) child.kill(signal);
    return ended;
  };
  const until = <T extends WatchEvent['type']>(
    type: T,
    matches: (event: EventOf<T>) => boolean = () => true,
    from = 0,
  ): Promise<EventOf<T>> =>
    new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        waiting.delete(look);
        act();
      };
      const fail = (why: string): void =>
        settle(() =>
          reject(
            new Error(
              [`${why} '${type}' among:`, ...events.map((event) => JSON.stringify(event)), text.stderr].join('\n'),
            ),
          ),
        );
      const look = (): void => {
        const found = events.slice(from).find((event) => event.type === type && matches(event as EventOf<T>));
        if (found !== undefined) settle(() => resolve(found as EventOf<T>));
        else if (end !== undefined) fail(`ended with ${end.code ?? end.signal} before`);
      };
      const timer = setTimeout(() => fail('waited too long for'), PATIENCE_MS);
      waiting.add(look);
      look();
    });
  return {
    pid: child.pid ?? 0,
    events,
    mark: () => events.length,
    until,
    signal: (name) => void child.kill(name),
    stop: (name = 'SIGTERM') => finish(name),
    kill: () => finish('SIGKILL'),
    ended,
  };
}
