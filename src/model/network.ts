import { type Address, FAMILIES, type Family, type Prefix } from './ip.js';
import type { JsonObject } from './json.js';

/** One family's half of the cluster network: where node subnets are cut from. */
export interface NetworkStack {
  readonly network: Prefix;
  /** Prefix length of every node's subnet. */
  readonly subnetLen: number;
  /** First address of the first and of the last subnet that may be leased. */
  readonly subnetMin: Address;
  readonly subnetMax: Address;
}

/** flannel's net-conf.json, complete and checked: at least one family is there. */
export interface Network {
  readonly ipv4?: NetworkStack;
  readonly ipv6?: NetworkStack;
  /** EnableNFTables: masquerade and forward rules by nftables instead of iptables. */
  readonly nftables: boolean;
  readonly backend: BackendConfig;
}

export interface BackendConfig {
  /** Lower case, as in the file names of src/backends. */
  readonly type: string;
  /** The rest of the Backend object, keys as written: each backend reads its own, ignoring case. */
  readonly options: JsonObject;
}

export const networkOf = (network: Network, family: Family): NetworkStack | undefined =>
  family === 4 ? network.ipv4 : network.ipv6;

/** The families that a network has, IPv4 first. Asked of every lease, so nothing is made anew. */
export function familiesOf({ ipv4, ipv6 }: Network): readonly Family[] {
  if (ipv4 === undefined) return ipv6 === undefined ? NO_FAMILY : IPV6_ALONE;
  return ipv6 === undefined ? IPV4_ALONE : FAMILIES;
}

const NO_FAMILY: readonly Family[] = [];
const IPV4_ALONE: readonly Family[] = [4];
const IPV6_ALONE: readonly Family[] = [6];

export const networksOf = (network: Network): Prefix[] =>
  [network.ipv4?.network, network.ipv6?.network].filter((prefix) => prefix !== undefined);
