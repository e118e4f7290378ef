import type { Address, Family, Prefix } from './ip.js';
import type { Mac } from './mac.js';

/** What this host is, read once per plan and refreshed by events in `watch`. Plain data: it can be saved and replayed. */
export interface HostFacts {
  readonly hostname: string;
  readonly links: readonly HostLink[];
  readonly defaultRoutes: readonly DefaultRoute[];
  /** Answers of RTM_GETROUTE for the addresses that the settings ask about (`--iface-can-reach`). */
  readonly lookups: Readonly<Record<Address, RouteLookup>>;
}

export interface HostLink {
  readonly index: number;
  readonly name: string;
  /** IFLA_INFO_KIND: `vxlan`, `veth`, …; absent for hardware. */
  readonly kind?: string;
  readonly up: boolean;
  readonly loopback: boolean;
  readonly mtu: number;
  readonly mac?: Mac;
  readonly addresses: readonly HostAddress[];
}

export interface HostAddress {
  readonly address: Address;
  readonly len: number;
  /** rtnetlink scope. */
  readonly scope: 'global' | 'site' | 'link' | 'host' | 'nowhere';
  /** IFA_F_PERMANENT: not learned from DHCP or router advertisements. */
  readonly permanent: boolean;
  readonly deprecated: boolean;
  readonly temporary: boolean;
  /** Other end of a point-to-point address. */
  readonly peer?: Address;
}

export interface DefaultRoute {
  readonly family: Family;
  readonly dev: string;
  readonly via?: Address;
  readonly metric: number;
  /** RTA_PREFSRC. */
  readonly source?: Address;
}

export interface RouteLookup {
  readonly dev: string;
  /** Source address the kernel would use. */
  readonly source?: Address;
  /** Next hop; absent when the address is on the link itself. */
  readonly via?: Address;
}

/** The interface that carries the overlay's packets, one per family. */
export interface External {
  readonly family: Family;
  readonly dev: string;
  readonly index: number;
  readonly mtu: number;
  /** The address on the interface: what packets are sent from. */
  readonly address: Address;
  /** The address that peers send to; differs from `address` behind 1:1 NAT. */
  readonly publicIp: Address;
  /** The on-link prefixes of the interface in this family. */
  readonly onLink: readonly Prefix[];
}

/** Who this node is, whatever its addresses are. */
export interface Identity {
  /** Node name; the host name unless set. */
  readonly node: string;
  /** Stable across reboots and renames: derived from the machine id unless set. */
  readonly nodeId: string;
}
