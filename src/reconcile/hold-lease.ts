import { asFlanError, FlanError } from '../errors.js';
import { keepLease } from '../leases/keep.js';
import type { LeaseRequest } from '../leases/store.js';
import type { Lease } from '../model/lease.js';
import type { Clock } from './clock.js';
import type { WatchEvent } from './events.js';
import type { Session } from './session.js';

export interface HoldInput {
  readonly session: Session;
  readonly request: LeaseRequest;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly tell: (event: WatchEvent) => void;
}

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 30_000;

/** Acquires the own lease, for as long as it takes. @throws {FlanError} what waiting cannot mend */
export async function holdLease({ session, request, clock, signal, tell }: HoldInput): Promise<Lease> {
  for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(RETRY_MAX_MS, delayMs * 2)) {
    try {
      const lease = await session.store.acquire(request, signal);
      tell({ type: 'lease', lease, why: 'held' });
      return lease;
    } catch (cause) {
      const error = asFlanError(cause);
      if (!error.retry || signal.aborted) throw error;
      tell({ type: 'store', state: 'disconnected', error, retryInMs: delayMs });
      await sleep(clock, delayMs, signal);
    }
  }
}

function sleep(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      cancel();
      reject(signal.reason instanceof Error ? signal.reason : new FlanError('E_INTERRUPTED', 'stopped'));
    };
    const cancel = clock.after(delayMs, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    signal.addEventListener('abort', stop, { once: true });
  });
}

export interface KeepInput extends HoldInput {
  readonly lease: Lease;
  /** How long before its expiry the lease is renewed. */
  readonly renewMarginMs: number;
  readonly onLease: (lease: Lease) => void;
}

export interface OwnLeaseKeeper {
  /** The lease vanished, or there is something new to publish. */
  renewNow(request?: LeaseRequest): void;
  /** Rejects with E_LEASE_LOST when another node has the subnet; resolves when the signal aborts. */
  readonly done: Promise<void>;
}

/** Keeps the lease that `holdLease` got. */
export function keepOwnLease({ session, clock, signal, tell, renewMarginMs, ...input }: KeepInput): OwnLeaseKeeper {
  let lost: FlanError | undefined;
  const keeper = keepLease({
    ...input,
    store: session.store,
    signal,
    marginMs: renewMarginMs,
    jitter: () => clock.random(),
    clock: { now: () => clock.wallMs(), sleep: (ms, stop) => sleep(clock, ms, stop).catch(() => undefined) },
    onTrouble: (error, retryInMs) => tell({ type: 'store', state: 'disconnected', error, retryInMs }),
    onLost: (error) => {
      lost = error;
      tell({ type: 'lease-lost', error });
    },
  });
  const done = keeper.done.then(() => {
    if (lost !== undefined) throw lost;
  });
  return { done, renewNow: (request) => keeper.renewNow(request) };
}
