import {
  type Address,
  contains,
  familyOf,
  isLoopback,
  isNobodys,
  isUnspecified,
  lengthOf,
  overlaps,
  type Prefix,
} from './ip.js';
import { type Lease, type LeaseStack, stackOf, subnetsOf } from './lease.js';
import { familiesOf, type Network, networkOf } from './network.js';

export type QuarantineReason =
  | 'wrong-family'
  | 'outside-network'
  | 'no-public-address'
  | 'unusable-public-address'
  | 'covers-host-address'
  | 'overlaps-own-lease'
  | 'overlaps-other-lease';

export interface Verdict {
  readonly reason: QuarantineReason;
  /** For people: what exactly is wrong, without the name of the lease. */
  readonly detail: string;
}

/** A lease that must not be used; the others go on without it. */
export interface Quarantine extends Verdict {
  readonly lease: Lease;
}

/** What a lease is judged by, other leases apart. */
export interface AdmissionContext {
  readonly network: Network;
  readonly isInNetwork: (inside: Address | Prefix) => boolean;
  /** The subnets that this node holds. */
  readonly ownSubnets: readonly Prefix[];
  /** An address of this host inside the prefix, if there is one. */
  readonly hostAddressIn: (prefix: Prefix) => Address | undefined;
  readonly isHostAddress: (address: Address) => boolean;
  /** The network or broadcast address of a network that this host is in. */
  readonly isNobodyHere: (address: Address) => boolean;
}

/** A lease without the halves of families that the network does not have. */
export function withinFamilies(lease: Lease, network: Network): Lease {
  if ((network.ipv4 || !lease.ipv4) && (network.ipv6 || !lease.ipv6)) return lease;
  const { ipv4, ipv6, ...rest } = lease;
  return { ...rest, ...(network.ipv4 && ipv4 && { ipv4 }), ...(network.ipv6 && ipv6 && { ipv6 }) };
}

/** Nobody holds it and nothing is reached through it: it keeps a subnet free and is no peer. */
export const isReservation = (lease: Lease): boolean =>
  lease.node === undefined && lease.nodeId === undefined && !lease.ipv4?.publicIp && !lease.ipv6?.publicIp;

/** What is wrong with a lease whatever the others are; the lease must have gone through `withinFamilies`. */
export function judge(lease: Lease, context: AdmissionContext): Verdict | undefined {
  const { network, isInNetwork } = context;
  const subnets = subnetsOf(lease);
  if (subnets.length === 0) {
    const families = familiesOf(network).map((family) => `IPv${family}`);
    return { reason: 'wrong-family', detail: `it has no subnet of the network's family, ${families.join(' and ')}` };
  }
  const outside = subnets.find((subnet) => !isInNetwork(subnet));
  if (outside !== undefined) {
    const whole = networkOf(network, familyOf(outside))?.network;
    return { reason: 'outside-network', detail: `${outside} is outside the network ${whole}` };
  }
  return (
    judgeAddresses(lease, context) ??
    judgeSubnet(lease.ipv4?.subnet, context) ??
    judgeSubnet(lease.ipv6?.subnet, context)
  );
}

function judgeAddresses({ ipv4, ipv6 }: Lease, context: AdmissionContext): Verdict | undefined {
  if (ipv4?.publicIp === undefined && ipv6?.publicIp === undefined) {
    return { reason: 'no-public-address', detail: 'it has no public address to send to' };
  }
  return judgeHalf(ipv4, context) ?? judgeHalf(ipv6, context);
}

function judgeHalf(half: LeaseStack | undefined, context: AdmissionContext): Verdict | undefined {
  const address = half?.publicIp;
  if (half === undefined || address === undefined) return undefined;
  const fault = addressFault(address) ?? placeFault(address, half.subnet, context);
  if (fault === undefined) return undefined;
  return { reason: 'unusable-public-address', detail: `public address ${address} ${fault}` };
}

function addressFault(address: Address): string | undefined {
  if (isUnspecified(address) || address === '255.255.255.255') return 'is not the address of a node';
  if (isNobodys(address)) return isLoopback(address) ? 'is a loopback address' : 'is a multicast address';
  return undefined;
}

/** Packets to a peer must not take the overlay's own routes, nor end here. */
function placeFault(address: Address, subnet: Prefix, context: AdmissionContext): string | undefined {
  if (context.isInNetwork(address)) {
    if (contains(subnet, address)) return `lies inside its own subnet ${subnet}`;
    return `lies inside the network ${networkOf(context.network, familyOf(address))?.network}`;
  }
  if (context.isHostAddress(address)) return 'belongs to this host';
  return context.isNobodyHere(address) ? "is no node's: a network of this host begins or ends with it" : undefined;
}

function judgeSubnet(subnet: Prefix | undefined, { ownSubnets, hostAddressIn }: AdmissionContext): Verdict | undefined {
  if (subnet === undefined) return undefined;
  const own = ownSubnets.find((other) => overlaps(other, subnet));
  if (own !== undefined) return { reason: 'overlaps-own-lease', detail: `${subnet} overlaps this node's own ${own}` };
  const address = hostAddressIn(subnet);
  if (address === undefined) return undefined;
  return { reason: 'covers-host-address', detail: `${subnet} covers ${address}, an address of this host` };
}

/**
 * Which of two overlapping leases is used, the same on every node and whatever came first: one with the network's
 * SubnetLen before any other (a lease too wide must not push out those inside it), then the one with more families (a
 * node that goes dual-stack takes the new lease before it gives the old one back), then the lower key. Negative: `a`.
 */
export function comparePrecedence(a: Lease, b: Lease, network: Network): number {
  const irregular = (lease: Lease) =>
    Number(
      familiesOf(network).some((family) => {
        const subnet = stackOf(lease, family)?.subnet;
        return subnet !== undefined && lengthOf(subnet) !== networkOf(network, family)?.subnetLen;
      }),
    );
  return (
    irregular(a) - irregular(b) ||
    subnetsOf(b).length - subnetsOf(a).length ||
    (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
  );
}
