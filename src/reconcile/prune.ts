import type { Route } from '../kinds/route.js';
import { contains, type Prefix } from '../model/ip.js';
import { networksOf } from '../model/network.js';
import type { Part, Takes } from './part.js';
import type { Session } from './session.js';

/** Steps that remove what is ours and nothing asks for. */
export const prunes: Takes = ({ action }) => action === 'delete';

/** A session that also counts as ours what carries our mark in networks which were served before and no file tells of. */
export const withOldNetworks = (session: Session, networks: readonly Prefix[]): Session => ({
  ...session,
  previous: () => {
    const previous = session.previous();
    return { ...previous, networks: [...new Set([...previous.networks, ...networks])] };
  },
});

/** As the guard of `watch`: all of several routes of the network that is served, or more than `fraction` of ten. */
export function isMassPrune({ plan, preview: { desired, inputs } }: Part, fraction: number): boolean {
  const isPeers = ({ kind, ...route }: { readonly kind: string }): boolean =>
    kind === 'route' && networksOf(inputs.network).some((network) => contains(network, (route as Route).dst));
  const gone = plan.steps.filter((step) => step.action === 'delete' && isPeers(step.before)).length;
  const stays = [...desired.desired.values()].filter(({ resource }) => isPeers(resource)).length;
  return gone > 1 && (stays === 0 || (gone + stays >= 10 && gone > fraction * (gone + stays)));
}
