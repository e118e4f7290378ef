import type { Arena } from '../sys/arena.js';
import { compileSum } from './checksum-wasm.js';

/**
 * The Internet checksum over memory, in the machine's (little-endian) order: sums are only folded and swapped when
 * they are written. Written for V8: 32-bit integers all the way, no object. @see RFC 1071 §2
 */

/** Adds up bytes of one memory as 16-bit words, at most 64 KiB of them. The result is below 2^22; add some, then `fold`. */
export type Sum = (offset: number, length: number) => number;

/** The fastest there is: for whole payloads by WebAssembly, which is five times as fast as JavaScript. */
export function sumOver({ memory, view }: Pick<Arena, 'memory' | 'view'>): Sum {
  const inScript: Sum = (offset, length) => sumBytes(view, offset, length);
  try {
    return (memory && compileSum(memory)) ?? inScript;
  } catch {
    return inScript; // No SIMD on this processor.
  }
}

/** What a `Sum` does, for headers. */
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
