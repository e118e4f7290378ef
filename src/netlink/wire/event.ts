import { type AddressMessage, decodeAddress } from './address.js';
import {
  AF_BRIDGE,
  AF_INET,
  AF_INET6,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_DELROUTE,
  RTM_DELRULE,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
  RTM_NEWROUTE,
  RTM_NEWRULE,
} from './constants.js';
import { decodeFdb, type FdbMessage } from './fdb.js';
import type { Message } from './frame.js';
import { decodeLink, type LinkMessage } from './link.js';
import { decodeNeighbour, type NeighbourMessage } from './neighbour.js';
import { decodeRoute, type RouteMessage } from './route.js';
import { decodeRule, type RuleMessage } from './rule.js';

/** What one message of NETLINK_ROUTE tells: something is there now (or changed), or is gone. */
export type RouteEvent = { readonly verb: 'new' | 'gone' } & (
  | { readonly about: 'link'; readonly message: LinkMessage }
  | { readonly about: 'address'; readonly message: AddressMessage }
  | { readonly about: 'route'; readonly message: RouteMessage }
  | { readonly about: 'neighbour'; readonly message: NeighbourMessage }
  | { readonly about: 'fdb'; readonly message: FdbMessage }
  | { readonly about: 'rule'; readonly message: RuleMessage }
);

/**
 * @returns undefined for a message about anything else: another type, or a family that is not IP (MPLS, multicast)
 * @throws {DecodeError}
 */
export function decodeEvent({ type, bytes, offset, length }: Message): RouteEvent | undefined {
  const verb = (type & 3) === 0 ? 'new' : 'gone'; // RTM_NEW* are multiples of four, RTM_DEL* one more
  const af = length > 0 ? bytes[offset] : undefined;
  const isIp = af === AF_INET || af === AF_INET6;
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return { verb, about: 'link', message: decodeLink(bytes, offset, length) };
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return isIp ? { verb, about: 'address', message: decodeAddress(bytes, offset, length) } : undefined;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return isIp ? { verb, about: 'route', message: decodeRoute(bytes, offset, length) } : undefined;
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      if (af === AF_BRIDGE) return { verb, about: 'fdb', message: decodeFdb(bytes, offset, length) };
      return isIp ? { verb, about: 'neighbour', message: decodeNeighbour(bytes, offset, length) } : undefined;
    case RTM_NEWRULE:
    case RTM_DELRULE:
      return isIp ? { verb, about: 'rule', message: decodeRule(bytes, offset, length) } : undefined;
    default:
      return undefined;
  }
}
