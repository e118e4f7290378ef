import { openSession } from '../../src/commands/session.js';
import { nodeFiles } from '../../src/config/files.js';
import type { Settings } from '../../src/config/settings.js';
import { loadSettings } from '../../src/config/settings.js';
import { systemClock } from '../../src/reconcile/clock.js';
import type { WatchEvent } from '../../src/reconcile/events.js';
import { type ApplyReport, applyOnce } from '../../src/reconcile/once.js';
import { watch } from '../../src/reconcile/watch.js';
import type { Lab, LabNode } from '../support/lab.js';

// Nodes as `flan watch` and `flan apply` run them, but all in this process: in the VM the start of one more costs as much
// as a whole test.

type EventOf<T extends WatchEvent['type']> = Extract<WatchEvent, { type: T }>;

export interface RunningNode {
  readonly events: readonly WatchEvent[];
  /** A place in `events`: `until` with it looks only at what is told from now on. */
  mark(): number;
  /** The first event of a type that matches; rejects with all events when it takes too long. */
  until<T extends WatchEvent['type']>(
    type: T,
    matches?: (event: EventOf<T>) => boolean,
    from?: number,
  ): Promise<EventOf<T>>;
  /** Ends it as SIGTERM does. */
  stop(): Promise<void>;
}

const PATIENCE_MS = 20_000;

/** Starts a node and waits until it is ready. It ends with the lab. */
export async function watchNode(lab: Lab, node: LabNode): Promise<RunningNode> {
  const stop = new AbortController();
  const settings = await settingsOf(node);
  const session = await openSession(settings, stop.signal);
  const events: WatchEvent[] = [];
  const waiting = new Set<() => void>();
  const run = watch({
    session,
    adopt: 'no',
    signal: stop.signal,
    clock: systemClock,
    resyncIntervalMs: 3_600_000,
    renewMarginMs: settings.leaseRenewMargin,
    tell: (event) => {
      events.push(event);
      for (const look of waiting) look();
    },
  }).finally(() => session.close());
  // A failure is told to whoever stops it, or waits for it.
  run.catch(() => undefined);
  const until: RunningNode['until'] = (type, matches = () => true, from = 0) =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = events.slice(from).find((event) => event.type === type && matches(event as never));
        if (found === undefined) return;
        end();
        resolve(found as never);
      };
      const end = (): void => {
        clearTimeout(timer);
        waiting.delete(look);
      };
      const fail = (why: unknown): void => {
        end();
        reject(new Error(`no '${type}' event: ${why}\n${JSON.stringify(events, undefined, 1)}`));
      };
      const timer = setTimeout(() => fail('waited too long'), PATIENCE_MS);
      run.catch(fail);
      waiting.add(look);
      look();
    });
  const running: RunningNode = {
    events,
    mark: () => events.length,
    until,
    stop: async () => {
      stop.abort();
      await run;
    },
  };
  lab.onEnd(() => running.stop());
  await until('ready');
  return running;
}

/** Plans and applies once, as `flan apply --yes` does. */
export async function applyNode(node: LabNode, adopt: 'yes' | 'no' = 'no'): Promise<ApplyReport> {
  const { signal } = new AbortController();
  const session = await openSession(await settingsOf(node), signal);
  try {
    return await applyOnce({ session, adopt, signal, approve: async () => 'yes' });
  } finally {
    await session.close();
  }
}

export async function settingsOf({ flags }: LabNode): Promise<Settings> {
  const words = flags.flatMap((flag) => flag.replace(/^--/, '').split('='));
  const values: Record<string, string> = {};
  for (let i = 0; i < words.length; i += 2) values[words[i] ?? ''] = words[i + 1] ?? '';
  const { settings } = await loadSettings({ flags: values, env: {}, cwd: '/', ...nodeFiles });
  return settings;
}

/** Waits until `look` returns what is expected; rejects with what it returned last. */
export async function becomes<T>(look: () => Promise<T>, expected: T): Promise<void> {
  const start = performance.now();
  for (;;) {
    const now = await look().catch((error: unknown) => String(error));
    if (now === expected) return;
    if (performance.now() - start > PATIENCE_MS) {
      throw new Error(`still\n${String(now)}\ninstead of\n${String(expected)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
