import { type Address, contains, familyOf, type Prefix } from '../model/ip.js';
import { RTPROT_BOOT } from '../netlink/wire/constants.js';
import type { Key, Kind } from '../planner/kind.js';
import { linkKey } from './link.js';

/** Route types that flan makes or tells apart; anything else reads as `other`. @see uapi/linux/rtnetlink.h RTN_* */
export type RouteType = 'unicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw' | 'local' | 'other';

/** One entry of a kernel routing table. @see uapi/linux/rtnetlink.h `struct rtmsg`, ip-route(8) */
export interface Route {
  readonly kind: 'route';
  readonly dst: Prefix;
  readonly type: RouteType;
  /** Name, not ifindex: the index changes when the link is made again. Absent for blackhole and its like. */
  readonly dev?: string;
  readonly via?: Address;
  /** RTNH_F_ONLINK: `via` counts as a neighbour on `dev` though no subnet there covers it. */
  readonly onlink: boolean;
  /** RT_SCOPE_*: IPv6 routes all read `global`. */
  readonly scope: 'global' | 'link' | 'host' | 'other';
  /** RTA_PREFSRC; left alone unless wanted. */
  readonly source?: Address;
  /** RTA_PRIORITY, lower wins. */
  readonly metric: number;
  readonly table: number;
  /** rtm_protocol: who made it. */
  readonly proto: number;
  /** Several next hops stand here; flan makes none of these. */
  readonly multipath?: true;
}

/** Free in uapi/linux/rtnetlink.h and in iproute2's rt_protos; `routeProtocol` in the settings changes it. */
export const RTPROT_FLAN = 70;

const TABLES: Readonly<Record<number, string>> = { 253: 'default', 254: 'main', 255: 'local' };
export const MAIN_TABLE = 254;

/** IPv6 stores metric 0 as IP6_RT_PRIO_USER and reports that. */
const defaultMetric = (dst: Prefix): number => (familyOf(dst) === 6 ? 1024 : 0);

type RouteInit = Pick<Route, 'dst'> & Partial<Omit<Route, 'kind' | 'dst'>>;

/** Fills in what the kernel would, so that a route reads back equal to the one desired. */
export function route(init: RouteInit): Route {
  const type = init.type ?? 'unicast';
  const direct = type === 'unicast' && init.via === undefined && familyOf(init.dst) === 4;
  // Member by member: a spread would cost a hidden class per route, and there is one for every peer.
  const made: { -readonly [K in keyof Route]: Route[K] } = {
    kind: 'route',
    dst: init.dst,
    type,
    onlink: init.onlink ?? false,
    scope: init.scope ?? (direct ? 'link' : 'global'),
    metric: init.metric ?? defaultMetric(init.dst),
    table: init.table ?? MAIN_TABLE,
    proto: init.proto ?? RTPROT_FLAN,
  };
  if (init.dev !== undefined) made.dev = init.dev;
  if (init.via !== undefined) made.via = init.via;
  if (init.source !== undefined) made.source = init.source;
  if (init.multipath !== undefined) made.multipath = init.multipath;
  return made;
}

/** fib_trie tells routes apart by (table, dst, tos, metric); flan only makes tos 0. Another metric is another route. */
export function routeKey({ table, dst, metric }: Pick<Route, 'table' | 'dst' | 'metric'>): Key {
  const suffix = metric === defaultMetric(dst) ? '' : `@${metric}`;
  // Not keyOf, which puts it together piece by piece: three for every peer.
  return `route/${TABLES[table] ?? table}/${dst}${suffix}` as Key;
}

export const routeKind: Kind<Route> = {
  kind: 'route',
  rank: 50,
  key: routeKey,
  fields: ['type', 'via', 'dev', 'onlink', 'scope', 'source', 'proto', 'multipath'],
  // NLM_F_REPLACE swaps all of these without a gap.
  inPlace: ['type', 'via', 'dev', 'onlink', 'scope', 'source', 'proto', 'multipath'],
  optional: ['source'],
  needs: ({ dev }) => (dev === undefined ? [] : [linkKey(dev)]),
  owns: ({ proto, dst }, { protocol, networks }) =>
    proto === protocol && networks.some((network) => contains(network as Prefix, dst)),
  // flanneld's routes are like those that people make by hand.
  goesWith: ({ proto, dev, dst }, { networks }) =>
    proto === RTPROT_BOOT && dev !== undefined && networks.some((network) => contains(network as Prefix, dst))
      ? linkKey(dev)
      : undefined,
  followsFromOwnSubnet: ({ type }) => type === 'blackhole',
  describe: (r) =>
    [
      r.type === 'unicast' ? '' : r.type,
      r.multipath ? 'several next hops' : '',
      r.via === undefined ? '' : `via ${r.via}`,
      r.dev === undefined ? '' : `dev ${r.dev}`,
      r.source === undefined ? '' : `src ${r.source}`,
      r.onlink ? 'onlink' : '',
    ]
      .filter((word) => word !== '')
      .join(' '),
};
