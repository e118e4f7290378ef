import type { Lease } from '../../model/lease.js';
import { type Allocation, allocate, leaseFor } from '../allocate.js';
import type { LeaseRequest } from '../store.js';
import { encodeLeaseValue } from '../value.js';
import { type Entries, originOf } from './entries.js';
import type { Folder } from './folder.js';
import { nobodyCame, nobodyHolds } from './guards.js';
import type { Compare, KeyValue } from './proto.js';
import type { Reading } from './readings.js';
import { commit, expiryOf, extend, type Holding, standBack } from './transact.js';

/**
 * This node's lease. Every write is one transaction that happens only if what it was decided from still holds; after a
 * lost race everything is read again. That ends: a lost race means that another node got a subnet, and they are
 * finite. @throws {FlanError} E_SUBNETS_EXHAUSTED
 */
export async function acquire(holding: Holding, request: LeaseRequest, signal: AbortSignal): Promise<Lease> {
  const { held, random, readings } = holding;
  /** An etcd lease that no key hangs on yet. */
  let spare: bigint | undefined;
  try {
    for (let losses = 0; ; losses++) {
      const reading = (losses === 0 ? readings.handed() : undefined) ?? (await readings.fresh(signal));
      const { folder, entries } = reading;
      const allocation = allocate({ request, leases: entries.leases, blocked: entries.blocked, random });
      const remove = storedOf(outdated(allocation), entries);
      if (allocation.type === 'keep') {
        const [kv] = storedOf([allocation.lease], entries);
        const kept = kv && (await extend(holding, { lease: allocation.lease, kv, request, remove, signal }));
        if (kept !== undefined) {
          readings.handOn(having(reading, kept, remove));
          return kept;
        }
      } else {
        if (spare !== undefined && (await held.keepAlive(spare, signal)) === 'gone') spare = undefined;
        const id = spare ?? (await held.grant(signal));
        spare = id;
        const lease = leaseFor(request, allocation);
        const guards = [guardOf({ allocation, holding, folder })];
        const value = encodeLeaseValue(lease);
        const revision = await commit(holding, { key: lease.key, value, id, guards, remove, signal });
        if (revision !== undefined) {
          spare = undefined;
          const taken = { ...lease, origin: originOf(revision), ...expiryOf(held, id) };
          readings.handOn(having(reading, taken, remove));
          return taken;
        }
      }
      await standBack(losses, random, signal);
    }
  } finally {
    // Ends by itself if this fails, and the error on its way says more.
    if (spare !== undefined) await held.drop(spare, signal).catch(() => {});
  }
}

/**
 * What was read, with what was written since. Who follows from its revision hears of that once more, and in between
 * never sees a world without the own lease.
 */
function having({ folder, entries }: Reading, own: Lease, removed: readonly KeyValue[]): Reading {
  const removedKeys = [...entries.stored].flatMap(([key, kv]) => (removed.includes(kv) ? [key] : []));
  const gone = new Set([own.key, ...removedKeys]);
  return { folder, entries: { ...entries, leases: [...entries.leases.filter(({ key }) => !gone.has(key)), own] } };
}

const outdated = (allocation: Allocation): readonly Lease[] => {
  if (allocation.type === 'take') return [];
  return allocation.type === 'replace' ? [allocation.old, ...allocation.stale] : allocation.stale;
};

const storedOf = (leases: readonly Lease[], { stored }: Entries) =>
  leases.map((lease) => stored.get(lease.key)).filter((kv) => kv !== undefined);

interface Decided {
  readonly allocation: Exclude<Allocation, { type: 'keep' }>;
  readonly holding: Holding;
  readonly folder: Folder;
}

/**
 * A key names the subnets of both families, so with two of them, or beside an old lease of our own, overlapping
 * leases need not collide on one key: then nobody at all may have come meanwhile.
 */
function guardOf({ allocation, holding: { layout }, folder }: Decided): Compare {
  const { type, ipv4, ipv6 } = allocation;
  if (type === 'take' && ipv4 && !ipv6) return nobodyHolds(layout, { ipv4 });
  if (type === 'take' && ipv6 && !ipv4) return nobodyHolds(layout, { ipv6 });
  return nobodyCame(layout, folder);
}
