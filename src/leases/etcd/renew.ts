import { FlanError } from '../../errors.js';
import { type Lease, leaseName, subnetsOf } from '../../model/lease.js';
import { claimOf, sameHolder } from '../holder.js';
import type { LeaseRequest } from '../store.js';
import { readEntry } from './entries.js';
import { unchanged } from './guards.js';
import { TXN } from './proto.js';
import { extend, type Holding, readKey, standBack } from './transact.js';

export interface Renewal {
  readonly lease: Lease;
  readonly request: LeaseRequest;
  readonly signal: AbortSignal;
}

/** @throws {FlanError} E_LEASE_LOST */
export async function renew(holding: Holding, { lease, request, signal }: Renewal): Promise<Lease> {
  const { layout, held } = holding;
  for (let losses = 0; ; losses++) {
    const kv = await readKey(holding, lease.key, signal);
    if (kv === undefined) throw lost(holding, lease, 'the key is gone');
    const entry = readEntry(kv, { layout, expiries: held.expiries });
    if ('lease' in entry && claimOf(entry.lease, request) === undefined) {
      throw lost(holding, lease, `it belongs to ${holderOf(entry.lease)} now`);
    }
    // What cannot be read is nobody's claim: the key was ours, and is repaired.
    const renewed = await extend(holding, { lease, kv, request, remove: [], signal });
    if (renewed !== undefined) return renewed;
    await standBack(losses, holding.random, signal);
  }
}

/** Removes the key if it still is that holder's. */
export async function release(holding: Holding, lease: Lease, signal: AbortSignal): Promise<void> {
  const { client, layout, held } = holding;
  for (let losses = 0; ; losses++) {
    const kv = await readKey(holding, lease.key, signal);
    if (kv === undefined) return;
    const entry = readEntry(kv, { layout, expiries: held.expiries });
    if ('lease' in entry ? !sameHolder(entry.lease, lease) : !held.expiries.has(kv.lease)) return;
    const request = { compare: [unchanged(kv)], success: [{ delete: { key: kv.key } }] };
    const { succeeded } = await client.call(TXN, request, signal);
    if (succeeded) return held.drop(kv.lease, signal);
    await standBack(losses, holding.random, signal);
  }
}

const holderOf = (lease: Lease): string =>
  lease.node ?? lease.nodeId ?? lease.ipv4?.publicIp ?? lease.ipv6?.publicIp ?? leaseName(lease);

const lost = ({ client }: Holding, lease: Lease, why: string): FlanError =>
  new FlanError('E_LEASE_LOST', `${client.name}: lease ${subnetsOf(lease).join(', ')} is lost: ${why}`, {
    hint: 'acquire a lease again; see who writes under the prefix: etcdctl watch --prefix PREFIX/subnets/',
    where: lease.key,
  });
