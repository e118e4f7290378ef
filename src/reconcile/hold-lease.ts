import type { FlanError } from '../errors.js';
import { keepLease } from '../leases/keep.js';
import type { LeaseRequest } from '../leases/store.js';
import type { Lease } from '../model/lease.js';
import { type Clock, sleep } from './clock.js';
import type { WatchEvent } from './events.js';
import { viewOwnLease } from './own-lease.js';
import { patiently } from './patience.js';
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

export interface HeldLease {
  readonly lease: Lease;
  /** What was published with it. */
  readonly request: LeaseRequest;
}

/** Acquires the own lease, for as long as it takes. @throws {FlanError} what waiting cannot mend */
export function holdLease({ session, survey, clock, signal, tell }: HoldInput): Promise<HeldLease> {
  const attempt = async (): Promise<HeldLease> => {
    const request = await whatToPublish({ session, survey, signal });
    const lease = await session.store.acquire(request, signal);
    tell({ type: 'lease', lease, why: 'held' });
    return { lease, request };
  };
  const onWait = (error: FlanError, retryInMs: number): void => tell({ type: 'waiting', error, retryInMs });
  return patiently(attempt, { clock, signal, onWait });
}

export interface Publishing {
  readonly session: Pick<Session, 'store' | 'kinds'>;
  readonly survey: Survey;
  readonly signal: AbortSignal;
}

/** Where the backend repeats what peers know of it, the store is asked first for what that is. */
export async function whatToPublish({ session, survey, signal }: Publishing): Promise<LeaseRequest> {
  if (!survey.inputs.backend.remembers) return survey.request;
  const { store } = session;
  const leases = store.own
    ? [await store.own(signal)].filter((lease) => lease !== undefined)
    : (await store.list(signal)).leases;
  const { own } = viewOwnLease(leases, survey.request, session.kinds);
  return own === undefined ? survey.request : requestOf(withOwn(survey.inputs, own), survey.previous);
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
    onTrouble: (error) => tell({ type: 'failed', key: `lease/${input.lease.key}`, error, more: 0 }),
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
