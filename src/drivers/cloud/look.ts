import type { CloudForwarding } from '../../kinds/cloud-forwarding.js';
import {
  type CloudEntry,
  type CloudRoute,
  cloudRouteKey,
  gathered,
  isInside,
  isOurs,
} from '../../kinds/cloud-route.js';
import type { CloudFacts } from '../../model/cloud.js';
import { contains, overlaps, type Prefix } from '../../model/ip.js';
import type { Key, Resource } from '../../planner/kind.js';
import type { Observation, Scope } from '../driver.js';

/** Where this node is in its cloud. */
export interface CloudSelf {
  /** The cloud's name of its interface. */
  readonly interface: string;
  /** What leads to it. */
  readonly target: string;
  readonly tables: readonly string[];
}

/** What one look at a cloud found. */
export interface CloudLook {
  readonly atMs: number;
  readonly facts: CloudFacts;
  readonly self: CloudSelf;
  /** The routes inside the overlay's networks. */
  readonly entries: readonly CloudEntry[];
  /** The network whose leases are known: not one that was served before. */
  readonly network: Prefix | undefined;
  /** The subnets of live leases; undefined where it did not matter which these are. */
  readonly leased: readonly Prefix[] | undefined;
}

/** What leads to this node leads somewhere, whatever the cloud remembers of before it was started. */
export const awake = (entries: readonly CloudEntry[], self: string): readonly CloudEntry[] =>
  entries.map((entry) =>
    entry.target === self && entry.state === 'blackhole' ? { ...entry, state: 'active' } : entry,
  );

/** Routes by destination and table. */
export function byKey(entries: readonly CloudEntry[]): ReadonlyMap<Key, readonly CloudEntry[]> {
  const groups = new Map<Key, CloudEntry[]>();
  for (const entry of entries) {
    const key = cloudRouteKey(entry);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [entry]);
    else group.push(entry);
  }
  return groups;
}

/** Ours, and what stands where one of ours should; the routes of other nodes are only counted. */
export function observationOf({ entries, self, network, leased, facts }: CloudLook, scope: Scope): Observation {
  const resources: Resource[] = scope.named.flatMap((one) => forwardingOf(one, facts));
  const isServed = (dst: Prefix): boolean =>
    scope.ownership.networks.some((network) => isInside(dst, network as Prefix));
  let others = 0;
  for (const [key, group] of byKey(entries)) {
    const dst = group[0]?.dst;
    if (dst === undefined) continue;
    const isWanted = scope.wants(key);
    const isKnown = network !== undefined && contains(network, dst) && leased !== undefined;
    const isLeased = !isKnown || leased.some((subnet) => overlaps(subnet, dst));
    const claim = { self: self.target, isWanted, isLeased };
    const mine = isWanted ? group : group.filter((entry) => isOurs(entry, claim));
    const route = gathered(mine, claim);
    if (route !== undefined && (isWanted || isServed(dst))) resources.push(route);
    others += group.length - (route === undefined ? 0 : mine.length);
  }
  return { resources, foreign: others === 0 ? {} : { 'cloud-route': others } };
}

function forwardingOf(resource: Resource, { interfaces }: CloudFacts): readonly CloudForwarding[] {
  const wanted = resource as CloudForwarding;
  const at = interfaces.find(({ id }) => id === wanted.interface);
  return wanted.kind === 'cloud-forwarding' && at ? [{ ...wanted, allowed: at.forwards }] : [];
}

/** Whether a blackhole stands where this node wants nothing: then it matters whether somebody has a lease for it. */
export const needsLeases = (entries: readonly CloudEntry[], { wants }: Pick<Scope, 'wants'>): boolean =>
  entries.some((entry) => entry.state === 'blackhole' && !wants(cloudRouteKey(entry)));

/**
 * Whether routes read back as wanted; without one, whether there are none. One that works is as good as one that led
 * nowhere or was on its way, which only a rollback wants.
 */
export function reads(standing: readonly CloudEntry[], wanted: CloudRoute | undefined): boolean {
  if (wanted === undefined) return standing.length === 0;
  const [only, ...more] = standing;
  return (
    more.length === 0 && only?.target === wanted.target && (only.state === wanted.state || only.state === 'active')
  );
}
