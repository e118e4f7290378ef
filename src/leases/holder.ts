import type { Lease } from '../model/lease.js';
import type { LeaseRequest } from './store.js';

/** What a lease and a request say of who they are. */
type Named = Pick<Lease, 'node' | 'nodeId'>;

export type Claim = 'identity' | 'name' | 'address';

/**
 * Why a lease is this node's, or undefined when it is not: its identity, its name where the lease has no identity, or
 * its public address where the lease names nobody (as flannel writes them). A lease that names another node is never
 * ours, whatever its address: two machines behind one address are still two.
 */
export function claimOf(lease: Lease, { identity, published }: LeaseRequest): Claim | undefined {
  if (lease.nodeId !== undefined) return lease.nodeId === identity.nodeId ? 'identity' : undefined;
  if (lease.node !== undefined) return lease.node === identity.node ? 'name' : undefined;
  const shares = (family: 4 | 6, address: string | undefined) =>
    address !== undefined && published[family]?.publicIp === address;
  return shares(4, lease.ipv4?.publicIp) || shares(6, lease.ipv6?.publicIp) ? 'address' : undefined;
}

/** Whether two versions of one entry have the same holder, as far as they say. */
export function sameHolder(a: Lease, b: Lease): boolean {
  const named = (x: Named, y: Named): boolean | undefined => {
    if (x.nodeId !== undefined && y.nodeId !== undefined) return x.nodeId === y.nodeId;
    return x.node !== undefined && y.node !== undefined ? x.node === y.node : undefined;
  };
  return named(a, b) ?? (a.ipv4?.publicIp === b.ipv4?.publicIp && a.ipv6?.publicIp === b.ipv6?.publicIp);
}
