import type { Address, Family } from '../model/ip.js';
import type { CommandSocket } from './command.js';
import { NetlinkError, refusal } from './errors.js';
import { type AddressMessage, decodeAddress, getAddresses } from './wire/address.js';
import { RTM_NEWADDR, RTM_NEWLINK, RTM_NEWNEIGH, RTM_NEWROUTE, RTM_NEWRULE } from './wire/constants.js';
import { decodeFdb, type FdbMessage, getFdb } from './wire/fdb.js';
import type { Message } from './wire/frame.js';
import { decodeLink, getLink, type LinkMessage } from './wire/link.js';
import { decodeNeighbour, getNeighbours, type NeighbourMessage } from './wire/neighbour.js';
import { decodeRoute, getRoutes, getRouteTo, type RouteFilter, type RouteMessage } from './wire/route.js';
import { decodeRule, getRules, type RuleMessage } from './wire/rule.js';

type Decode<T> = (bytes: Uint8Array, offset: number, length: number) => T;

const only =
  <T>(type: number, decode: Decode<T>) =>
  (message: Message): T | undefined =>
    message.type === type ? decode(message.bytes, message.offset, message.length) : undefined;

const whole =
  <T>(decode: Decode<T>) =>
  (message: Message): T =>
    decode(message.bytes, message.offset, message.length);

export const dumpLinks = (socket: CommandSocket): LinkMessage[] =>
  socket.dump(getLink(), only(RTM_NEWLINK, decodeLink));

/** @returns undefined when there is no such link */
export function findLink(socket: CommandSocket, link: { name: string } | { index: number }): LinkMessage | undefined {
  const request = getLink(link);
  const found = socket.tryGet(request, whole(decodeLink));
  if (!(found instanceof NetlinkError)) return found;
  if (found.code === 'ENODEV') return undefined;
  throw refusal(request, found);
}

export const dumpAddresses = (
  socket: CommandSocket,
  filter: { readonly family?: Family; readonly index?: number } = {},
): AddressMessage[] => socket.dump(getAddresses(filter), only(RTM_NEWADDR, decodeAddress));

/**
 * The routes of one family; of all tables, local and broadcast ones included, unless the filter says otherwise. IPv4
 * dumps are not atomic and do not say so: subscribe first, dump then, and look at what was announced meanwhile.
 */
export function dumpRoutes(socket: CommandSocket, filter: RouteFilter): RouteMessage[] {
  const request = getRoutes(filter);
  const found = socket.tryDump(request, only(RTM_NEWROUTE, decodeRoute));
  if (!(found instanceof NetlinkError)) return found;
  // A table is made with its first route, and without one does not exist.
  if (found.code === 'ENOENT' && filter.table !== undefined) return [];
  throw refusal(request, found);
}

/** The default routes of one table: all others cost a look at one byte. */
export function dumpDefaultRoutes(socket: CommandSocket, filter: RouteFilter): RouteMessage[] {
  const request = getRoutes(filter);
  const isDefault = ({ bytes, offset }: Message): boolean => bytes[offset + RTM_DST_LEN] === 0;
  const decode = only(RTM_NEWROUTE, decodeRoute);
  const found = socket.tryDump(request, (message) => (isDefault(message) ? decode(message) : undefined));
  if (!(found instanceof NetlinkError)) return found;
  if (found.code === 'ENOENT' && filter.table !== undefined) return [];
  throw refusal(request, found);
}

/** Where `struct rtmsg` has rtm_dst_len. */
const RTM_DST_LEN = 1;

export const dumpNeighbours = (
  socket: CommandSocket,
  filter: { readonly family: Family; readonly ifindex?: number },
): NeighbourMessage[] => socket.dump(getNeighbours(filter), only(RTM_NEWNEIGH, decodeNeighbour));

export const dumpFdb = (socket: CommandSocket, filter: { readonly ifindex?: number } = {}): FdbMessage[] =>
  socket.dump(getFdb(filter), only(RTM_NEWNEIGH, decodeFdb));

export const dumpRules = (socket: CommandSocket, { family }: { readonly family: Family }): RuleMessage[] =>
  socket.dump(getRules(family), only(RTM_NEWRULE, decodeRule));

/**
 * Which way a packet to `address` would go: resolved with its source address, or (`fibMatch`) the entry that matches.
 * @returns the refusal, ENETUNREACH or EHOSTUNREACH, when there is no way
 */
export const routeTo = (
  socket: CommandSocket,
  address: Address,
  options: { readonly fibMatch?: boolean } = {},
): RouteMessage | NetlinkError =>
  socket.tryGet(getRouteTo(address, options.fibMatch === true ? 'entry' : 'resolved'), whole(decodeRoute));
