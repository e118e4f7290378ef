import type { Address, Family, Prefix } from '../model/ip.js';
import type { TunOffload } from '../sys/tun.js';

/** One peer as a packet loop knows it. */
export interface SlottedPeer {
  /** Which of the counters are its own. */
  readonly slot: number;
  readonly subnet: Prefix;
  readonly endpoint: Address;
  readonly port: number;
}

export interface LoopSocket {
  readonly family: Family;
  readonly fd: number;
  readonly gro: 'yes' | 'no';
}

/** What a packet loop starts with. All descriptors are its own to close from then on. */
export interface LoopStart {
  readonly tun: number;
  readonly offload: TunOffload;
  readonly sockets: readonly LoopSocket[];
  /** Rung for every message; stays with whoever made it. */
  readonly bell: number;
  readonly icmp: { readonly v4: number | undefined; readonly v6: number | undefined };
  readonly counters: SharedArrayBuffer;
  readonly peers: readonly SlottedPeer[];
}

export type ToLoop =
  | {
      readonly type: 'peers';
      readonly put: readonly SlottedPeer[];
      readonly remove: readonly Prefix[];
      readonly id: number;
    }
  /** Takes the place of all sockets there were. */
  | { readonly type: 'sockets'; readonly sockets: readonly LoopSocket[]; readonly id: number }
  | { readonly type: 'stop' };

export type FromLoop =
  | { readonly type: 'ready' }
  /** The message of that id is carried out. */
  | { readonly type: 'done'; readonly id: number }
  /** The device or a socket cannot be used any more; the loop has ended. */
  | { readonly type: 'lost'; readonly why: string };
