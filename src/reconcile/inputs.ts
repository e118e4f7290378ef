import type { Backend, BackendContext } from '../backends/backend.js';
import { backendOf } from '../backends/index.js';
import type { Scope } from '../drivers/driver.js';
import { kinds } from '../kinds/index.js';
import { linkAlias } from '../kinds/link.js';
import { MAIN_TABLE } from '../kinds/route.js';
import type { CloudFacts } from '../model/cloud.js';
import type { External, Identity } from '../model/facts.js';
import { FAMILIES, type Family, type Prefix } from '../model/ip.js';
import type { Lease } from '../model/lease.js';
import { type Network, networksOf } from '../model/network.js';
import type { Ownership } from '../planner/kind.js';
import type { Desired } from '../planner/plan.js';
import type { FilterOptions } from '../traffic/index.js';

/** The settings that decide what is desired. */
export interface Options {
  readonly subnetFile: string;
  /** rtm_protocol of what we make. */
  readonly protocol: number;
  /** What subnet.env tells the container runtime about masquerading. */
  readonly masquerade: boolean;
  readonly blackhole: boolean;
  /** Absent: packet filter rules are not looked at. */
  readonly filter: FilterOptions | undefined;
}

/** All that desired state follows from, but for the peers. Plain values: equal inputs, equal desires. */
export interface Inputs {
  readonly network: Network;
  readonly identity: Identity;
  readonly external: Readonly<Partial<Record<Family, External>>>;
  /** Absent until the lease is held. */
  readonly own: Lease | undefined;
  readonly options: Options;
  readonly backend: Backend;
  readonly context: BackendContext;
  readonly ownership: Ownership;
}

export interface InputsInit {
  readonly network: Network;
  readonly identity: Identity;
  readonly external: Readonly<Partial<Record<Family, External>>>;
  readonly own: Lease | undefined;
  readonly options: Options;
  /** The links of the host. */
  readonly links: BackendContext['links'];
  readonly lookup: BackendContext['lookup'];
  readonly publicKey?: string | undefined;
  readonly startupOutput?: string | undefined;
  readonly cloud?: CloudFacts | undefined;
  /** Networks that an earlier run served: what it left there is ours to clean up. */
  readonly previous: readonly Prefix[];
}

/** @throws {FlanError} E_NETWORK_CONFIG for a backend or an option that flan does not know */
export function inputs(init: InputsInit): Inputs {
  const { network, identity, external, own, options, previous, links, lookup, publicKey, startupOutput, cloud } = init;
  const backend = backendOf(network.backend.type);
  const networks = [...new Set([...networksOf(network), ...previous])];
  const ownership = { protocol: options.protocol, networks };
  const context: BackendContext = {
    ...{ network, identity, external, own, links, lookup },
    ...(publicKey !== undefined && { publicKey }),
    ...(startupOutput !== undefined && { startupOutput }),
    ...(cloud !== undefined && { cloud }),
    protocol: ownership.protocol,
    alias: linkAlias(networksOf(network)),
    options: backend.options(network.backend.options),
  };
  return { network, identity, external, own, options, backend, context, ownership };
}

/** What drivers must look at for these inputs. Both families: an earlier network may have had the other one. */
export const scopeOf = ({ ownership, external, backend, context }: Inputs, desired: Desired): Scope => ({
  ownership,
  families: FAMILIES,
  tables: [MAIN_TABLE],
  devices: [...new Set(Object.values(external).map(({ dev }) => dev))],
  wants: (key) => desired.has(key),
  routesMatter: backend.usesLookups(context.options),
  named: [...desired.values()].map(({ resource }) => resource).filter((resource) => kinds.of(resource).readByName),
});
