import type { FlanError } from '../errors.js';
import type { Family } from '../model/ip.js';
import type { Key, Ownership, Resource } from '../planner/kind.js';
import type { Step } from '../planner/plan.js';

/** What to look at. Drivers read no more than this, however much else the host holds. */
export interface Scope {
  readonly ownership: Ownership;
  /** Families that the network uses, and those it may have used before. */
  readonly families: readonly Family[];
  /** Route tables by number. */
  readonly tables: readonly number[];
  /** Whether a key is desired: foreign resources are only reported where they stand on one. */
  readonly wants: (key: Key) => boolean;
  /** Links whose changes matter though nothing of ours may stand on them: those that carry the overlay's packets. */
  readonly devices?: readonly string[];
  /** Whether what is desired follows from the host's own routes too (`lookup`): their changes are then told as `host`. */
  readonly routesMatter?: boolean;
  /** Desired resources of the driver's kinds that can be read only by name (files). */
  readonly named: readonly Resource[];
}

export interface Observation {
  /** Ours, and foreign ones that stand on a wanted key. */
  readonly resources: readonly Resource[];
  /** How many foreign resources of each kind were seen and left alone. */
  readonly foreign: Readonly<Record<string, number>>;
}

/** What one step came to. `raced`: the world moved meanwhile; look again. `blocked`: something it needs failed. */
export type Outcome =
  | { readonly step: Step; readonly status: 'done' }
  | { readonly step: Step; readonly status: 'failed' | 'raced' | 'blocked'; readonly error: FlanError };

/** What a driver saw happen, in the order it happened. */
export type Notice =
  | { readonly type: 'seen'; readonly key: Key; readonly resource: Resource; readonly by?: string }
  | { readonly type: 'gone'; readonly key: Key; readonly by?: string }
  /** Something may have changed that events do not tell: read everything again. */
  | { readonly type: 'doubt'; readonly why: string }
  /** Links, addresses or routes of the host changed: the facts must be gathered again. */
  | { readonly type: 'host'; readonly why: string };

/** Observes and performs for one transport. */
export interface Driver {
  readonly name: string;
  /** The kinds it serves. A step goes to the driver that lists its kind. */
  readonly kinds: readonly string[];
  /** Reads only; needs no privilege where the system asks for none. @throws {FlanError} */
  observe(scope: Scope, signal: AbortSignal): Promise<Observation>;
  /**
   * Performs steps of one rank in order, in as few system calls as possible. Never throws for one step. Idempotent:
   * deleting the absent and creating what is equal already are `done`.
   */
  perform(steps: readonly Step[], signal: AbortSignal): Promise<readonly Outcome[]>;
  /**
   * Reports changes made by anybody else from now on, until `signal`. Resolves once subscribed: a change after that
   * is reported, one before is seen by the next `observe`. Our own writes are not reported.
   */
  follow?(scope: Scope, tell: (notice: Notice) => void, signal: AbortSignal): Promise<void>;
  /** Resolves once something was heard by the way that changes are heard of; stays silent when that is broken. */
  echo?(): Promise<void>;
  close(): void;
}
