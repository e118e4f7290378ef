import type { Link } from '../kinds/link.js';
import type { External, HostLink } from '../model/facts.js';
import type { CertificateFact, HostState, UdpSocket } from '../model/host-state.js';
import type { Address, Family } from '../model/ip.js';
import type { Lease } from '../model/lease.js';
import type { Network } from '../model/network.js';
import type { Warning } from '../model/warning.js';
import type { Key } from '../planner/kind.js';
import type { PreviousEnv } from '../traffic/subnet-env.js';

/** Everything that is judged. Plain data, gathered beforehand. */
export interface DoctorFacts {
  /** Milliseconds since 1970, of this host. */
  readonly nowMs: number;
  readonly host: HostState;
  readonly store: StoreFacts;
  readonly lock: LockFacts;
  readonly subnetEnv: SubnetEnvFacts;
  /** Absent when the store, the network config or the host do not allow to tell what this node should hold. */
  readonly overlay: OverlayFacts | undefined;
  /** Why there is no overlay. */
  readonly trouble: Trouble | undefined;
  /** Another network namespace than this process's own. */
  readonly netns: string | undefined;
}

/** An error in plain data. */
export interface Trouble {
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
}

export interface StoreFacts {
  readonly type: 'file' | 'etcd' | 'kubernetes';
  /** For people: `etcd https://10.0.0.1:2379`. */
  readonly name: string;
  readonly certificates: readonly CertificateFact[];
  /** What a server's clock said, and this host's at the same moment; absent where no server tells. */
  readonly clock?: { readonly server: string; readonly theirMs: number; readonly ourMs: number };
}

export interface LockFacts {
  /** `pid 123 (flan watch)`; absent when nobody holds it. */
  readonly holder?: string;
}

export interface SubnetEnvFacts {
  readonly path: string;
  readonly state: 'there' | 'missing' | 'unreadable';
  readonly values: PreviousEnv;
  readonly mtu?: number;
  /** Permission bits. */
  readonly mode?: number;
}

/** A UDP port that the backend listens on. */
export interface NeededPort {
  readonly port: number;
  /** What listens there: a device, a daemon. */
  readonly what: string;
  /** `protocol`: peers expect it there, and no setting changes that. */
  readonly chosenBy?: 'protocol';
}

export interface OverlayFacts {
  readonly network: Network;
  readonly backend: string;
  /** Only `flan watch` carries packets. */
  readonly needsWatch: boolean;
  readonly external: readonly External[];
  readonly links: readonly HostLink[];
  readonly own: Lease | undefined;
  readonly leases: readonly Lease[];
  /** Packets that fit, per family: the external interface's MTU, and what encapsulation takes of it. */
  readonly mtu: readonly {
    readonly family: Family;
    readonly dev: string;
    readonly underlay: number;
    readonly overhead: number;
  }[];
  /** Our devices as they should be. */
  readonly devices: readonly Link[];
  /** Every VXLAN device that there is. */
  readonly vxlans: readonly { readonly name: string; readonly vni: number; readonly port: number }[];
  readonly ports: readonly NeededPort[];
  readonly sockets: readonly UdpSocket[];
  /** Peers that the kernel would send to by another interface than the external one. */
  readonly elsewhere: readonly { readonly peer: string; readonly address: Address; readonly dev: string }[];
  readonly conflicts: readonly Key[];
  /** Rule sets of ours that nothing asks for: those of the other packet filter. */
  readonly leftRules: readonly Key[];
  /** Lines of iptables-save. */
  readonly iptables: readonly string[];
  /** What plan warns of. */
  readonly warnings: readonly Warning[];
  /** Leases that are left out, as plan says it. */
  readonly quarantined: readonly { readonly entry: string; readonly code: string; readonly message: string }[];
}
