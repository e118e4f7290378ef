import type { Route, RouteType } from '../../kinds/route.js';
import { familyOf } from '../../model/ip.js';
import {
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_UNIVERSE,
  RTN_BLACKHOLE,
  RTN_LOCAL,
  RTN_PROHIBIT,
  RTN_THROW,
  RTN_UNICAST,
  RTN_UNREACHABLE,
  RTNH_F_ONLINK,
} from '../../netlink/wire/constants.js';
import { type RouteMessage, routeRequest } from '../../netlink/wire/route.js';
import type { Resource } from '../../planner/kind.js';
import type { NetlinkCodec } from './codec.js';
import type { Links } from './links.js';
import { isSpreadScope } from './route-scopes.js';

const TYPES: readonly (readonly [RouteType, number])[] = [
  ['unicast', RTN_UNICAST],
  ['blackhole', RTN_BLACKHOLE],
  ['unreachable', RTN_UNREACHABLE],
  ['prohibit', RTN_PROHIBIT],
  ['throw', RTN_THROW],
  ['local', RTN_LOCAL],
];
const TYPE_NUMBER = new Map(TYPES);
const TYPE_NAME = new Map(TYPES.map(([name, number]) => [number, name]));

const SCOPES: readonly (readonly [Route['scope'], number])[] = [
  ['global', RT_SCOPE_UNIVERSE],
  ['link', RT_SCOPE_LINK],
  ['host', RT_SCOPE_HOST],
];
const SCOPE_NUMBER = new Map(SCOPES);
const SCOPE_NAME = new Map(SCOPES.map(([name, number]) => [number, name]));

export const routeCodec: NetlinkCodec<Route> = {
  kind: 'route',
  requests: ({ verb, resource: r, links, scopes }) => {
    const { dst, table, metric: priority, proto: protocol } = r;
    // A deletion names the mark too: what took the place of ours meanwhile is not hit.
    if (verb === 'delete') return [routeRequest('delete', { dst, table, priority, protocol })];
    const oif = r.dev === undefined ? undefined : links.indexOf(r.dev);
    const type = TYPE_NUMBER.get(r.type) ?? RTN_UNICAST;
    const isSpread = r.scope === 'global' && r.via !== undefined && familyOf(dst) === 4;
    const scope = isSpread ? scopes.next() : (SCOPE_NUMBER.get(r.scope) ?? RT_SCOPE_UNIVERSE);
    const flags = r.onlink ? RTNH_F_ONLINK : 0;
    const { via, source: prefsrc } = r;
    return [routeRequest(verb, { dst, table, priority, protocol, type, scope, flags, oif, via, prefsrc })];
  },
  // IPv6 refuses an onlink gateway that another link's route covers (ip6_route_check_nh_onlink), and the gateway of a
  // tunnel route lies inside its own destination: one batch takes the old route away and puts the new one there.
  mustBreak: (before, after) => familyOf(after.dst) === 6 && after.onlink && before.dev !== after.dev,
};

/** Whether it stands in the chains of next hops by gateways. */
export const isByGateway = (resource: Resource): boolean =>
  resource.kind === 'route' && (resource as Route).via !== undefined && familyOf((resource as Route).dst) === 4;

/** An unknown link index reads as `if7`: such a route belongs to a link that is just going away. */
export function routeOf(message: RouteMessage, links: Links): Route {
  const { via, prefsrc, oif } = message;
  // Member by member, as in `route`: a spread would cost a hidden class for each.
  const made: { -readonly [K in keyof Route]: Route[K] } = {
    kind: 'route',
    dst: message.dst,
    type: TYPE_NAME.get(message.type) ?? 'other',
    onlink: message.onlink,
    scope: SCOPE_NAME.get(message.scope) ?? (via !== undefined && isSpreadScope(message.scope) ? 'global' : 'other'),
    metric: message.priority ?? (message.family === 6 ? 1024 : 0),
    table: message.table,
    proto: message.protocol,
  };
  // The kernel puts blackholes and the like of IPv6 on lo, which nobody asked for.
  if (oif !== undefined && message.type === RTN_UNICAST) made.dev = links.nameOf(oif);
  if (via !== undefined) made.via = via;
  if (prefsrc !== undefined) made.source = prefsrc;
  if (message.nexthops !== undefined) made.multipath = true;
  return made;
}
