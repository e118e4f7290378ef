import type { Json } from '../model/json.js';
import type { Lease, LeaseStack } from '../model/lease.js';
import { type Key, type Kind, keyOf } from '../planner/kind.js';

/** Stands for a subnet that only the store can choose. */
export const KNOWN_AFTER_APPLY = '(known after apply)';

/** This node's own entry in the store, as a plan shows it. Peers' leases are input, not resources. */
export interface OwnLease {
  readonly kind: 'lease';
  readonly node: string;
  readonly subnet?: string;
  readonly ipv6Subnet?: string;
  readonly publicIp?: string;
  readonly publicIpv6?: string;
  readonly backendType: string;
  readonly backendData?: Json;
  readonly backendV6Data?: Json;
}

/** Whether a change is one of the own lease: made in the store, by no driver, before all else or after it. */
export const isLeaseChange = ({ key }: { readonly key: Key }): boolean => key.startsWith('lease/');

export const leaseKind: Kind<OwnLease> = {
  kind: 'lease',
  rank: 0,
  key: ({ node }) => keyOf('lease', node),
  fields: ['subnet', 'ipv6Subnet', 'publicIp', 'publicIpv6', 'backendType', 'backendData', 'backendV6Data'],
  inPlace: ['publicIp', 'publicIpv6', 'backendType', 'backendData', 'backendV6Data'],
  needs: () => [],
  owns: () => true,
  describe: (l) =>
    [l.subnet, l.ipv6Subnet, 'for', [l.publicIp, l.publicIpv6].filter(Boolean).join(' and ')]
      .filter((word) => word !== undefined && word !== '')
      .join(' '),
};

type Published = Omit<LeaseStack, 'subnet'>;

interface Halves {
  readonly node: string;
  readonly backendType: string;
  readonly ipv4?: Published & { readonly subnet: string };
  readonly ipv6?: Published & { readonly subnet: string };
}

export function ownLease({ node, backendType, ipv4, ipv6 }: Halves): OwnLease {
  return {
    kind: 'lease',
    node,
    backendType,
    ...(ipv4 && { subnet: ipv4.subnet, ...only('publicIp', ipv4.publicIp), ...only('backendData', ipv4.backendData) }),
    ...(ipv6 && {
      ipv6Subnet: ipv6.subnet,
      ...only('publicIpv6', ipv6.publicIp),
      ...only('backendV6Data', ipv6.backendData),
    }),
  };
}

/** The resource that a lease read from the store stands for. */
export const leaseResource = (lease: Lease, node: string): OwnLease =>
  ownLease({
    node,
    backendType: lease.backendType,
    ...(lease.ipv4 && { ipv4: lease.ipv4 }),
    ...(lease.ipv6 && { ipv6: lease.ipv6 }),
  });

const only = <K extends string, V>(name: K, value: V | undefined): Partial<Record<K, V>> =>
  value === undefined || value === null ? {} : ({ [name]: value } as Record<K, V>);
