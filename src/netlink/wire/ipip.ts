import { attributes, type Decoded } from './attributes.js';
import { flag8, ipv4, presence, u8, u16, u16be, u32 } from './codecs.js';

/** IFLA_INFO_DATA of an "ipip" link. @see uapi/linux/if_tunnel.h IFLA_IPTUN_*, RFC 2003 */
export const ipipInfo = attributes('IFLA_IPTUN', {
  underlay: u32(1), // LINK, an ifindex
  local: ipv4(2), // LOCAL
  remote: ipv4(3), // REMOTE, 0.0.0.0 for any
  ttl: u8(4), // TTL, 0 inherits
  tos: u8(5), // TOS
  protocol: u8(9), // PROTO, 4 is IPIP
  pathMtuDiscovery: flag8(10), // PMTUDISC
  encapType: u16(15), // ENCAP_TYPE
  encapFlags: u16(16), // ENCAP_FLAGS
  encapSourcePort: u16be(17), // ENCAP_SPORT
  encapPort: u16be(18), // ENCAP_DPORT
  collectMetadata: presence(19), // COLLECT_METADATA, alias "external"
  firewallMark: u32(20), // FWMARK
});
export type IpipInfo = Decoded<typeof ipipInfo>;
