import type { AssociationStatus } from '../drivers/vici/associations.js';
import type { TunnelStatus } from '../drivers/wireguard/status.js';
import type { FlanError } from '../errors.js';
import type { Lease } from '../model/lease.js';
import type { Key, Resource } from '../planner/kind.js';
import type { Wanted } from '../planner/plan.js';

/** What a running `watch` shows of itself: read by whoever looks, at the moment of looking. Nothing is kept for it. */
export interface WatchView {
  readonly about: About;
  /** The own lease as it was last confirmed. */
  own(): Lease;
  /** Those in use, in no order. */
  peers(): readonly Lease[];
  /** Leases that cannot be used, with why. */
  leftOut(): readonly LeftOut[];
  desired(): ReadonlyMap<Key, Wanted>;
  observed(): ReadonlyMap<Key, Resource>;
  /** What stands on this host and is nobody's business of ours, by kind. */
  foreign(): Readonly<Record<string, number>>;
  /** What could not be made so far, with why at the last try. */
  failing(): ReadonlyMap<Key, FlanError>;
  condition(): Condition;
  /** Whether the guard against mass deletion holds leases back now. */
  holdsSnapshot(): boolean;
  /** How long work has been due, or a round has been running, without any of it getting done; 0 when all is done. */
  stalledMs(): number;
  /** Resolves when something sent to the kernel came back by the way that its events take. */
  echo(signal: AbortSignal): Promise<void>;
  /** How the WireGuard tunnels do; none for other backends. */
  tunnels(): Promise<readonly TunnelStatus[]>;
  /** How the tunnels of backend ipsec do; none for other backends. */
  associations(): Promise<readonly AssociationStatus[]>;
  /** Reads everything again, soon. */
  resync(why: string): void;
}

export interface LeftOut {
  /** The lease's key. */
  readonly entry: string;
  readonly why: string;
}

/** What stays the same for the length of a run. */
export interface About {
  readonly node: string;
  readonly backend: string;
  readonly store: string;
  readonly networks: readonly string[];
}

/** Whether this node can do its part. */
export interface Condition {
  readonly state: 'works' | 'broken';
  /** Why not, for people. */
  readonly why?: string;
}

/** One look at what is pending and what came of it. */
export interface Round {
  /** `partial`: some steps failed; `failed`: nothing could be looked at. */
  readonly result: 'ok' | 'partial' | 'failed';
  readonly tookMs: number;
  readonly errors: readonly FlanError[];
}
