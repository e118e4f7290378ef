import type { CloudFacts } from '../model/cloud.js';
import type { External, HostLink, Identity, RouteLookup } from '../model/facts.js';
import type { Address, Family } from '../model/ip.js';
import type { Json, JsonObject } from '../model/json.js';
import type { Lease } from '../model/lease.js';
import type { Network } from '../model/network.js';
import type { Warning } from '../model/warning.js';
import type { Resource } from '../planner/kind.js';

/** Everything a backend may look at. */
export interface BackendContext<Options = unknown> {
  readonly network: Network;
  readonly options: Options;
  readonly identity: Identity;
  /** This node's WireGuard key, the public half in base64; absent where there is none yet, and for other backends. */
  readonly publicKey?: string;
  /** What backend extension's PreStartupCommand wrote; absent while it has not run, and for other backends. */
  readonly startupOutput?: string;
  /** What the cloud says of this instance; absent for backends that ask none. */
  readonly cloud?: CloudFacts;
  /** The interface of each family that the network enables. */
  readonly external: Readonly<Partial<Record<Family, External>>>;
  /** Absent until the lease is held. */
  readonly own: Lease | undefined;
  /** rtm_protocol to put on what we make. */
  readonly protocol: number;
  /** IFLA_IFALIAS to put on the links we make. */
  readonly alias: string;
  /** The links of the host: a device of an earlier run keeps what peers know of it. */
  readonly links: readonly Pick<HostLink, 'name' | 'kind' | 'mac'>[];
  /** Which way the kernel would send to an underlay address now; undefined when there is none. */
  readonly lookup: (address: Address) => RouteLookup | undefined;
}

/** One way to carry packets between nodes: pure functions from context to resources. */
export interface Backend<Options = unknown> {
  readonly type: string;
  /** What the lease says as its BackendType; flannel publishes an empty one for some. */
  readonly publishedType: string;
  readonly families: readonly Family[];
  /** Whether `advertise` repeats what the own lease says, so that peers need not learn anew. */
  readonly remembers: boolean;
  /** Why only `watch` can serve it, as the start of a sentence; absent when what `apply` makes works by itself. */
  readonly needsWatch?: string;
  /** Whether what peers need follows from the host's routes, and so changes with them. */
  usesLookups(options: Options): boolean;
  /** All that `options` looks for; another one is told as not known. */
  readonly optionNames: readonly string[];
  /** @throws {FlanError} E_NETWORK_CONFIG with the option's name */
  options(raw: JsonObject): Options;
  /** Bytes that encapsulation takes from the external interface's MTU. */
  overheadBytes(context: BackendContext<Options>, family: Family): number;
  /** What peers must know of us beyond the public address. */
  advertise(context: BackendContext<Options>): Readonly<Partial<Record<Family, Json>>>;
  /** What this node holds whoever its peers are. */
  local(context: BackendContext<Options>): readonly Resource[];
  /** What one peer adds. Called per peer, so `watch` recomputes only the peers that changed. */
  peer(context: BackendContext<Options>, lease: Lease): readonly Resource[];
  /** What will not work, before anything is tried. @throws {FlanError} for what makes the backend impossible */
  check(context: BackendContext<Options>): readonly Warning[];
  /** What will not work with this peer. */
  checkPeer(context: BackendContext<Options>, lease: Lease): readonly Warning[];
}

/** MTU of the overlay: the smallest over the enabled families. */
export function overlayMtu<O>(backend: Backend<O>, context: BackendContext<O>): number {
  const mtus = Object.values(context.external).map((ext) => ext.mtu - backend.overheadBytes(context, ext.family));
  return Math.min(...mtus);
}
