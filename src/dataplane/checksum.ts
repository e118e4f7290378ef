/**
 * The Internet checksum over memory, in the machine's (little-endian) order: sums are only folded and swapped when
 * they are written. Written for V8: 32-bit integers all the way, no object. @see RFC 1071 §2
 */

/** Most bytes of one `sumBytes`: half-words of 32 KiB words still fit 31 bits. */
export const SUM_LIMIT_BYTES = 65_536;

/** Adds up `length` bytes as 16-bit words. The result is below 2^17; add it to others before `fold`. */
export function sumBytes(view: DataView, offset: number, length: number): number {
  let low = 0;
  let high = 0;
  let at = offset;
  for (const end = offset + length - 15; at < end; at += 16) {
    const a = view.getInt32(at, true);
    const b = view.getInt32(at + 4, true);
    const c = view.getInt32(at + 8, true);
    const d = view.getInt32(at + 12, true);
    low += (a & 0xffff) + (b & 0xffff) + (c & 0xffff) + (d & 0xffff);
    high += (a >>> 16) + (b >>> 16) + (c >>> 16) + (d >>> 16);
  }
  const end = offset + length;
  for (; at + 1 < end; at += 2) low += view.getUint16(at, true);
  if (at < end) low += view.getUint8(at);
  return (low & 0xffff) + (low >>> 16) + (high & 0xffff) + (high >>> 16);
}

/** The 16 bits of a sum, in memory order; not yet complemented. */
export function fold(sum: number): number {
  let folded = (sum & 0xffff) + (sum >>> 16);
  folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** A number of the wire's order as a word of memory order: what it counts in a sum. */
export const wireWord = (value: number): number => ((value & 0xff) << 8) | ((value >>> 8) & 0xff);

/**
 * Sum of the pseudo header that TCP and UDP checksums cover, without the length. `packet` is where the IP header
 * starts. @see RFC 9293 §3.1, RFC 8200 §8.1
 */
export function sumPseudoHeader(view: DataView, packet: number, protocol: number): number {
  const isV6 = view.getUint8(packet) >>> 4 === 6;
  return (isV6 ? sumBytes(view, packet + 8, 32) : sumBytes(view, packet + 12, 8)) + wireWord(protocol);
}
