import type { IpipSettings } from '../../kinds/link.js';
import { parseAddress } from '../../model/ip.js';
import type { IpipInfo } from '../../netlink/wire/ipip.js';
import type { Changeable, LinkType } from './link-type.js';
import type { Links } from './links.js';

const ANY = parseAddress('0.0.0.0');
/** What may be inside: IPv4 alone (IPPROTO_IPIP), or whatever the packet says it is; `ip link add` asks for the latter. */
const PROTOCOLS: readonly number[] = [4, 0];

/**
 * Every change starts from nothing in the kernel: what a message does not say goes back to its default. Of those one is
 * not ours: without path MTU discovery, as on flannel's devices, only packets that ask for it must not be fragmented.
 */
const infoOf = (local: Changeable['local']): IpipInfo => ({
  remote: ANY,
  pathMtuDiscovery: false,
  ...(local !== undefined && { local }),
});

export const ipipType: LinkType<'ipip'> = {
  type: 'ipip',
  make: ({ local }) => ({ kind: 'ipip', ipip: infoOf(local) }),
  change: ({ local }) => (local === undefined ? undefined : { kind: 'ipip', ipip: infoOf(local) }),
  read: ({ ipip }, links) =>
    ipip && { fixed: settingsOf(ipip, links), ...(ipip.local !== undefined && { local: ipip.local }) },
  // The kernel tells them apart by both ends. @see ip_tunnel_find in net/ipv4/ip_tunnel.c
  excludes: ({ local }, { ipip }) =>
    ipip !== undefined && ipip.local === local && (ipip.remote ?? ANY) === ANY && (ipip.underlay ?? 0) === 0,
};

function settingsOf(info: IpipInfo, links: Links): IpipSettings {
  const { remote = ANY, underlay = 0, ttl = 0, tos = 0, encapType = 0, firewallMark = 0 } = info;
  const extras: readonly (string | false)[] = [
    info.collectMetadata === true && 'external',
    info.protocol !== undefined && !PROTOCOLS.includes(info.protocol) && `protocol ${info.protocol}`,
    underlay !== 0 && `dev ${links.nameOf(underlay)}`,
    ttl !== 0 && `ttl ${ttl}`,
    tos !== 0 && `tos ${tos}`,
    info.pathMtuDiscovery === true && 'pmtudisc',
    encapType !== 0 && `encap ${encapType}`,
    firewallMark !== 0 && `fwmark ${firewallMark}`,
  ];
  return { remote: remote === ANY ? 'any' : remote, extras: extras.filter((word) => word !== false) };
}
