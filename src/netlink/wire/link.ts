import { attributes, type Decoded } from './attributes.js';
import { i32At, u16At, u32At } from './bytes.js';
import { mac, string, u8, u32 } from './codecs.js';
import {
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
} from './constants.js';
import { requireHeader } from './families.js';
import { linkInfo } from './link-info.js';
import type { Request } from './request.js';
import type { Writer } from './writer.js';

/** @see uapi/linux/if_link.h IFLA_* */
const table = attributes('IFLA', {
  mac: mac(1), // ADDRESS
  broadcast: mac(2), // BROADCAST
  name: string(3), // IFNAME
  mtu: u32(4), // MTU
  underlay: u32(5), // LINK, the ifindex that this one stands on (a veth: its peer)
  queueLength: u32(13), // TXQLEN
  operstate: u8(16), // OPERSTATE, RFC 2863: 0 unknown, 2 down, 6 up
  master: u32(10), // MASTER, an ifindex; 0 leaves the bridge
  alias: string(20), // IFALIAS
  netnsPid: u32(19), // NET_NS_PID, of a process in the namespace to move to
  netnsFd: u32(28), // NET_NS_FD
  extendedMask: u32(29), // EXT_MASK, RTEXT_FILTER_*
  gsoMaxBytes: u32(41), // GSO_MAX_SIZE, the largest packet of many segments that the link is given
  info: linkInfo(18), // LINKINFO
});

/** One network interface. @see uapi/linux/rtnetlink.h `struct ifinfomsg`, ip-link(8) */
export interface LinkMessage extends Decoded<typeof table> {
  /** 0, or AF_BRIDGE (7) for what a bridge says about its port. */
  readonly family: number;
  /** ARPHRD_*: 1 Ethernet, 772 loopback, 768 ipip. */
  readonly hardware: number;
  readonly index: number;
  /** IFF_* */
  readonly flags: number;
  /** Which bits of `flags` the message is about. */
  readonly change: number;
}
export type LinkFields = Partial<LinkMessage>;

export function writeLink(writer: Writer, link: LinkFields): void {
  const { family = 0, hardware = 0, index = 0, flags = 0, change = 0, ...rest } = link;
  writer.word(family | (hardware << 16));
  writer.word(index);
  writer.word(flags);
  writer.word(change);
  table.write(writer, rest);
}

/** @throws {DecodeError} */
export function decodeLink(bytes: Uint8Array, offset: number, length: number): LinkMessage {
  requireHeader('ifinfomsg', { offset, length, need: 16 });
  return {
    family: bytes[offset] ?? 0,
    hardware: u16At(bytes, offset + 2),
    index: i32At(bytes, offset + 4),
    flags: u32At(bytes, offset + 8),
    change: u32At(bytes, offset + 12),
    ...table.read(bytes, offset + 16, length - 16),
  };
}

const named = (link: LinkFields): string => link.name ?? `index ${link.index ?? 0}`;

/**
 * Makes a link. The kernel ignores `alias` here, so an alias is a second request (`setLink` by name works in one batch).
 * @see ip-link(8) `ip link add`
 */
export const addLink = (link: LinkFields): Request => ({
  type: RTM_NEWLINK,
  flags: NLM_F_CREATE | NLM_F_EXCL,
  write: (writer) => writeLink(writer, link),
  get describe() {
    return `ip link add ${named(link)}${link.info?.kind === undefined ? '' : ` type ${link.info.kind}`}`;
  },
});

/**
 * Changes the attributes given, of the link with that index, or else name. A vxlan link refuses `mtu` beside its `info`
 * ("Cannot change mtu"), so the two go in two requests.
 */
export const setLink = (link: LinkFields): Request => ({
  type: RTM_NEWLINK,
  flags: 0,
  write: (writer) => writeLink(writer, link),
  get describe() {
    return `ip link set ${named(link)}`;
  },
});

export const deleteLink = (link: Pick<LinkFields, 'index' | 'name'>): Request => ({
  type: RTM_DELLINK,
  flags: 0,
  write: (writer) => writeLink(writer, link),
  get describe() {
    return `ip link delete ${named(link)}`;
  },
});

/** One link by index or else name; or all of them, as the request of a dump. IPv6 counters are left out. */
export const getLink = (link: Pick<LinkFields, 'index' | 'name'> = {}): Request => ({
  type: RTM_GETLINK,
  flags: 0,
  write: (writer) => writeLink(writer, { ...link, extendedMask: RTEXT_FILTER_SKIP_STATS }),
  get describe() {
    return link.index === undefined && link.name === undefined ? 'ip link show' : `ip link show ${named(link)}`;
  },
});
