import type { LeaseRequest } from '../../src/leases/store.js';
import { type Address, type Prefix, parseAddress, parsePrefix } from '../../src/model/ip.js';
import { type Lease, leaseKey } from '../../src/model/lease.js';
import type { Network, NetworkStack } from '../../src/model/network.js';

export const ip = (text: string): Address => parseAddress(text);
export const prefix = (text: string): Prefix => parsePrefix(text);

export const stack = (network: string, subnetLen: number, subnetMin: string, subnetMax: string): NetworkStack => ({
  network: prefix(network),
  subnetLen,
  subnetMin: ip(subnetMin),
  subnetMax: ip(subnetMax),
});

export const V4 = stack('10.3.0.0/16', 24, '10.3.1.0', '10.3.25.0');
export const V6 = stack('fd00:3::/48', 64, 'fd00:3:0:1::', 'fd00:3:0:19::');

export const network = (halves: Pick<Network, 'ipv4' | 'ipv6'> = { ipv4: V4 }): Network => ({
  ...halves,
  nftables: false,
  backend: { type: 'host-gw', options: {} },
});

export interface LeaseParts {
  readonly v4?: string;
  readonly v6?: string;
  readonly ip?: string;
  readonly ip6?: string;
  readonly node?: string;
  readonly nodeId?: string;
  readonly expiresAtMs?: number;
}

export function lease({ v4, v6, ip: ip4, ip6, ...rest }: LeaseParts): Lease {
  const ipv4 = v4 === undefined ? undefined : { subnet: prefix(v4), ...(ip4 && { publicIp: ip(ip4) }) };
  const ipv6 = v6 === undefined ? undefined : { subnet: prefix(v6), ...(ip6 && { publicIp: ip(ip6) }) };
  return {
    key: leaseKey({ ...(ipv4 && { ipv4: ipv4.subnet }), ...(ipv6 && { ipv6: ipv6.subnet }) }),
    backendType: 'host-gw',
    ...rest,
    ...(ipv4 && { ipv4 }),
    ...(ipv6 && { ipv6 }),
  };
}

export interface RequestParts {
  readonly node?: string;
  readonly nodeId?: string;
  readonly ip?: string;
  readonly ip6?: string;
  readonly network?: Network;
  readonly previous?: { readonly v4?: string; readonly v6?: string };
}

export const request = (parts: RequestParts = {}): LeaseRequest => ({
  network: parts.network ?? network(),
  identity: { node: parts.node ?? 'node-a', nodeId: parts.nodeId ?? 'id-a' },
  backendType: 'host-gw',
  published: {
    ...(parts.ip !== undefined && { 4: { publicIp: ip(parts.ip) } }),
    ...(parts.ip6 !== undefined && { 6: { publicIp: ip(parts.ip6) } }),
  },
  previous: {
    ...(parts.previous?.v4 && { ipv4: prefix(parts.previous.v4) }),
    ...(parts.previous?.v6 && { ipv6: prefix(parts.previous.v6) }),
  },
});

/** A repeatable source of numbers (mulberry32). */
export function seeded(seed: number): (max: number) => number {
  let state = seed >>> 0;
  return (max) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000) * max);
  };
}
