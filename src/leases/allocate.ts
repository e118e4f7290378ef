import { FlanError } from '../errors.js';
import { type Family, familyOf, lengthOf, type Prefix } from '../model/ip.js';
import { type Lease, type LeaseSubnets, leaseKey, leaseName, stackOf, subnetsOf } from '../model/lease.js';
import { familiesOf, type Network, type NetworkStack, networkOf } from '../model/network.js';
import { type FreeSubnets, fits, freeSubnets } from './free-subnets.js';
import { type Claim, claimOf } from './holder.js';
import type { LeaseRequest } from './store.js';

/** An integer from 0 up to and without `max`; `max` is at most 2^32. */
export type Random = (max: number) => number;

export interface AllocationInput {
  readonly request: LeaseRequest;
  /** All leases that hold a subnet now; reservations are leases too. */
  readonly leases: Iterable<Lease>;
  /** Subnets that must not be given away though no lease can be read for them: entries that do not parse. */
  readonly blocked?: Iterable<LeaseSubnets>;
  readonly random: Random;
}

/**
 * What a node should do to hold a subnet. `stale` are leases under our identity beside the one that is used, left by a
 * crash between taking and giving back: to be given back afterwards, as `old` is.
 */
export type Allocation =
  | { readonly type: 'keep'; readonly lease: Lease; readonly because: string; readonly stale: readonly Lease[] }
  | ({ readonly type: 'take'; readonly because: string } & LeaseSubnets)
  | ({
      readonly type: 'replace';
      readonly old: Lease;
      readonly because: string;
      readonly stale: readonly Lease[];
    } & LeaseSubnets);

/**
 * Chooses this node's subnets: the lease that is its own (by identity, then name, then public address), else the
 * subnets it held before, else random free ones. Deterministic for a given `random`.
 * @throws {FlanError} E_SUBNETS_EXHAUSTED, E_NETWORK_CONFIG when SubnetMin is after SubnetMax
 */
export function allocate({ request, leases, blocked = [], random }: AllocationInput): Allocation {
  const { network } = request;
  const all = [...leases];
  const [mine, ...others] = ownLeases(all, request);
  const stale = others.filter(({ claim }) => claim === 'identity').map(({ lease }) => lease);
  if (mine !== undefined && fitsNetwork(mine.lease, network)) {
    return { type: 'keep', lease: mine.lease, because: BECAUSE[mine.claim], stale };
  }
  const released = new Set(mine === undefined ? [] : [mine.lease, ...stale]);
  const taken: Prefix[] = [];
  for (const lease of all) if (!released.has(lease)) taken.push(...subnetsOf(lease));
  for (const { ipv4, ipv6 } of blocked) taken.push(...[ipv4, ipv6].filter((subnet) => subnet !== undefined));
  const { because, ...subnets } = chooseSubnets({ request, old: mine?.lease, taken, leaseCount: all.length, random });
  if (mine === undefined) return { type: 'take', ...subnets, because };
  return { type: 'replace', old: mine.lease, ...subnets, because: `${misfit(mine.lease, network)}; ${because}`, stale };
}

/** The lease that a request makes of subnets. */
export function leaseFor(request: LeaseRequest, { ipv4, ipv6 }: LeaseSubnets): Lease {
  return {
    key: leaseKey({ ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) }),
    node: request.identity.node,
    nodeId: request.identity.nodeId,
    backendType: request.backendType,
    ...(ipv4 && { ipv4: { subnet: ipv4, ...request.published[4] } }),
    ...(ipv6 && { ipv6: { subnet: ipv6, ...request.published[6] } }),
  };
}

/** Whether a lease has exactly the families of the network, each in range and of the right length. */
export const fitsNetwork = (lease: Lease, network: Network): boolean =>
  ([4, 6] as const).every((family) => {
    const subnet = stackOf(lease, family)?.subnet;
    const stack = networkOf(network, family);
    return subnet === undefined || stack === undefined ? subnet === stack : fits(stack, subnet);
  });

const BECAUSE: Readonly<Record<Claim, string>> = {
  identity: 'this node holds it',
  name: 'it names this node',
  address: 'it has the public address of this node',
};

const RANK: Readonly<Record<Claim, number>> = { identity: 0, name: 1, address: 2 };

interface Own {
  readonly lease: Lease;
  readonly claim: Claim;
}

