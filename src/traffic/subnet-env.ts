import type { TextFile } from '../kinds/file.js';
import { addressAt, type Family, familyOf, lengthOf, type Prefix, tryPrefix } from '../model/ip.js';
import { type Lease, stackOf } from '../model/lease.js';
import { type Network, networkOf } from '../model/network.js';

export interface SubnetEnvInput {
  readonly path: string;
  readonly network: Network;
  readonly own: Lease;
  /** Bytes of the overlay. */
  readonly mtu: number;
  readonly masquerade: boolean;
}

const VARIABLES: Readonly<Record<Family, { readonly network: string; readonly subnet: string }>> = {
  4: { network: 'FLANNEL_NETWORK', subnet: 'FLANNEL_SUBNET' },
  6: { network: 'FLANNEL_IPV6_NETWORK', subnet: 'FLANNEL_IPV6_SUBNET' },
};

/** The first host address of a subnet with its length: what the CNI bridge gets. */
const gateway = (subnet: Prefix): string => `${addressAt(subnet, 1)}/${lengthOf(subnet)}`;

/** The file that CNI's flannel plugin reads: names and order are flannel's. */
export function subnetEnv({ path, network, own, mtu, masquerade }: SubnetEnvInput): TextFile {
  const lines = ([4, 6] as const).flatMap((family) => {
    const [stack, lease] = [networkOf(network, family), stackOf(own, family)];
    if (!stack || !lease) return [];
    const names = VARIABLES[family];
    return [`${names.network}=${stack.network}`, `${names.subnet}=${gateway(lease.subnet)}`];
  });
  lines.push(`FLANNEL_MTU=${mtu}`, `FLANNEL_IPMASQ=${masquerade}`);
  return { kind: 'file', path, content: lines.map((line) => `${line}\n`).join(''), mode: 0o644 };
}

/** What an earlier run (ours or flannel's) left in subnet.env. */
export interface PreviousEnv {
  readonly networks: readonly Prefix[];
  /** The own subnet per family: kept when the lease is gone but the subnet is free. */
  readonly ipv4?: Prefix;
  readonly ipv6?: Prefix;
}

/** Reads subnet.env; values that are not one CIDR of the right family are skipped, whatever the file holds. */
export function parseSubnetEnv(text: string): PreviousEnv {
  const values = new Map(
    text.split('\n').flatMap((line) => {
      const match = /^\s*(?:export\s+)?([A-Z0-9_]+)\s*=\s*["']?([^"'\s]*)["']?\s*$/.exec(line);
      return match?.[1] === undefined ? [] : [[match[1], match[2] ?? ''] as const];
    }),
  );
  // A value may be a list, as flannel reads it; only one subnet can be the one that this node held.
  const prefixOf = (name: string, family: Family): Prefix | undefined => {
    const [first, ...more] = (values.get(name) ?? '').split(',').flatMap((piece) => tryPrefix(piece.trim()) ?? []);
    return first && more.length === 0 && familyOf(first) === family ? first : undefined;
  };
  const ipv4 = prefixOf(VARIABLES[4].subnet, 4);
  const ipv6 = prefixOf(VARIABLES[6].subnet, 6);
  return {
    networks: [prefixOf(VARIABLES[4].network, 4), prefixOf(VARIABLES[6].network, 6)].filter((p) => p !== undefined),
    ...(ipv4 && { ipv4 }),
    ...(ipv6 && { ipv6 }),
  };
}
