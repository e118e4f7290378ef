import { asFlanError } from '../../errors.js';
import { type Lease, type LeaseKey, type LeaseSubnets, parseLeaseKey } from '../../model/lease.js';
import type { LeaseEvent, RejectedEntry } from '../store.js';
import { decodeLeaseValue } from '../value.js';
import { entryName, type Layout, toText } from './keys.js';
import { EVENT, type Event, type KeyValue } from './proto.js';

/** What is known of etcd leases without asking: when those that this process has granted or renewed end. */
export type Expiries = ReadonlyMap<bigint, number>;

/** Reads keys as leases. Pure; an entry that cannot be read is rejected alone. */
export interface EntryReader {
  readonly layout: Layout;
  readonly expiries: Expiries;
}

export interface Entries {
  readonly leases: readonly Lease[];
  readonly rejected: readonly RejectedEntry[];
  /** Subnets that rejected entries name: nobody may be given them. */
  readonly blocked: readonly LeaseSubnets[];
  /** The stored form of each lease, by its key. */
  readonly stored: ReadonlyMap<LeaseKey, KeyValue>;
}

export function readEntries(kvs: readonly KeyValue[], reader: EntryReader): Entries {
  const leases: Lease[] = [];
  const rejected: RejectedEntry[] = [];
  const blocked: LeaseSubnets[] = [];
  const stored = new Map<LeaseKey, KeyValue>();
  for (const kv of kvs) {
    const entry = readEntry(kv, reader);
    if ('lease' in entry) {
      leases.push(entry.lease);
      stored.set(entry.lease.key, kv);
    } else {
      rejected.push(entry.rejected);
      const subnets = parseLeaseKey(entryName(reader.layout, kv.key));
      if (subnets !== undefined) blocked.push(subnets);
    }
  }
  return { leases, rejected, blocked, stored };
}

type Entry = { readonly lease: Lease } | { readonly rejected: RejectedEntry };

export function readEntry(kv: KeyValue, { layout, expiries }: EntryReader): Entry {
  const entry = toText(kv.key);
  try {
    const lease = decodeLeaseValue({
      key: entryName(layout, kv.key),
      text: toText(kv.value),
      entry,
      expiresAtMs: expiries.get(kv.lease),
      origin: originOf(kv.modRevision),
    });
    return { lease };
  } catch (cause) {
    return { rejected: { entry, error: asFlanError(cause) } };
  }
}

export const originOf = (revision: number): string => `etcd revision ${revision}`;

/** Undefined for what concerns no lease: a key goes away that never was one. */
export function leaseEvent({ type, kv }: Event, reader: EntryReader): LeaseEvent | undefined {
  if (kv === undefined) return undefined;
  if (type === EVENT.delete) {
    const name = entryName(reader.layout, kv.key);
    return parseLeaseKey(name) && { type: 'delete', key: name as LeaseKey };
  }
  const entry = readEntry(kv, reader);
  return 'lease' in entry ? { type: 'put', lease: entry.lease } : { type: 'reject', rejected: entry.rejected };
}
