import { FlanError } from '../../errors.js';
import type { Lease, LeaseKey } from '../../model/lease.js';
import { sameLease } from '../../model/lease-content.js';
import type { LeaseEvent, LeaseListing, RejectedEntry } from '../store.js';
import type { ItemEvent } from './list-watch.js';
import type { NodeLease } from './node.js';

/** A Node as the store remembers it: its lease and nothing else. */
export interface NodeEntry {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly lease: NodeLease;
}

interface Known {
  readonly uid: string;
  /** A Node that became unreadable keeps the lease it had. */
  readonly lease: Lease | undefined;
  readonly rejected: RejectedEntry | undefined;
}

export interface NodeTable {
  absorb(event: ItemEvent<NodeEntry>): readonly LeaseEvent[];
  /** What all leases are once these are all Nodes. */
  replace(entries: readonly NodeEntry[]): LeaseListing;
}

/**
 * Turns what happens to Nodes into what happens to leases. Heartbeats say nothing; a Node that lost its annotations or
 * its podCIDR gives its lease back; a new podCIDR is another lease. Of several Nodes with one podCIDR the first by name
 * has the lease, in whatever order they come.
 */
export function nodeTable(): NodeTable {
  let known = new Map<string, Known>();
  let holders = new Map<LeaseKey, Set<string>>();
  let told = new Map<LeaseKey, Lease>();

  const remember = (entry: NodeEntry, before: Known | undefined): Known => {
    const { uid, lease } = entry;
    if (lease.type === 'lease') return { uid, lease: lease.lease, rejected: undefined };
    if (lease.type === 'none') return { uid, lease: undefined, rejected: undefined };
    return { uid, lease: before?.uid === uid ? before.lease : undefined, rejected: lease.rejected };
  };
  const hold = (name: string, key: LeaseKey | undefined): void => {
    if (key === undefined) return;
    const names = holders.get(key) ?? new Set();
    holders.set(key, names.add(name));
  };
  const drop = (name: string, key: LeaseKey | undefined): void => {
    const names = key === undefined ? undefined : holders.get(key);
    names?.delete(name);
    if (key !== undefined && names?.size === 0) holders.delete(key);
  };
  const firstHolder = (key: LeaseKey): string | undefined => {
    const names = holders.get(key);
    if (names === undefined || names.size < 2) return names?.values().next().value;
    return [...names].sort()[0];
  };
  const settle = (key: LeaseKey | undefined): readonly LeaseEvent[] => {
    if (key === undefined) return [];
    const name = firstHolder(key);
    const lease = name === undefined ? undefined : known.get(name)?.lease;
    const before = told.get(key);
    if (lease === undefined) return told.delete(key) ? [{ type: 'delete', key }] : [];
    told.set(key, lease);
    return before && sameLease(before, lease) ? [] : [{ type: 'put', lease }];
  };
  const shadowed = (name: string, lease: Lease | undefined): RejectedEntry | undefined => {
    const first = lease && firstHolder(lease.key);
    if (first === undefined || first === name) return undefined;
    const error = new FlanError('E_LEASE', `Node ${name} has the podCIDR of Node ${first}: ${lease?.key}`, {
      where: `Node ${name}`,
      hint: 'Delete one of the two Nodes and let its kubelet register it again',
    });
    return { entry: `Node ${name}`, error };
  };

  const put = (entry: NodeEntry): readonly LeaseEvent[] => {
    const before = known.get(entry.name);
    const now = remember(entry, before);
    known.set(entry.name, now);
    drop(entry.name, before?.lease?.key);
    hold(entry.name, now.lease?.key);
    const rejected = now.rejected ?? shadowed(entry.name, now.lease);
    const wasTold = rejected !== undefined && before?.rejected?.error.message === rejected.error.message;
    if (rejected) known.set(entry.name, { ...now, rejected });
    return [
      ...(before?.lease?.key === now.lease?.key ? [] : settle(before?.lease?.key)),
      ...settle(now.lease?.key),
      ...(rejected && !wasTold ? [{ type: 'reject', rejected } as const] : []),
    ];
  };
  const remove = (name: string): readonly LeaseEvent[] => {
    const before = known.get(name);
    known.delete(name);
    drop(name, before?.lease?.key);
    return settle(before?.lease?.key);
  };
  const replace = (entries: readonly NodeEntry[]): LeaseListing => {
    const before = known;
    known = new Map(entries.map((entry) => [entry.name, remember(entry, before.get(entry.name))]));
    holders = new Map();
    for (const [name, { lease }] of known) hold(name, lease?.key);
    const rejected: RejectedEntry[] = [];
    told = new Map();
    for (const [name, node] of known) {
      const why = node.rejected ?? shadowed(name, node.lease);
      if (why) {
        rejected.push(why);
        known.set(name, { ...node, rejected: why });
      }
      if (node.lease && firstHolder(node.lease.key) === name) told.set(node.lease.key, node.lease);
    }
    return { leases: [...told.values()], rejected };
  };

  return {
    replace,
    absorb(event) {
      if (event.type === 'snapshot') return [{ type: 'snapshot', ...replace(event.items) }];
      return event.type === 'put' ? put(event.item) : remove(event.item.name);
    },
  };
}
