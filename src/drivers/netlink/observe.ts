import { fdbKind } from '../../kinds/fdb.js';
import { linkKey } from '../../kinds/link.js';
import { neighbourKind } from '../../kinds/neighbour.js';
import { routeKey } from '../../kinds/route.js';
import { ruleKind } from '../../kinds/rule.js';
import { addressOf, type Family, familyOf, lengthOf, type Prefix, parseIPv4 } from '../../model/ip.js';
import type { CommandSocket } from '../../netlink/command.js';
import { dumpAddresses, dumpFdb, dumpLinks, dumpNeighbours, dumpRoutes, dumpRules } from '../../netlink/dumps.js';
import { RTPROT_BOOT } from '../../netlink/wire/constants.js';
import type { LinkMessage } from '../../netlink/wire/link.js';
import type { RouteMessage } from '../../netlink/wire/route.js';
import type { Resource } from '../../planner/kind.js';
import type { Observation, Scope } from '../driver.js';
import { addressOfMessage } from './address.js';
import { fdbOf } from './fdb.js';
import { linkOf } from './link.js';
import { type Links, ownLink } from './links.js';
import { neighbourOf } from './neighbour.js';
import { routeOf } from './route.js';
import { ruleOf } from './rule.js';

export interface ObserveInput {
  readonly socket: CommandSocket;
  readonly links: Links;
  readonly scope: Scope;
}

/** Reads what the scope covers: one dump per table, not one per object. Refreshes `links` on the way. */
export function observe({ socket, links, scope }: ObserveInput): Observation {
  const { ownership, wants } = scope;
  links.replaceAll(dumpLinks(socket));
  const resources: Resource[] = [];
  const own = ownLink(ownership);
  const isDesired = ({ name }: LinkMessage): boolean => name !== undefined && wants(linkKey(name));
  for (const message of links.all()) {
    if (own(message) || isDesired(message)) resources.push(linkOf(message, links));
  }
  for (const { index } of [...links.all()].filter((message) => own(message) || isDesired(message))) {
    for (const message of dumpAddresses(socket, { index })) push(resources, addressOfMessage(message, links, own));
    for (const family of scope.families) {
      for (const message of dumpNeighbours(socket, { family, ifindex: index })) {
        const neighbour = neighbourOf(message, links);
        if (neighbour === undefined) continue;
        const isMarked = neighbour.proto === ownership.protocol;
        if (isMarked || neighbour.permanent || wants(neighbourKind.key(neighbour))) resources.push(neighbour);
      }
    }
    for (const message of dumpFdb(socket, { ifindex: index })) {
      const entry = fdbOf(message, links, own);
      if (entry && (entry.permanent || wants(fdbKind.key(entry)))) resources.push(entry);
    }
  }
  const isCandidate = routeFilter(scope, links);
  let foreignRoutes = 0;
  for (const family of scope.families) {
    for (const table of scope.tables) {
      for (const message of dumpRoutes(socket, { family, table })) {
        if (isCandidate(message)) resources.push(routeOf(message, links));
        if (!isOurs(message, scope)) foreignRoutes++;
      }
    }
    for (const message of dumpRules(socket, { family })) {
      const rule = ruleOf(message);
      if (message.protocol === ownership.protocol || scope.wants(ruleKind.key(rule))) resources.push(rule);
    }
  }
  return { resources, foreign: { route: foreignRoutes } };
}

function push<T>(list: T[], value: T | undefined): void {
  if (value !== undefined) list.push(value);
}

const isOurs = (message: RouteMessage, { ownership }: Scope): boolean => message.protocol === ownership.protocol;

/**
 * Tells routes that the planner must see: those with our mark, and foreign ones on a wanted key or that lead into a
 * device which is ours (they go with it) or is to be. Of a hundred thousand foreign IPv4 routes nearly all are told
 * apart by comparing numbers; what lies inside our networks, and each IPv6 route where the network has IPv6, costs a key.
 */
export function routeFilter(scope: Scope, links: Links): (message: RouteMessage) => boolean {
  const networks = scope.ownership.networks as readonly Prefix[];
  const own = ownLink(scope.ownership);
  const masks = networks.filter((prefix) => familyOf(prefix) === 4).map(mask4);
  const hasV6 = networks.some((prefix) => familyOf(prefix) === 6);
  const inside = ({ family, dst4 }: RouteMessage): boolean =>
    family === 6 ? hasV6 : masks.some(({ mask, value }) => (dst4 & mask) === value);
  return (message) => {
    // Routes for another type of service are different routes, and flan makes none.
    if (message.tos !== 0 || !scope.tables.includes(message.table)) return false;
    if (isOurs(message, scope)) return true;
    const link = message.oif === undefined ? undefined : links.byIndex(message.oif);
    // What the kernel makes of addresses it makes again.
    if (link !== undefined && message.protocol >= RTPROT_BOOT && own(link)) return true;
    if (!inside(message)) return false;
    const { dst, table, family, priority } = message;
    if (scope.wants(routeKey({ dst, table, metric: priority ?? defaultMetric(family) }))) return true;
    return message.protocol === RTPROT_BOOT && link?.name !== undefined && scope.wants(linkKey(link.name));
  };
}

const defaultMetric = (family: Family): number => (family === 6 ? 1024 : 0);

function mask4(prefix: Prefix): { readonly mask: number; readonly value: number } {
  const len = lengthOf(prefix);
  const mask = len === 0 ? 0 : (0xffffffff << (32 - len)) | 0;
  return { mask, value: parseIPv4(addressOf(prefix)) & mask };
}
