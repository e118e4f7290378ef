import { type Address, type Family, familyOf, lengthOf, makePrefix, type Prefix, tryAddress } from './ip.js';
import type { Json } from './json.js';

declare const brand: unique symbol;

/** flannel's name of a lease: `10.5.52.0-24`, dual stack `10.5.52.0-24&fc00:1:2:3::-64`, IPv6 only `0.0.0.0-0&…`. */
export type LeaseKey = string & { readonly [brand]: 'LeaseKey' };

/** One family's half of a lease. */
export interface LeaseStack {
  readonly subnet: Prefix;
  /** The address other nodes send to; absent when the node has published none. */
  readonly publicIp?: Address;
  /** What the backend needs beside the address (flannel: BackendData, BackendV6Data), kept as it was published. */
  readonly backendData?: Json;
}

/** A subnet held by one node. At least one of the two halves is there. */
export interface Lease {
  readonly key: LeaseKey;
  /** Node name, where the store knows it (Kubernetes, files, and etcd values written by flan). */
  readonly node?: string;
  /** Stable identity of the holder; survives a change of name and of address. */
  readonly nodeId?: string;
  /** `host-gw`, `vxlan`, …; empty for backends that publish none (alloc, udp, clouds). */
  readonly backendType: string;
  readonly ipv4?: LeaseStack;
  readonly ipv6?: LeaseStack;
  /** Milliseconds since 1970; absent: never expires (reservations, Kubernetes). */
  readonly expiresAtMs?: number;
  /** Where this version was read, for reasons people see: `etcd revision 4411`, a file name. */
  readonly origin?: string;
}

/** A half that peers can be reached through. */
export interface Stack extends LeaseStack {
  readonly family: Family;
  readonly publicIp: Address;
}

export const stackOf = (lease: Lease, family: Family): LeaseStack | undefined =>
  family === 4 ? lease.ipv4 : lease.ipv6;

/** The halves that carry traffic, IPv4 first: those with both a subnet and a public address. */
export function stacks({ ipv4, ipv6 }: Lease): Stack[] {
  const first = reachable(4, ipv4);
  const second = reachable(6, ipv6);
  if (first === undefined) return second === undefined ? [] : [second];
  return second === undefined ? [first] : [first, second];
}

function reachable(family: Family, half: LeaseStack | undefined): Stack | undefined {
  const { subnet, publicIp, backendData } = half ?? NO_HALF;
  if (subnet === undefined || publicIp === undefined) return undefined;
  return backendData === undefined ? { family, subnet, publicIp } : { family, subnet, publicIp, backendData };
}

const NO_HALF: Partial<LeaseStack> = {};

/** The subnets a lease holds, IPv4 first. */
export function subnetsOf({ ipv4, ipv6 }: Lease): Prefix[] {
  if (ipv4 === undefined) return ipv6 === undefined ? [] : [ipv6.subnet];
  return ipv6 === undefined ? [ipv4.subnet] : [ipv4.subnet, ipv6.subnet];
}

/** How people call a lease: by its node where that is known. */
export const leaseName = (lease: Lease): string => lease.node ?? lease.key;

export interface LeaseSubnets {
  readonly ipv4?: Prefix;
  readonly ipv6?: Prefix;
}

const dashed = (prefix: Prefix) => prefix.replace('/', '-');

export function leaseKey({ ipv4, ipv6 }: LeaseSubnets): LeaseKey {
  const v4 = ipv4 ? dashed(ipv4) : '0.0.0.0-0';
  return (ipv6 ? `${v4}&${dashed(ipv6)}` : v4) as LeaseKey;
}

function undashed(text: string, family: Family): Prefix | undefined {
  const match = /^([0-9a-fA-F.:]+)-(\d{1,3})$/.exec(text);
  const address = match?.[1] === undefined ? undefined : tryAddress(match[1]);
  const len = Number(match?.[2]);
  // flannel: an IPv4 length has 5 bits, an IPv6 length 7, so /32 and /128 are not subnets.
  if (address === undefined || familyOf(address) !== family || len > (family === 4 ? 31 : 127)) return undefined;
  return makePrefix(address, len);
}

/** The subnets that a lease key names; undefined when it is not one. */
export function parseLeaseKey(key: string): LeaseSubnets | undefined {
  const [first = '', second, ...rest] = key.split('&');
  if (rest.length > 0) return undefined;
  const ipv4 = undashed(first, 4);
  if (ipv4 === undefined) return undefined;
  if (second === undefined) return lengthOf(ipv4) === 0 ? undefined : { ipv4 };
  const ipv6 = undashed(second, 6);
  if (ipv6 === undefined) return undefined;
  return lengthOf(ipv4) === 0 ? { ipv6 } : { ipv4, ipv6 };
}
