import { attributes, type Decoded } from './attributes.js';
import { bytes, flag8, ipv4, ipv6, presence, u8, u16be, u32, u32be } from './codecs.js';

/** IFLA_INFO_DATA of a "vxlan" link. @see uapi/linux/if_link.h IFLA_VXLAN_*, RFC 7348 §5 */
export const vxlanInfo = attributes('IFLA_VXLAN', {
  vni: u32(1), // ID, 24 bits used
  group: ipv4(2), // GROUP, or the default remote
  underlay: u32(3), // LINK, an ifindex
  local: ipv4(4), // LOCAL
  ttl: u8(5), // TTL, 0 inherits
  tos: u8(6), // TOS
  learning: flag8(7), // LEARNING
  ageingSeconds: u32(8), // AGEING
  limit: u32(9), // LIMIT, of FDB entries
  portRange: bytes(10), // PORT_RANGE, two u16be
  proxy: flag8(11), // PROXY
  routeShortCircuit: flag8(12), // RSC
  l2Miss: flag8(13), // L2MISS
  l3Miss: flag8(14), // L3MISS
  port: u16be(15), // PORT, network order unlike its neighbours
  group6: ipv6(16), // GROUP6
  local6: ipv6(17), // LOCAL6
  udpChecksum: flag8(18), // UDP_CSUM
  udpZeroChecksum6Tx: flag8(19), // UDP_ZERO_CSUM6_TX
  udpZeroChecksum6Rx: flag8(20), // UDP_ZERO_CSUM6_RX
  gbp: presence(23), // GBP, group based policy
  collectMetadata: flag8(25), // COLLECT_METADATA, alias "external"
  flowLabel: u32be(26), // LABEL
});
export type VxlanInfo = Decoded<typeof vxlanInfo>;
