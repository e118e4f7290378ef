import { asFlanError, FlanError } from '../errors.js';
import { keepLease } from '../leases/keep.js';
import type { LeaseRequest } from '../leases/store.js';
import type { Lease } from '../model/lease.js';
import type { Clock } from './clock.js';
import type { WatchEvent } from './events.js';
import { viewOwnLease } from './own-lease.js';
import type { Session } from './session.js';
import { requestOf, type Survey, withOwn } from './survey.js';

interface Edge {
  readonly session: Session;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly tell: (event: WatchEvent) => void;
}

export interface HoldInput extends Edge {
  readonly survey: Survey;
}

const RETRY_FIRST_MS = 500;
const RETRY_MAX_MS = 30_000;

export interface HeldLease {
  readonly lease: Lease;
  /** What was published with it. */
  readonly request: LeaseRequest;
}

/** Acquires the own lease, for as long as it takes. @throws {FlanError} what waiting cannot mend */
export async function holdLease({ session, survey, clock, signal, tell }: HoldInput): Promise<HeldLease> {
  for (let delayMs = RETRY_FIRST_MS; ; delayMs = Math.min(RETRY_MAX_MS, delayMs * 2)) {
    try {
      const request = await whatToPublish(session, survey, signal);
      const lease = await session.store.acquire(request, signal);
      tell({ type: 'lease', lease, why: 'held' });
      return { lease, request };
    } catch (cause) {
      const error = asFlanError(cause);
      if (!error.retry || signal.aborted) throw error;
      tell({ type: 'store', state: 'disconnected', error, retryInMs: delayMs });
      await sleep(clock, delayMs, signal);
    }
  }
}

/** Where the backend repeats what peers know of it, the store is asked first for what that is. */
async function whatToPublish(session: Session, survey: Survey, signal: AbortSignal): Promise<LeaseRequest> {
  if (!survey.inputs.backend.remembers) return survey.request;
  const { leases } = await session.store.list(signal);
  const { own } = viewOwnLease(leases, survey.request, session.kinds);
  return own === undefined ? survey.request : requestOf(withOwn(survey.inputs, own), survey.previous);
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

export interface KeepInput extends Edge {
  readonly lease: Lease;
  readonly request: LeaseRequest;
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
