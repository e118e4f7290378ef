import type { CloudEntry } from '../../kinds/cloud-route.js';
import type { Prefix } from '../../model/ip.js';
import type { Scope } from '../driver.js';
import type { CloudClient, CloudEdge, RouteQuery } from './client.js';
import { awake, type CloudLook, type CloudSelf, needsLeases } from './look.js';
import type { CloudMemory } from './memory.js';

export interface CloudEyeInit {
  readonly client: Pick<CloudClient, 'locate' | 'routes'>;
  readonly edge: CloudEdge;
  /** Which of the interfaces carries the overlay, as things are now. @throws {FlanError} E_BACKEND, E_IFACE */
  readonly self: () => CloudSelf;
  /** The network that is served now. */
  readonly network: Prefix | undefined;
  /** The subnets of all leases. */
  readonly leased: (signal: AbortSignal) => Promise<readonly Prefix[]>;
}

/** The ways to look at a cloud. All throw what its client throws. */
export interface CloudEye {
  routes(query: RouteQuery, signal: AbortSignal): Promise<readonly CloudEntry[]>;
  /** Asks what the cloud knows of this instance. */
  locate(signal: AbortSignal): Promise<void>;
  look(scope: Scope, signal: AbortSignal): Promise<CloudLook>;
}

/** How often a listing that does not show what was written is asked for again. */
const ECHO_PAUSES_MS = [250, 500, 1000];

export function cloudEye({ client, edge, self, network, leased }: CloudEyeInit, memory: CloudMemory): CloudEye {
  const routes = async (query: RouteQuery, signal: AbortSignal): Promise<readonly CloudEntry[]> =>
    awake(await client.routes(query, signal), self().target);

  const locate = async (signal: AbortSignal): Promise<void> => {
    const began = memory.writes;
    const found = await client.locate('locate', signal);
    // A step that has begun meanwhile asks for itself, and gets a newer answer.
    if (began === memory.writes) memory.learnFacts({ ...found, denied: memory.facts.denied });
  };

  const look = async (scope: Scope, signal: AbortSignal): Promise<CloudLook> => {
    if (memory.hasOldFacts()) await locate(signal);
    const at = self();
    const query = { tables: at.tables, networks: scope.ownership.networks as readonly Prefix[] };
    let entries = await routes(query, signal);
    for (const pauseMs of ECHO_PAUSES_MS) {
      if (!memory.lags(entries)) break;
      await edge.sleep(pauseMs, signal);
      entries = await routes(query, signal);
    }
    const subnets = needsLeases(entries, scope) ? await leased(signal) : undefined;
    return { atMs: edge.nowMs(), facts: memory.facts, self: at, entries, network, leased: subnets };
  };

  return { routes, locate, look };
}
