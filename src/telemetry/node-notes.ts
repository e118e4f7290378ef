import { asFlanError, type FlanError } from '../errors.js';
import type { LeaseStore, NodeNote } from '../leases/store.js';
import type { WatchEvent } from '../reconcile/events.js';
import { logRecord } from '../report/log-record.js';
import type { Check } from './health.js';
import { rateLimiter } from './rate-limit.js';

export interface NodeNotesInit {
  readonly nowMs: () => number;
  readonly ready: () => readonly Check[];
  /** Told once that notes are refused, and not tried again. */
  readonly onRefused: (error: FlanError) => void;
}

export interface NodeNotes {
  tell(event: WatchEvent): void;
  /** Looks whether the node is ready, and posts how much was kept back. Called now and then. */
  settle(): void;
  /** Where notes go from now on. */
  through(store: Pick<LeaseStore, 'note'>): void;
  /** Resolves when what is on its way has arrived, or soon. */
  flush(): Promise<void>;
}

/** One of a kind per minute: a drift storm is one note with a count. */
const LIMIT = { burst: 1, windowMs: 60_000 };
const POST_TIMEOUT_MS = 5000;
const FLUSH_MS = 2000;

type Words = Pick<NodeNote, 'type' | 'reason'>;

const REASONS: Readonly<Partial<Record<WatchEvent['type'], Words>>> = {
  healed: { type: 'Normal', reason: 'DriftRepaired' },
  fight: { type: 'Warning', reason: 'DriftFight' },
  conflict: { type: 'Warning', reason: 'Conflict' },
  held: { type: 'Warning', reason: 'LeaseSnapshotHeld' },
  'lease-lost': { type: 'Warning', reason: 'LeaseLost' },
  'rolled-back': { type: 'Warning', reason: 'RolledBack' },
  'on-hold': { type: 'Warning', reason: 'OnHold' },
};

/** What people who look at the Node should see, told through the store that has a place for it. Best effort. */
export function nodeNotes({ nowMs, ready, onRefused }: NodeNotesInit): NodeNotes {
  const limiter = rateLimiter(LIMIT);
  const latest = new Map<string, NodeNote>();
  const pending = new Set<Promise<void>>();
  let post: LeaseStore['note'];
  let wasReady: boolean | undefined;

  const send = (note: NodeNote): void => {
    const sent = post?.(note, AbortSignal.timeout(POST_TIMEOUT_MS)).catch((cause: unknown) => {
      const error = asFlanError(cause);
      // A right that is not given is not given tomorrow; a server that is away is somebody else's news.
      if (error.code !== 'E_STORE_PERMISSION' || post === undefined) return;
      post = undefined;
      onRefused(error);
    });
    if (sent === undefined) return;
    pending.add(sent);
    void sent.finally(() => pending.delete(sent));
  };
  const note = (words: Words, message: string): void => {
    const made = { ...words, message, count: 1 };
    latest.set(words.reason, made);
    if (limiter.pass(words.reason, nowMs()) === 'pass') send(made);
  };
  const sayReadiness = (): void => {
    const checks = ready();
    const isReady = checks.every(({ state }) => state === 'ok');
    // A node that starts is not ready yet: that is no news.
    if (isReady === (wasReady ?? false)) return;
    wasReady = isReady;
    const message = checks.map(({ detail }) => detail).join('; ');
    note(
      isReady ? { type: 'Normal', reason: 'NetworkReady' } : { type: 'Warning', reason: 'NetworkNotReady' },
      message,
    );
  };

  return {
    through(store) {
      post = store.note;
    },
    tell(event) {
      const words = REASONS[event.type];
      if (words !== undefined) note(words, logRecord(event).message);
      else if (event.type === 'ready' || event.type === 'failed') sayReadiness();
    },
    settle() {
      sayReadiness();
      for (const { sort, count } of limiter.settle(nowMs())) {
        const last = latest.get(sort);
        if (last !== undefined) send({ ...last, count });
      }
    },
    async flush() {
      const soon = new Promise<void>((resolve) => setTimeout(resolve, FLUSH_MS).unref());
      await Promise.race([Promise.all(pending), soon]);
    },
  };
}
