import { type Address, overlaps, type Prefix } from '../model/ip.js';
import type { Resource } from '../planner/kind.js';
import type { Preview } from './compute.js';
import type { Session } from './session.js';
import { widened } from './snapshot.js';

/** What is not ours and stands where ours does, will, or may come to: inside the overlay's networks, on its devices. */
export async function foreignNearby(session: Session, preview: Preview, signal: AbortSignal): Promise<Resource[]> {
  const { kinds, drivers } = session;
  const { ownership } = preview.inputs;
  const { observed } = await drivers.observe(widened(preview.scope), kinds, signal);
  const isNear = (resource: Resource): boolean => {
    const { dst } = resource as { readonly dst?: Address | Prefix };
    if (resource.kind !== 'route' || dst === undefined) return true;
    return ownership.networks.some((network) => overlaps(network as Prefix, dst as Prefix));
  };
  return [...observed.values()].filter(
    (resource) => !kinds.of(resource).readByName && !kinds.of(resource).owns(resource, ownership) && isNear(resource),
  );
}
