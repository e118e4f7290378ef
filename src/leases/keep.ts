import { asFlanError, FlanError } from '../errors.js';
import { overlaps } from '../model/ip.js';
import { type Lease, leaseName, subnetsOf } from '../model/lease.js';
import type { LeaseRequest, LeaseStore } from './store.js';

/** Time as the keeper sees it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after the time, or as soon as the signal aborts. Never rejects. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export interface KeepLease {
  readonly store: LeaseStore;
  readonly lease: Lease;
  readonly request: LeaseRequest;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** How long before its expiry a lease is renewed; no more than half of what is left of it. */
  readonly marginMs: number;
  /** From 0 up to 1: spreads the renewals of many nodes. */
  readonly jitter: () => number;
  /** The lease was renewed or won back. */
  readonly onLease: (lease: Lease) => void;
  /** The lease is gone for good; the keeper has ended. */
  readonly onLost: (error: FlanError) => void;
  /** An attempt failed and will be made again. */
  readonly onTrouble?: (error: FlanError, retryInMs: number) => void;
}

export interface LeaseKeeper {
  /** Resolves when the signal aborts or the lease is lost. */
  readonly done: Promise<void>;
  /** Renews at once: the lease was seen to go, or there is something new to publish. */
  renewNow(request?: LeaseRequest): void;
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Holds a lease: renews it before it expires, tries again while the store cannot be reached, and takes it back when it
 * vanished. Another node's subnet is never taken: then the lease is lost, and that is told. Where the store assigns
 * subnets, the one it assigns now is taken instead.
 */
export function keepLease(input: KeepLease): LeaseKeeper {
  const keeper: Keeper = { ...input, asked: new AbortController() };
  const done = keep(keeper);
  return {
    done,
    renewNow(request) {
      if (request !== undefined) keeper.request = request;
      keeper.asked.abort();
    },
  };
}

/** What changes while a lease is kept. */
interface Keeper extends Omit<KeepLease, 'request' | 'lease'> {
  lease: Lease;
  request: LeaseRequest;
  /** Aborted by `renewNow`; replaced when that was heard. */
  asked: AbortController;
}

async function keep(keeper: Keeper): Promise<void> {
  const { signal, onLease, onLost, onTrouble, jitter } = keeper;
  let failures = 0;
  while (!signal.aborted) {
    if (failures === 0) await untilDue(keeper);
    if (signal.aborted) return;
    keeper.asked = new AbortController();
    try {
      const lease = await renewOrRetake(keeper);
      if (lease instanceof FlanError) {
        onLost(lease);
        return;
      }
      failures = 0;
      keeper.lease = lease;
      onLease(lease);
    } catch (cause) {
      if (signal.aborted) return;
      const retryInMs = Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS) * (0.75 + jitter() / 2);
      onTrouble?.(asFlanError(cause), retryInMs);
      await pause(keeper, retryInMs);
    }
  }
}

/** Undefined: the lease does not expire, and is looked after only when asked for. */
function untilRenewalMs({ lease, clock, marginMs, jitter }: Keeper): number | undefined {
  if (lease.expiresAtMs === undefined) return undefined;
  const leftMs = Math.max(0, lease.expiresAtMs - clock.now());
  // Earlier by up to a tenth of the margin, so that nodes that started together do not renew together.
  const earlyMs = Math.min(marginMs, leftMs / 2) * (1 + jitter() / 10);
  return Math.max(0, leftMs - earlyMs);
}

/** The wall clock may be set, and no timer counts while the host sleeps: so often is looked whether it is time. */
const LOOK_MS = 60_000;

async function untilDue(keeper: Keeper): Promise<void> {
  const { clock, signal, asked } = keeper;
  const waitMs = untilRenewalMs(keeper);
  if (waitMs === undefined) return pause(keeper, undefined);
  const dueMs = clock.now() + waitMs;
  for (let leftMs = waitMs; leftMs > 0 && !signal.aborted && !asked.signal.aborted; ) {
    const stepMs = Math.min(leftMs, LOOK_MS);
    await pause(keeper, stepMs);
    leftMs = Math.min(leftMs - stepMs, dueMs - clock.now());
  }
}

/** Ends early when a renewal is asked for. */
async function pause({ clock, signal, asked }: Keeper, ms: number | undefined): Promise<void> {
  if (asked.signal.aborted) return;
  const either = AbortSignal.any([signal, asked.signal]);
  if (ms !== undefined) await clock.sleep(ms, either);
  else if (!either.aborted) {
    await new Promise<void>((resolve) => either.addEventListener('abort', () => resolve(), { once: true }));
  }
}

/** @returns the lease, or why it is lost for good */
async function renewOrRetake({ store, lease, request, signal }: Keeper): Promise<Lease | FlanError> {
  try {
    return await store.renew(lease, request, signal);
  } catch (cause) {
    const error = asFlanError(cause);
    if (error.code !== 'E_LEASE_LOST') throw error;
    return retake({ store, lease, request, signal, error });
  }
}

type Retaking = Pick<Keeper, 'store' | 'lease' | 'request' | 'signal'> & { readonly error: FlanError };

async function retake({ store, lease, request, signal, error }: Retaking): Promise<Lease | FlanError> {
  if (store.assigns) return store.acquire(request, signal);
  const { leases } = await store.list(signal);
  const held = leases.find((other) => subnetsOf(other).some((a) => subnetsOf(lease).some((b) => overlaps(a, b))));
  const isOurs = held?.nodeId !== undefined && held.nodeId === request.identity.nodeId;
  if (held !== undefined && !isOurs) return lost(lease, { now: `${leaseName(held)} holds it now`, cause: error });
  const { ipv4, ipv6 } = lease;
  const previous = { ...(ipv4 && { ipv4: ipv4.subnet }), ...(ipv6 && { ipv6: ipv6.subnet }) };
  const again = await store.acquire({ ...request, previous }, signal);
  if (again.key === lease.key) return again;
  // Somebody was quicker. Pods of this node still have addresses of the old subnet, so a new one is not ours to choose.
  await store.release(again, signal);
  return lost(lease, { now: 'somebody else took it', cause: error });
}

const lost = (lease: Lease, { now, cause }: { readonly now: string; readonly cause: FlanError }): FlanError =>
  new FlanError('E_LEASE_LOST', `the lease of ${subnetsOf(lease).join(' and ')} is lost: ${now}`, {
    hint: 'Start flan again to take another subnet; containers of this node need new addresses.',
    where: cause.where,
    cause,
  });
