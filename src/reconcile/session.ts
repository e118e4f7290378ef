import type { Drivers } from '../drivers/drivers.js';
import type { Selection } from '../host/external.js';
import type { LeaseStore } from '../leases/store.js';
import type { HostFacts, Identity } from '../model/facts.js';
import type { Kinds } from '../planner/kind.js';
import type { PreviousEnv } from '../traffic/subnet-env.js';
import type { Options } from './inputs.js';

/** The edge of one run: everything that touches the world, opened by a command and handed in. */
export interface Session {
  readonly store: LeaseStore;
  readonly drivers: Drivers;
  readonly kinds: Kinds;
  readonly identity: Identity;
  readonly options: Options;
  /** How the external interface is to be chosen. */
  readonly selection: Selection;
  /** Reads the host anew. */
  facts(): HostFacts;
  /** What subnet.env holds from an earlier run. */
  previous(): PreviousEnv;
  close(): Promise<void>;
}
