/**
 * Numbers in netlink messages are in host order; every platform that flan supports is little-endian. Callers check the
 * bounds; a byte beyond the end reads as zero.
 */
export const u16At = (bytes: Uint8Array, offset: number): number =>
  (bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8);

export const u32At = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset] ?? 0) |
    ((bytes[offset + 1] ?? 0) << 8) |
    ((bytes[offset + 2] ?? 0) << 16) |
    ((bytes[offset + 3] ?? 0) << 24)) >>>
  0;

export const i32At = (bytes: Uint8Array, offset: number): number => u32At(bytes, offset) | 0;

/** Network order, as addresses and ports are. */
export const u16beAt = (bytes: Uint8Array, offset: number): number =>
  ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);

export const u32beAt = (bytes: Uint8Array, offset: number): number =>
  (((bytes[offset] ?? 0) << 24) |
    ((bytes[offset + 1] ?? 0) << 16) |
    ((bytes[offset + 2] ?? 0) << 8) |
    (bytes[offset + 3] ?? 0)) >>>
  0;

/** NLMSG_ALIGN and NLA_ALIGN: messages and attributes start at multiples of four. */
export const aligned = (length: number): number => (length + 3) & ~3;

const utf8 = new TextDecoder();

/** A string that may or may not end in a zero byte. */
export function textAt(bytes: Uint8Array, offset: number, length: number): string {
  let end = offset;
  while (end < offset + length && bytes[end] !== 0) end++;
  return utf8.decode(bytes.subarray(offset, end));
}
