import type { FlanError } from '../errors.js';
import type { Identity } from '../model/facts.js';
import type { Family, Prefix } from '../model/ip.js';
import type { Lease, LeaseKey, LeaseStack } from '../model/lease.js';
import type { Network } from '../model/network.js';

/** Where nodes publish their subnets. Everything is cancellable; nothing retries silently. */
export interface LeaseStore {
  /** For people: `file ./leases`, `etcd https://10.0.0.1:2379`. */
  readonly name: string;
  /** Watches the own lease too: a store that has no expiry (kubernetes) never needs `renew`. */
  readonly expires: boolean;
  /** The store decides which subnet a node has, and may change its mind (Kubernetes: podCIDR); a changed one is followed. */
  readonly assigns?: boolean;
  /** @throws {FlanError} E_NETWORK_MISSING when nobody has configured the network yet */
  network(signal: AbortSignal): Promise<Network>;
  /** All leases at one moment. */
  list(signal: AbortSignal): Promise<LeaseListing>;
  /**
   * This node's lease: the one it holds if it fits the network, else its previous subnet if that is free, else a free
   * one. Publishes the request's addresses and backend data with it. Two nodes never get the same subnet.
   * @throws {FlanError} E_SUBNETS_EXHAUSTED
   */
  acquire(request: LeaseRequest, signal: AbortSignal): Promise<Lease>;
  /**
   * Extends the lease and publishes the request's data again; only while the store still says it is ours.
   * @throws {FlanError} E_LEASE_LOST
   */
  renew(lease: Lease, request: LeaseRequest, signal: AbortSignal): Promise<Lease>;
  /** Gives the subnet back. A lease that is gone already counts as released. */
  release(lease: Lease, signal: AbortSignal): Promise<void>;
  /** Keeps a subnet from being leased for ever (or ends that). Absent where the store cannot. */
  reserve?(subnets: { readonly ipv4?: Prefix; readonly ipv6?: Prefix }, signal: AbortSignal): Promise<Lease>;
  /** The lease that this node holds now, where that is known without listing all. */
  own?(signal: AbortSignal): Promise<Lease | undefined>;
  /** When a lease ends, in milliseconds since 1970, where listing does not tell; undefined: never. */
  expiry?(lease: Lease, signal: AbortSignal): Promise<number | undefined>;
  /**
   * Starts with a snapshot, and sends another whenever history was lost (compaction, HTTP 410, a re-read directory).
   * While disconnected it says nothing; `onState` tells people. Ends (returns) soon after the signal aborts.
   */
  watch(signal: AbortSignal, onState?: (state: StoreState) => void): AsyncIterable<LeaseEvent>;
  /** Publishes whether this node's network works, where the store has a place for that (Kubernetes). */
  setNetwork?(state: 'up' | 'down', signal: AbortSignal): Promise<void>;
  /** Tells people who look at this node through the store, where it has a place for that (Kubernetes: Events). */
  note?(note: NodeNote, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** Something that happened on this node, for people. */
export interface NodeNote {
  readonly type: 'Normal' | 'Warning';
  /** One word in CamelCase, to be searched by. */
  readonly reason: string;
  readonly message: string;
  /** How often, since it was noted the last time. */
  readonly count: number;
}

export interface LeaseListing {
  readonly leases: readonly Lease[];
  readonly rejected: readonly RejectedEntry[];
}

/** An entry that cannot be read as a lease. It hurts nobody but itself. */
export interface RejectedEntry {
  /** The store's name of it: a key, a file, a Node. */
  readonly entry: string;
  readonly error: FlanError;
}

export type LeaseEvent =
  /** `rewound`: the store has gone back in time, restored from a backup or without what it held. */
  | ({ readonly type: 'snapshot'; readonly rewound?: true } & LeaseListing)
  | { readonly type: 'put'; readonly lease: Lease }
  | { readonly type: 'delete'; readonly key: LeaseKey }
  | { readonly type: 'reject'; readonly rejected: RejectedEntry };

export type StoreState =
  | { readonly state: 'connected' }
  | { readonly state: 'disconnected'; readonly error: FlanError; readonly retryInMs: number };

/** What this node wants published with its lease. */
export interface LeaseRequest {
  readonly network: Network;
  readonly identity: Identity;
  readonly backendType: string;
  /** Per enabled family: the advertised address and the backend's data. */
  readonly published: Readonly<Partial<Record<Family, Omit<LeaseStack, 'subnet'>>>>;
  /** The subnets in subnet.env, to be kept if nobody else holds them. */
  readonly previous: { readonly ipv4?: Prefix; readonly ipv6?: Prefix };
}
