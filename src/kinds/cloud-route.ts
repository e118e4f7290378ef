import { contains, type Prefix } from '../model/ip.js';
import { type Key, type Kind, keyOf } from '../planner/kind.js';

/** How far a cloud carries packets by a route. */
export type CloudRouteState =
  | 'active'
  /** What it leads to is gone or does not run. */
  | 'blackhole'
  /** Being made or changed. */
  | 'pending'
  /** Switched off by somebody. */
  | 'disabled';

/**
 * All routes to one destination in one route table of a cloud. Some clouds take several and spread the packets over
 * them, so that a stale one eats its share: only together they say where packets go.
 */
export interface CloudRoute {
  readonly kind: 'cloud-route';
  readonly table: string;
  readonly dst: Prefix;
  /** What the route leads to, in the cloud's words; of several all, sorted and with commas between. */
  readonly target: string;
  readonly state: CloudRouteState;
  /** `ours` when every one of them provably is. */
  readonly maker: 'ours' | 'others';
}

type CloudRouteInit = Pick<CloudRoute, 'table' | 'dst'> & { readonly target: string };

export const cloudRoute = ({ table, dst, target }: CloudRouteInit): CloudRoute => ({
  ...{ kind: 'cloud-route', table, dst },
  ...{ target, state: 'active', maker: 'ours' },
});

export const cloudRouteKey = ({ table, dst }: Pick<CloudRoute, 'table' | 'dst'>): Key =>
  keyOf('cloud-route', table, dst);

export const cloudRouteKind: Kind<CloudRoute> = {
  kind: 'cloud-route',
  rank: 52,
  key: cloudRouteKey,
  fields: ['target', 'state'],
  inPlace: ['target', 'state'],
  needs: () => [],
  owns: ({ maker, dst }, { networks }) =>
    maker === 'ours' && networks.some((network) => isInside(dst, network as Prefix)),
  followsFromOwnSubnet: () => true,
  describe: ({ target, state }) => (state === 'active' ? `to ${target}` : `to ${target} ${state}`),
};

/** A route to the whole of a network is somebody's who does more than give a node its subnet. */
export const isInside = (dst: Prefix, network: Prefix): boolean => dst !== network && contains(network, dst);

/** One route as a cloud lists it. */
export interface CloudEntry {
  readonly table: string;
  readonly dst: Prefix;
  /** What it leads to; undefined for something that no node is: a gateway, a peering. */
  readonly target: string | undefined;
  readonly state: CloudRouteState;
  /** Whether it says that an overlay made it, or something else, where routes can say anything. */
  readonly mark: 'overlay' | 'none' | 'other';
  /** The cloud's own name of it, where it has one. */
  readonly id?: string;
}

export interface ClaimInput {
  /** What leads to this node. */
  readonly self: string;
  /** Whether this node wants a route to that destination. */
  readonly isWanted: boolean;
  /** Whether somebody may be using the destination: a live lease shares addresses with it, or it is of a network whose leases are not known. */
  readonly isLeased: boolean;
}

/**
 * Whether a route inside the overlay's network may be taken for ours. Routes of many clouds carry no mark, so it has to
 * follow from what they do: what leads to this node was made for it, and what leads nowhere and nobody has a lease for
 * is what some node left. A mark on a destination that is ours says that the node that had it before made it.
 * A route with a foreign name or description is never ours.
 */
export function isOurs({ target, state, mark }: CloudEntry, { self, isWanted, isLeased }: ClaimInput): boolean {
  if (target === undefined || mark === 'other') return false;
  if (target === self) return true;
  return state === 'blackhole' ? isWanted || !isLeased : mark === 'overlay' && isWanted;
}

/** The routes to one destination as one. */
export function gathered(entries: readonly CloudEntry[], claim: ClaimInput): CloudRoute | undefined {
  const [first] = entries;
  if (first === undefined) return undefined;
  const worst = WORST_FIRST.find((state) => entries.some((entry) => entry.state === state)) ?? 'active';
  return {
    ...{ kind: 'cloud-route', table: first.table, dst: first.dst },
    target: entries.map(targetName).sort().join(', '),
    state: worst,
    maker: entries.every((entry) => isOurs(entry, claim)) ? 'ours' : 'others',
  };
}

const NO_NODE = 'something else';

/** As `CloudRoute.target` says it. */
export const targetName = ({ target }: CloudEntry): string => target ?? NO_NODE;

/** Whether flan can make such a route: a rollback may want back what somebody else had made. */
export const isMakeable = ({ target, state }: CloudRoute): boolean =>
  target !== NO_NODE && !target.includes(', ') && state !== 'disabled';

const WORST_FIRST = ['disabled', 'pending', 'blackhole'] as const;
