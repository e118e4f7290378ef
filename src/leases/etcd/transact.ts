import { setTimeout as sleep } from 'node:timers/promises';
import type { Lease, LeaseKey } from '../../model/lease.js';
import { leaseFor, type Random } from '../allocate.js';
import type { LeaseRequest } from '../store.js';
import { encodeLeaseValue } from '../value.js';
import type { EtcdClient } from './client.js';
import { originOf } from './entries.js';
import { hasMeaning } from './failure.js';
import { unchanged } from './guards.js';
import type { HeldLeases } from './held.js';
import { keyName, type Layout, toBytes, toText } from './keys.js';
import { type Compare, type KeyValue, RANGE, TXN } from './proto.js';
import type { Readings } from './readings.js';

/** What getting, keeping and giving back a lease need. */
export interface Holding {
  readonly client: EtcdClient;
  readonly layout: Layout;
  readonly held: HeldLeases;
  readonly pageSize: number;
  readonly random: Random;
  readonly readings: Readings;
}

export async function readKey(
  { client, layout }: Holding,
  key: LeaseKey,
  signal: AbortSignal,
): Promise<KeyValue | undefined> {
  const { kvs } = await client.call(RANGE, { key: toBytes(keyName(layout, key)) }, signal);
  return kvs[0];
}

interface Commit {
  readonly key: LeaseKey;
  readonly value: string;
  /** etcd lease to hang the key on; 0: it stays for ever. */
  readonly id: bigint;
  /** What must still hold. */
  readonly guards: readonly Compare[];
  /** Entries to remove with it, if they are still as they were read. */
  readonly remove: readonly KeyValue[];
  readonly signal: AbortSignal;
}

/** One transaction. @returns the revision it made, or undefined when something it relied on no longer holds */
export async function commit({ client, layout }: Holding, change: Commit): Promise<number | undefined> {
  const remove = change.remove.slice(0, MOST_REMOVED);
  const put = { key: toBytes(keyName(layout, change.key)), value: toBytes(change.value), lease: change.id };
  const request = {
    compare: [...change.guards, ...remove.map(unchanged)],
    success: [{ put }, ...remove.map(({ key }) => ({ delete: { key } }))],
  };
  try {
    const answer = await client.call(TXN, request, change.signal);
    return answer.succeeded ? answer.header?.revision : undefined;
  } catch (error) {
    if (hasMeaning(error, 'no-lease')) return undefined;
    throw error;
  }
}

const MOST_REMOVED = 100; // etcd takes 128 operations per transaction unless told otherwise (--max-txn-ops)

interface Extend {
  /** The lease as decided from `kv`. */
  readonly lease: Lease;
  readonly kv: KeyValue;
  readonly request: LeaseRequest;
  readonly remove: readonly KeyValue[];
  readonly signal: AbortSignal;
}

/**
 * Starts the time of a lease anew and publishes the request's data; writes only what differs, so that a renewal wakes
 * nobody. A reservation stays one. @returns undefined when somebody has changed the key meanwhile
 */
export async function extend(holding: Holding, input: Extend): Promise<Lease | undefined> {
  const { held } = holding;
  const { kv, request, remove, signal } = input;
  const [ipv4, ipv6] = [input.lease.ipv4?.subnet, input.lease.ipv6?.subnet];
  const lease = { ...leaseFor(request, { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) }), key: input.lease.key };
  const value = encodeLeaseValue(lease);
  const id = await aliveLease(held, kv.lease, signal);
  if (id === kv.lease && value === toText(kv.value) && remove.length === 0) {
    return { ...lease, origin: originOf(kv.modRevision), ...expiryOf(held, id) };
  }
  const revision = await commit(holding, { key: lease.key, value, id, guards: [unchanged(kv)], remove, signal });
  if (revision !== undefined) return { ...lease, origin: originOf(revision), ...expiryOf(held, id) };
  if (id !== kv.lease) await held.drop(id, signal);
  return undefined;
}

/** The etcd lease itself if it lives and lasts as long as configured, else a new one. */
async function aliveLease(held: HeldLeases, id: bigint, signal: AbortSignal): Promise<bigint> {
  if (id === 0n || (await held.keepAlive(id, signal)) === 'alive') return id;
  return held.grant(signal);
}

export function expiryOf(held: HeldLeases, id: bigint): Pick<Lease, 'expiresAtMs'> {
  const expiresAtMs = held.expiries.get(id);
  return expiresAtMs === undefined ? {} : { expiresAtMs };
}

/** After a lost race: longer each time, at random, so that many nodes get out of each other's way. */
export async function standBack(losses: number, random: Random, signal: AbortSignal): Promise<void> {
  const waitMs = random(10 * 2 ** Math.min(losses, 6));
  await sleep(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
}
