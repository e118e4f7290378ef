import type { Address, Prefix } from '../model/ip.js';
import { CommandSocket } from '../netlink/command.js';
import { dumpLinks, routeTo } from '../netlink/dumps.js';
import { NetlinkError } from '../netlink/errors.js';
import type { RouteMessage } from '../netlink/wire/route.js';

/** Which way the kernel sends packets to one address, and why. */
export type KernelAnswer =
  | {
      readonly state: 'way';
      readonly dev?: string;
      /** Absent where the address is on the link itself. */
      readonly via?: Address;
      /** The address that packets would leave with. */
      readonly source?: Address;
      /** The entry of a routing table that decides. */
      readonly entry: RouteEntry;
    }
  /** `refusal` is the kernel's: ENETUNREACH, or EINVAL for a blackhole. */
  | { readonly state: 'no way'; readonly refusal: string };

export interface RouteEntry {
  readonly dst: Prefix;
  /** `unicast`, `local`, … as ip-route(8) calls them. */
  readonly type: string;
  readonly table: number;
  /** rtm_protocol: who made it. */
  readonly proto: number;
  readonly metric: number;
}

/** Asks the kernel itself (RTM_GETROUTE). Needs no privilege in the own namespace. @throws {FlanError} */
export function kernelAnswer(address: Address, { netns }: { readonly netns?: string | undefined }): KernelAnswer {
  const socket = CommandSocket.open({ netns });
  try {
    const [way, entry] = [routeTo(socket, address), routeTo(socket, address, { fibMatch: true })];
    if (way instanceof NetlinkError) return { state: 'no way', refusal: way.code };
    if (entry instanceof NetlinkError) return { state: 'no way', refusal: entry.code };
    const hop = way.oif === undefined ? way.nexthops?.[0] : way;
    const dev = dumpLinks(socket).find(({ index }) => index === hop?.oif)?.name;
    const [via, source] = [hop?.via, way.prefsrc];
    return {
      state: 'way',
      ...(dev !== undefined && { dev }),
      ...(via !== undefined && { via }),
      ...(source !== undefined && { source }),
      entry: entryOf(entry),
    };
  } finally {
    socket.close();
  }
}

const entryOf = ({ dst, type, table, protocol, priority }: RouteMessage): RouteEntry => ({
  ...{ dst, table, proto: protocol, metric: priority ?? 0 },
  type: TYPES[type] ?? String(type),
});

/** @see uapi/linux/rtnetlink.h RTN_* */
const TYPES: readonly string[] = [
  ...['unspecified', 'unicast', 'local', 'broadcast', 'anycast', 'multicast'],
  ...['blackhole', 'unreachable', 'prohibit', 'throw', 'nat'],
];
