/** What of a host can stand in an overlay's way, read at one moment. Plain data. */
export interface HostState {
  /** Other programs that manage networks, by the names of their processes. */
  readonly managers: readonly HostProcess[];
  /** networkd.conf and its drop-ins, wherever they are; in no order. */
  readonly networkdFiles: readonly ConfigText[];
  /** NetworkManager.conf and its drop-ins. */
  readonly networkManagerFiles: readonly ConfigText[];
  /** firewalld's zones, those of administrators and those that it brings along. */
  readonly firewalldZones: readonly ConfigText[];
  readonly modules: Readonly<Record<string, ModuleState>>;
  /** By path below /proc/sys: `net/ipv4/ip_forward`. What is not there is not in it. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** Of this process. */
  readonly capabilities: readonly string[];
  /** `wireguard-go`, `nft`, … that can be run. */
  readonly programs: readonly string[];
  /** Device files that this process may open for writing: `/dev/net/tun`. */
  readonly devices: readonly string[];
}

export interface HostProcess {
  readonly pid: number;
  /** comm: 15 characters at most. */
  readonly name: string;
  /** Whether it is in the network namespace that flan works in; undefined when that may not be looked at. */
  readonly sameNetns: boolean | undefined;
}

export interface ConfigText {
  readonly path: string;
  readonly text: string;
}

/** `absent`: there is a directory of modules for this kernel and it is not in it. */
export type ModuleState = 'present' | 'absent' | 'unknown';

/** A UDP socket that is bound to a port. @see proc_pid_net(5), /proc/net/udp */
export interface UdpSocket {
  readonly port: number;
  readonly family: 4 | 6;
  readonly inode: number;
  /** Who holds it; absent for the kernel's own sockets, and where processes may not be looked at. */
  readonly owner?: { readonly pid: number; readonly name: string };
}

/** One TLS certificate that the way to the store depends on. */
export interface CertificateFact {
  /** For people: `server certificate of https://10.0.0.1:2379`. */
  readonly what: string;
  /** Milliseconds since 1970. */
  readonly validFromMs: number;
  readonly validToMs: number;
}
