import { fold, sumBytes } from './checksum.js';

export const TCP = 6;
export const UDP = 17;
export const ICMP = 1;
export const ICMPV6 = 58;
export const IPV6_HEADER_BYTES = 40;
/** The least that a header of the protocol has. @see RFC 9293 §3.1, RFC 768 */
export const TRANSPORT_BYTES = { [TCP]: 20, [UDP]: 8 } as const;

/**
 * Length of the IP packet that stands at `packet` with `available` bytes behind it, as its header says; 0 when there
 * is none: truncated, of another version, of a length that cannot be. @see RFC 791 §3.1, RFC 8200 §3
 */
export function packetLength(view: DataView, packet: number, available: number): number {
  if (available < 20) return 0;
  const first = view.getUint8(packet);
  if (first >>> 4 === 4) {
    const headerBytes = (first & 15) << 2;
    const length = view.getUint16(packet + 2);
    return headerBytes < 20 || length < headerBytes || length > available ? 0 : length;
  }
  if (first >>> 4 !== 6 || available < IPV6_HEADER_BYTES) return 0;
  const length = IPV6_HEADER_BYTES + view.getUint16(packet + 4);
  return length > available ? 0 : length;
}

/** TTL, or hop limit. */
export const hopsLeft = (view: DataView, packet: number): number =>
  view.getUint8(packet) >>> 4 === 4 ? view.getUint8(packet + 8) : view.getUint8(packet + 7);

/** Takes one hop away, and patches the header checksum of IPv4 by the difference. @see RFC 1624 §3, eqn. 3 */
export function takeHop(view: DataView, packet: number): void {
  if (view.getUint8(packet) >>> 4 !== 4) {
    view.setUint8(packet + 7, view.getUint8(packet + 7) - 1);
    return;
  }
  view.setUint8(packet + 8, view.getUint8(packet + 8) - 1);
  const checksum = view.getUint16(packet + 10) + 0x0100;
  view.setUint16(packet + 10, checksum + (checksum >= 0xffff ? 1 : 0));
}

/** Writes the header checksum of IPv4 anew. */
export function sealHeader4(view: DataView, packet: number): void {
  view.setUint16(packet + 10, 0);
  view.setUint16(packet + 10, ~fold(sumBytes(view, packet, (view.getUint8(packet) & 15) << 2)), true);
}

/** Whether the destination is one node: neither multicast nor the broadcast address of everybody. */
export function isToOneNode(view: DataView, packet: number): boolean {
  if (view.getUint8(packet) >>> 4 === 6) return view.getUint8(packet + 24) !== 0xff;
  return view.getUint8(packet + 16) < 224;
}
