import { type Address, type Family, familyOf, lengthOf, writeAddress } from '../../model/ip.js';
import { writeRaw } from './attributes.js';
import {
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_COMPAT,
  RT_TABLE_MAIN,
  RTA,
  RTM_DELROUTE,
  RTM_F_FIB_MATCH,
  RTM_F_LOOKUP_TABLE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN_UNICAST,
  RTN_UNSPEC,
  RTNH_F_ONLINK,
  RTPROT_BOOT,
  RTPROT_UNSPEC,
} from './constants.js';
import { afOf } from './families.js';
import { ObjectRequest, type Request, type Verb, type Wording } from './request.js';
import type { RouteFields } from './route-message.js';
import { writeNextHops } from './route-nexthop.js';
import type { Writer } from './writer.js';

export { decodeRoute } from './route-decode.js';
export { type RouteFields, RouteMessage } from './route-message.js';

const RTAX_MTU = 2;

/** Writes `struct rtmsg` and its attributes, in the kernel's own order. @see uapi/linux/rtnetlink.h */
export function writeRoute(writer: Writer, route: RouteFields): void {
  const { dst, via, oif, table = RT_TABLE_MAIN, priority } = route;
  const family = familyOf(dst);
  const dstLen = lengthOf(dst);
  const srcLen = route.src === undefined ? 0 : lengthOf(route.src);
  const type = route.type ?? RTN_UNICAST;
  writer.bytes4(afOf(family), dstLen, srcLen, route.tos ?? 0);
  writer.bytes4(
    table > 255 ? RT_TABLE_COMPAT : table,
    route.protocol ?? RTPROT_BOOT,
    route.scope ?? defaultScope(route, { family, type }),
    type,
  );
  writer.word(route.flags ?? 0);
  writer.u32(RTA.TABLE, table);
  if (dstLen > 0) writer.prefixAddress(RTA.DST, dst, family);
  if (route.src !== undefined) writer.prefixAddress(RTA.SRC, route.src, family);
  if (route.iif !== undefined) writer.u32(RTA.IIF, route.iif);
  if (priority !== undefined) writer.u32(RTA.PRIORITY, priority);
  if (route.mtu !== undefined && !hasRawMetrics(route)) writeMtu(writer, route.mtu);
  if (route.prefsrc !== undefined) writer.address(RTA.PREFSRC, route.prefsrc);
  if (via !== undefined) {
    if (familyOf(via) === family) writer.address(RTA.GATEWAY, via);
    else writeVia(writer, via);
  }
  if (oif !== undefined) writer.u32(RTA.OIF, oif);
  if (route.nexthops !== undefined) writeNextHops(writer, route.nexthops);
  writeRaw(writer, route.unknown);
}

/** As ip-route(8) has it: a route straight onto a link reaches no further than the link. IPv6 has no scopes. */
function defaultScope(route: RouteFields, { family, type }: { family: Family; type: number }): number {
  const direct = type === RTN_UNICAST && route.via === undefined && route.nexthops === undefined;
  return direct && family === 4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

const hasRawMetrics = (route: RouteFields): boolean =>
  route.unknown?.some((attribute) => (attribute.type & 0x3fff) === RTA.METRICS) ?? false;

function writeMtu(writer: Writer, mtu: number): void {
  const start = writer.open(RTA.METRICS);
  writer.u32(RTAX_MTU, mtu);
  writer.close(start);
}

/** struct rtvia: u16 family, then the address. */
function writeVia(writer: Writer, via: Address): void {
  const family = familyOf(via);
  const value = new Uint8Array(family === 4 ? 6 : 18);
  value[0] = afOf(family);
  writeAddress(via, value, 2);
  writer.blob(RTA.VIA, value);
}

/**
 * Makes or deletes a route. A deletion matches only what `route` names: with `protocol`, `via` and so on given it never
 * hits a route that took the place of the one meant (ESRCH instead).
 */
export const routeRequest = (verb: Verb, route: RouteFields): Request =>
  verb === 'delete'
    ? new ObjectRequest(RTM_DELROUTE, verb, route, deletion)
    : new ObjectRequest(RTM_NEWROUTE, verb, route, creation);

/** What is not said matches everything. @see fib_table_delete in net/ipv4/fib_trie.c */
const anyOf = (route: RouteFields): RouteFields => ({
  ...route,
  type: route.type ?? RTN_UNSPEC,
  scope: route.scope ?? RT_SCOPE_NOWHERE,
  protocol: route.protocol ?? RTPROT_UNSPEC,
});

const TYPE_WORDS: Readonly<Record<number, string>> = {
  2: 'local ',
  3: 'broadcast ',
  4: 'anycast ',
  5: 'multicast ',
  6: 'blackhole ',
  7: 'unreachable ',
  8: 'prohibit ',
  9: 'throw ',
};

function describeRoute(verb: Verb, route: RouteFields): string {
  const words = [`ip route ${verb} ${TYPE_WORDS[route.type ?? RTN_UNICAST] ?? ''}${route.dst}`];
  if (route.via !== undefined) words.push(`via ${route.via}`);
  if (route.oif !== undefined) words.push(`dev index ${route.oif}`);
  if (((route.flags ?? 0) & RTNH_F_ONLINK) !== 0) words.push('onlink');
  if (route.table !== undefined && route.table !== RT_TABLE_MAIN) words.push(`table ${route.table}`);
  if (route.priority !== undefined) words.push(`metric ${route.priority}`);
  if (route.protocol !== undefined) words.push(`proto ${route.protocol}`);
  return words.join(' ');
}

const creation: Wording<RouteFields> = { write: writeRoute, describe: describeRoute };
const deletion: Wording<RouteFields> = {
  write: (writer, route) => writeRoute(writer, anyOf(route)),
  describe: describeRoute,
};

/** What the kernel is to leave out of a dump, so that it is never copied. */
export interface RouteFilter {
  readonly family: Family;
  readonly table?: number | undefined;
  readonly protocol?: number | undefined;
  readonly oif?: number | undefined;
  readonly type?: number | undefined;
}

/** The request of a dump. */
export const getRoutes = ({ family, table, protocol, oif, type }: RouteFilter): Request => ({
  type: RTM_GETROUTE,
  flags: 0,
  write: (writer) => {
    writer.bytes4(afOf(family), 0, 0, 0);
    writer.bytes4(0, protocol ?? 0, 0, type ?? 0);
    writer.word(0);
    if (table !== undefined) writer.u32(RTA.TABLE, table);
    if (oif !== undefined) writer.u32(RTA.OIF, oif);
  },
  describe: `ip -${family} route show`,
});

/** Which route a packet to `address` would take: what it resolves to, or the entry that matches. */
export const getRouteTo = (address: Address, answer: 'resolved' | 'entry'): Request => ({
  type: RTM_GETROUTE,
  flags: 0,
  write: (writer) => {
    const family = familyOf(address);
    writer.bytes4(afOf(family), family === 4 ? 32 : 128, 0, 0);
    writer.bytes4(0, 0, 0, 0);
    // IPv6 tells the table unasked, and with strict checking on refuses the flag that asks for it.
    writer.word((family === 4 ? RTM_F_LOOKUP_TABLE : 0) | (answer === 'entry' ? RTM_F_FIB_MATCH : 0));
    writer.address(RTA.DST, address);
  },
  describe: `ip route get ${answer === 'entry' ? 'fibmatch ' : ''}${address}`,
});
