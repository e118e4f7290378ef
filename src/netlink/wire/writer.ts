import { type Address, type Family, familyOf, parseIPv4, writeAddress } from '../../model/ip.js';
import { aligned } from './bytes.js';
import { NLMSG_HEADER_BYTES } from './constants.js';

const utf8 = new TextEncoder();

/**
 * Builds messages one after another in one buffer that is used again and again and grows when it must. Every position
 * is a multiple of four between messages and attributes, so words are written as words.
 */
export class Writer {
  bytes: Uint8Array;
  /** Bytes written so far. */
  length = 0;
  private words: Uint32Array;

  constructor(capacityBytes = 65_536) {
    this.words = new Uint32Array(aligned(capacityBytes) >> 2);
    this.bytes = new Uint8Array(this.words.buffer);
  }

  reset(): void {
    this.length = 0;
  }

  /** What was written, without a copy: valid until the next write. */
  written(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  /** Starts a message (struct nlmsghdr); its sequence and port are zero until the socket sets them. */
  begin(type: number, flags: number): number {
    const start = this.reserve(NLMSG_HEADER_BYTES);
    const at = start >> 2;
    this.words[at + 1] = type | (flags << 16);
    this.words[at + 2] = 0;
    this.words[at + 3] = 0;
    return start;
  }

  /** Ends the message that `begin` started at `start`: fills in its length. */
  end(start: number): void {
    this.words[start >> 2] = this.length - start;
  }

  /** One word that is four header bytes, lowest address first. */
  bytes4(a: number, b: number, c: number, d: number): void {
    const at = this.reserve(4);
    this.words[at >> 2] = (a & 255) | ((b & 255) << 8) | ((c & 255) << 16) | (d << 24);
  }

  word(value: number): void {
    const at = this.reserve(4);
    this.words[at >> 2] = value;
  }

  /** Overwrites the word at a position that is a multiple of four. */
  patchWord(at: number, value: number): void {
    this.words[at >> 2] = value;
  }

  /** Starts an attribute whose size is not known yet: a nest. */
  open(type: number): number {
    const start = this.reserve(4);
    this.words[start >> 2] = type << 16;
    return start;
  }

  /** Ends the attribute that `open` started at `start`. */
  close(start: number): void {
    this.patchLength(start, this.length - start);
  }

  /** Overwrites the 16-bit length at the start of an attribute or of a struct rtnexthop. */
  patchLength(start: number, lengthBytes: number): void {
    const at = start >> 2;
    this.words[at] = ((this.words[at] ?? 0) & 0xffff0000) | (lengthBytes & 0xffff);
  }

  flag(type: number): void {
    this.header(type, 0);
  }

  u8(type: number, value: number): void {
    const at = this.header(type, 1);
    this.words[at >> 2] = value & 255;
  }

  u16(type: number, value: number): void {
    const at = this.header(type, 2);
    this.words[at >> 2] = value & 0xffff;
  }

  /** Network order. */
  u16be(type: number, value: number): void {
    const at = this.header(type, 2);
    this.words[at >> 2] = ((value & 255) << 8) | ((value >>> 8) & 255);
  }

  u32(type: number, value: number): void {
    const at = this.header(type, 4);
    this.words[at >> 2] = value;
  }

  /** Network order: an IPv4 address as a number, highest octet first. */
  u32be(type: number, value: number): void {
    const at = this.header(type, 4);
    this.words[at >> 2] = swap32(value);
  }

  blob(type: number, value: Uint8Array): void {
    const at = this.header(type, value.length);
    this.bytes.set(value, at);
  }

  /** Zero-terminated, as the kernel writes its own. */
  text(type: number, value: string): void {
    const encoded = utf8.encode(value);
    const at = this.header(type, encoded.length + 1);
    this.bytes.set(encoded, at);
  }

  /** 4 or 16 bytes. The address must be canonical, as every Address is. */
  address(type: number, address: Address): void {
    this.addressOf({ type, family: familyOf(address), text: address });
  }

  /** The address that `text` begins with, up to a slash: a prefix need not be cut in two first. */
  prefixAddress(type: number, text: string, family: Family): void {
    const slash = text.indexOf('/');
    this.addressOf({ type, family, text: slash < 0 ? text : text.slice(0, slash) });
  }

  private addressOf({ type, family, text }: { type: number; family: Family; text: string }): void {
    if (family === 4) {
      this.u32be(type, parseIPv4(text));
      return;
    }
    const at = this.header(type, 16);
    writeAddress(text as Address, this.bytes, at);
  }

  /**
   * Writes struct nlattr, zeroes the padding and returns where the value goes. It may put another buffer in the place
   * of this one, so it is called before `words` or `bytes` is looked at.
   */
  private header(type: number, valueBytes: number): number {
    const at = this.reserve(4 + aligned(valueBytes));
    this.words[at >> 2] = (4 + valueBytes) | (type << 16);
    if (valueBytes > 0) this.words[(at + valueBytes + 3) >> 2] = 0;
    return at + 4;
  }

  /** Makes room and advances; returns where the room starts. Its content is whatever was there before. */
  reserve(count: number): number {
    const at = this.length;
    this.length = at + aligned(count);
    if (this.length > this.bytes.length) this.grow();
    return at;
  }

  private grow(): void {
    let size = this.bytes.length * 2;
    while (size < this.length) size *= 2;
    const words = new Uint32Array(size >> 2);
    words.set(this.words);
    this.words = words;
    this.bytes = new Uint8Array(words.buffer);
  }
}

const swap32 = (value: number): number =>
  (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