/** Best first: the stronger claim, then the lease that fits, then the subnet held before, then the lower key. */
function ownLeases(leases: readonly Lease[], request: LeaseRequest): readonly Own[] {
  const rank = ({ lease, claim }: Own): readonly number[] => [
    RANK[claim],
    fitsNetwork(lease, request.network) ? 0 : 1,
    subnetsOf(lease).some((s) => s === request.previous.ipv4 || s === request.previous.ipv6) ? 0 : 1,
  ];
  const own = leases.flatMap((lease): (Own & { order: readonly number[] })[] => {
    const claim = claimOf(lease, request);
    return claim === undefined ? [] : [{ lease, claim, order: rank({ lease, claim }) }];
  });
  return own.sort((a, b) => {
    const at = a.order.findIndex((value, i) => value !== b.order[i]);
    if (at >= 0) return (a.order[at] ?? 0) - (b.order[at] ?? 0);
    return a.lease.key < b.lease.key ? -1 : 1;
  });
}

function misfit(lease: Lease, network: Network): string {
  for (const family of [4, 6] as const) {
    const subnet = stackOf(lease, family)?.subnet;
    const stack = networkOf(network, family);
    if (subnet === undefined && stack === undefined) continue;
    if (subnet === undefined) return `the lease of ${leaseName(lease)} has no IPv${family} subnet`;
    if (stack === undefined) return `${subnet} is of a family that the network no longer has`;
    if (lengthOf(subnet) !== stack.subnetLen) return `${subnet} is not a /${stack.subnetLen}`;
    if (!fits(stack, subnet)) return `${subnet} is not in ${stack.subnetMin} to ${stack.subnetMax} of ${stack.network}`;
  }
  return `${lease.key} no longer fits the network`;
}

interface Choice {
  readonly request: LeaseRequest;
  /** What this node holds now and cannot keep as it is; a half of it that still fits is kept. */
  readonly old: Lease | undefined;
  readonly taken: readonly Prefix[];
  readonly leaseCount: number;
  readonly random: Random;
}

function chooseSubnets({ request, old, taken, leaseCount, random }: Choice): LeaseSubnets & { because: string } {
  const chosen = new Map<Family, Prefix>();
  const reasons: string[] = [];
  let place: bigint | undefined;
  for (const family of familiesOf(request.network)) {
    const stack = networkOf(request.network, family);
    if (stack === undefined) continue;
    const subnets = freeSubnets(stack, taken);
    const previous = family === 4 ? request.previous.ipv4 : request.previous.ipv6;
    const held = [(old && stackOf(old, family))?.subnet, previous].find((s) => s !== undefined && subnets.isFree(s));
    if (held === undefined && subnets.free === 0n) throw exhausted(stack, { total: subnets.total, leaseCount });
    // The same place in both families makes 10.244.7.0/24 and fd00:10:244:7::/64 one node's, for people's sake.
    const subnet = held ?? besides(subnets, place) ?? subnets.at(randomBelow(subnets.free, random));
    place ??= subnets.place(subnet);
    chosen.set(family, subnet);
    reasons.push(held === undefined ? `${subnet} was free` : `this node held ${subnet} before`);
  }
  const [ipv4, ipv6] = [chosen.get(4), chosen.get(6)];
  return { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }), because: reasons.join(', ') };
}

function besides(subnets: FreeSubnets, place: bigint | undefined): Prefix | undefined {
  const subnet = place === undefined ? undefined : subnets.atPlace(place);
  return subnet !== undefined && subnets.isFree(subnet) ? subnet : undefined;
}

/** A random integer below any limit, put together from 32-bit pieces; 64 bits to spare make the bias negligible. */
function randomBelow(limit: bigint, random: Random): bigint {
  if (limit <= 0x1_0000_0000n) return BigInt(random(Number(limit)));
  let value = 0n;
  for (let bits = limit.toString(2).length + 64; bits > 0; bits -= 32) {
    value = (value << 32n) | BigInt(random(0x1_0000_0000));
  }
  return value % limit;
}

function exhausted(stack: NetworkStack, { total, leaseCount }: { total: bigint; leaseCount: number }): FlanError {
  const what = `no IPv${familyOf(stack.network)} subnet is free: all ${total} /${stack.subnetLen} subnets from ${stack.subnetMin} to ${stack.subnetMax} of ${stack.network} are taken (${leaseCount} leases)`;
  return new FlanError('E_SUBNETS_EXHAUSTED', what, {
    hint: 'Release the leases of nodes that are gone, widen SubnetMin to SubnetMax or Network, or make SubnetLen longer.',
    retry: true,
  });
}
