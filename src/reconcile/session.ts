import type { Drivers } from '../drivers/drivers.js';
import type { AssociationStatus } from '../drivers/vici/associations.js';
import type { TunnelStatus } from '../drivers/wireguard/status.js';
import type { Selection } from '../host/external.js';
import type { LeaseStore } from '../leases/store.js';
import type { CloudFacts } from '../model/cloud.js';
import type { HostFacts, Identity, RouteLookup } from '../model/facts.js';
import type { Address } from '../model/ip.js';
import type { Network } from '../model/network.js';
import type { Warning } from '../model/warning.js';
import type { Kinds } from '../planner/kind.js';
import type { PreviousEnv } from '../traffic/subnet-env.js';
import type { Options } from './inputs.js';

/** The edge of one run: everything that touches the world, opened by a command and handed in. */
export interface Session {
  readonly store: LeaseStore;
  /** The network config as it was when the session was opened; a changed one needs a new session. */
  readonly network: Network;
  /** Warnings about the store, tools and files that were opened. */
  readonly warnings: readonly Warning[];
  readonly drivers: Drivers;
  readonly kinds: Kinds;
  readonly identity: Identity;
  readonly options: Options;
  /** How the external interface is to be chosen. */
  readonly selection: Selection;
  /** Reads the host anew. */
  facts(): HostFacts;
  /** Which way the kernel sends to an address now; undefined when there is none. */
  lookup(address: Address): RouteLookup | undefined;
  /** This node's WireGuard key, the public half; undefined when there is none yet. Absent for other backends. */
  publicKey?(): string | undefined;
  /** What backend extension's PreStartupCommand wrote; undefined while it has not run. Absent for other backends. */
  startupOutput?(): string | undefined;
  /** What the cloud said of this instance last. Absent for backends that ask none. @throws {FlanError} E_CLOUD_… */
  cloud?(): CloudFacts | undefined;
  /**
   * Makes what this node needs before it can publish itself and does not have yet: that key, that output. Planning never
   * asks for it. @throws {FlanError} E_EXTENSION
   */
  equip?(signal: AbortSignal): Promise<'made' | 'nothing'> | 'made' | 'nothing';
  /** Rejects when a daemon cannot go on; never resolves. */
  readonly fatal?: Promise<never>;
  /** The last thing that a daemon which was told to stop does. Without it everything stays in place. @throws {FlanError} */
  shutDown?(): Promise<void>;
  /** How this node's WireGuard tunnels do. Absent for other backends, and where they cannot be read. */
  tunnels?(): Promise<readonly TunnelStatus[]>;
  /** How the tunnels of backend ipsec do. Absent for other backends, and where charon may not be asked. */
  associations?(): Promise<readonly AssociationStatus[]>;
  /** What subnet.env holds from an earlier run. */
  previous(): PreviousEnv;
  close(): Promise<void>;
}
