import { hostname } from 'node:os';
import type { DefaultRoute, HostAddress, HostFacts, HostLink, RouteLookup } from '../model/facts.js';
import { type Address, FAMILIES, type Family } from '../model/ip.js';
import { CommandSocket } from '../netlink/command.js';
import { dumpAddresses, dumpDefaultRoutes, dumpLinks, routeTo } from '../netlink/dumps.js';
import { NetlinkError } from '../netlink/errors.js';
import { type AddressMessage, flagsOf, localOf, peerOf } from '../netlink/wire/address.js';
import {
  IFA_F_DEPRECATED,
  IFA_F_PERMANENT,
  IFA_F_TEMPORARY,
  IFF_LOOPBACK,
  IFF_UP,
  RT_TABLE_MAIN,
  RTN_UNICAST,
} from '../netlink/wire/constants.js';
import type { LinkMessage } from '../netlink/wire/link.js';
import type { RouteMessage } from '../netlink/wire/route.js';

export interface FactsInput {
  /** Name or path of the namespace to look into; the own one when absent. */
  readonly netns?: string | undefined;
  /** Addresses to ask the way to. */
  readonly lookups?: readonly Address[];
}

/** Reads the host on a socket of its own. Needs no privilege in the own namespace. @throws {FlanError} */
export function gatherFacts({ netns, lookups = [] }: FactsInput = {}): HostFacts {
  const socket = CommandSocket.open({ netns });
  try {
    return readFacts(socket, lookups);
  } finally {
    socket.close();
  }
}

/** Reads the host on a socket that is open already. @throws {FlanError} */
export function readFacts(socket: CommandSocket, lookups: readonly Address[] = []): HostFacts {
  const links = dumpLinks(socket);
  const names = new Map(links.map(({ index, name }) => [index, name ?? `index${index}`]));
  const addresses = new Map<number, AddressMessage[]>();
  for (const message of dumpAddresses(socket)) {
    const list = addresses.get(message.index);
    if (list === undefined) addresses.set(message.index, [message]);
    else list.push(message);
  }
  return {
    hostname: hostname(),
    links: links.map((link) => hostLink(link, addresses.get(link.index) ?? [])),
    defaultRoutes: FAMILIES.flatMap((family) => defaultRoutes({ socket, family, names })),
    lookups: Object.fromEntries(lookups.flatMap((target) => lookup({ socket, target, names }))),
  };
}

function hostLink(link: LinkMessage, addresses: readonly AddressMessage[]): HostLink {
  const kind = link.info?.kind;
  return {
    index: link.index,
    name: link.name ?? `index${link.index}`,
    ...(kind !== undefined && { kind }),
    up: (link.flags & IFF_UP) !== 0,
    loopback: (link.flags & IFF_LOOPBACK) !== 0,
    mtu: link.mtu ?? 0,
    ...(link.mac !== undefined && { mac: link.mac }),
    addresses: addresses.flatMap(hostAddress),
  };
}

function hostAddress(message: AddressMessage): HostAddress[] {
  const [address, peer, flags] = [localOf(message), peerOf(message), flagsOf(message)];
  if (address === undefined) return [];
  return [
    {
      address,
      len: message.len,
      scope: scopeOf(message.scope),
      permanent: (flags & IFA_F_PERMANENT) !== 0,
      deprecated: (flags & IFA_F_DEPRECATED) !== 0,
      // The same bit says `secondary` of an IPv4 address.
      temporary: message.family === 6 && (flags & IFA_F_TEMPORARY) !== 0,
      ...(peer !== undefined && { peer }),
    },
  ];
}

/** @see uapi/linux/rtnetlink.h `enum rt_scope_t`; what administrators number themselves lies between site and link */
function scopeOf(scope: number): HostAddress['scope'] {
  if (scope === 0) return 'global';
  if (scope < 253) return 'site';
  return scope === 253 ? 'link' : scope === 254 ? 'host' : 'nowhere';
}

interface RoutesInput {
  readonly socket: CommandSocket;
  readonly family: Family;
  readonly names: ReadonlyMap<number, string>;
}

/** A kernel without a family answers its dump with the other one's routes, so the family is compared too. */
function defaultRoutes({ socket, family, names }: RoutesInput): DefaultRoute[] {
  return dumpDefaultRoutes(socket, { family, table: RT_TABLE_MAIN })
    .filter((route) => route.family === family && route.type === RTN_UNICAST)
    .flatMap((route) => {
      const { dev, via } = wayOf(route, names);
      if (dev === undefined) return [];
      const source = route.prefsrc;
      return [{ family, dev, metric: route.priority ?? 0, ...(via && { via }), ...(source && { source }) }];
    });
}

interface LookupInput {
  readonly socket: CommandSocket;
  readonly target: Address;
  readonly names: ReadonlyMap<number, string>;
}

/** Nothing when there is no way. */
function lookup({ socket, target, names }: LookupInput): [Address, RouteLookup][] {
  const route = routeTo(socket, target);
  const found = route instanceof NetlinkError ? undefined : lookupOf(route, names);
  return found === undefined ? [] : [[target, found]];
}

function lookupOf(route: RouteMessage, names: ReadonlyMap<number, string>): RouteLookup | undefined {
  const { dev, via } = wayOf(route, names);
  const source = route.prefsrc;
  return dev === undefined ? undefined : { dev, ...(source && { source }), ...(via && { via }) };
}

/** Answers which way the kernel would send to an address now; undefined when there is none. */
export function routeLookup(socket: CommandSocket): (target: Address) => RouteLookup | undefined {
  let names = new Map<number, string>();
  return (target) => {
    const route = routeTo(socket, target);
    if (route instanceof NetlinkError) return undefined;
    const index = route.oif ?? route.nexthops?.[0]?.oif;
    if (index !== undefined && !names.has(index)) {
      names = new Map(dumpLinks(socket).map((link) => [link.index, link.name ?? `index${link.index}`]));
    }
    return lookupOf(route, names);
  };
}

/** Of several next hops the first. */
function wayOf(route: RouteMessage, names: ReadonlyMap<number, string>) {
  const hop = route.oif === undefined ? route.nexthops?.[0] : route;
  return { dev: hop?.oif === undefined ? undefined : names.get(hop.oif), via: hop?.via };
}
