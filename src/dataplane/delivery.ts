import { type Arena, setPointer } from '../sys/arena.js';
import { IOVEC_BYTES, type PacketIo } from '../sys/packet-io.js';
import type { TunOffload } from '../sys/tun.js';
import { fold, type Sum, sumPseudoHeader, wireWord } from './checksum.js';
import { TOTAL } from './counters.js';
import { sealHeader4, TCP, UDP } from './ip-header.js';
import { GSO_TCP4, GSO_TCP6, GSO_UDP, NEEDS_CHECKSUM, VNET } from './vnet-header.js';

const SEGMENTS = 256;
/** UDP_MAX_SEGMENTS of Linux before 6.9: with more the kernel refuses the packet. */
const UDP_SEGMENTS = 64;
/** The length of an IPv4 packet is a 16-bit number; IPv6's leaves out its header. */
const PACKET_BYTES = 65_535;
const ACK = 0x10;
const PSH = 0x08;
const DONT_FRAGMENT = 0x4000;

/**
 * Packets on their way into the device. Segments of one TCP connection, or datagrams of one UDP flow, that follow each
 * other go in as one packet that the kernel takes as what a network card has put together: the same rules as its own
 * receive offload. Nothing is copied but one header.
 */
export class Delivery {
  readonly #init: DeliveryInit;
  /** One packet: the empty header of the device, and the packet. */
  readonly #single: number;
  /** The packet that is put together: its headers, and the payloads. */
  readonly #many: number;
  readonly #header: number;
  /** The first packet of the run, as it was received; 0: there is no run. */
  #first = 0;
  #firstLength = 0;
  #protocol = 0;
  #transport = 0;
  #headerBytes = 0;
  #segments = 0;
  /** How many may be put together. */
  #most = 0;
  /** Payload of every packet of the run but the last. */
  #segmentBytes = 0;
  #payloadBytes = 0;
  #nextSequence = 0;
  #lastId = 0;
  #isPushed = false;
  /** Whether no more may follow. */
  #isClosed = false;
  #isFirstChecked = false;

  constructor(init: DeliveryInit) {
    this.#init = init;
    const { arena } = init;
    const empty = arena.take(VNET.bytes);
    this.#single = arena.take(2 * IOVEC_BYTES);
    this.#many = arena.take((SEGMENTS + 1) * IOVEC_BYTES);
    this.#header = arena.take(VNET.bytes + 160);
    setPointer(arena, this.#single, empty);
    arena.view.setUint32(this.#single + 8, VNET.bytes, true);
    setPointer(arena, this.#many, this.#header);
  }

  static readonly arenaBytes = (SEGMENTS + 3) * IOVEC_BYTES + VNET.bytes + 160 + 512;

  /** Hands over a checked packet. Its bytes must stay until the next `flush`. */
  put(packet: number, length: number): void {
    const headerBytes = this.#init.offload === 'none' ? 0 : this.#candidate(packet, length);
    if (headerBytes === 0) {
      this.flush();
      this.#write(packet, length);
      return;
    }
    if (this.#first !== 0 && this.#join(packet, length, headerBytes)) return;
    this.flush();
    this.#begin(packet, length, headerBytes);
  }

  /** Writes what has been put together. */
  flush(): void {
    if (this.#first === 0) return;
    if (this.#segments === 1) this.#write(this.#first, this.#firstLength);
    else this.#writeMany();
    this.#first = 0;
  }

  /** Length of all headers of a packet that may be part of a run; else 0. */
  #candidate(packet: number, length: number): number {
    const { view } = this.#init.arena;
    const isV4 = view.getUint8(packet) >>> 4 === 4;
    // No options, no fragments; IPv6: no extension headers.
    if (isV4 && (view.getUint8(packet) !== 0x45 || (view.getUint16(packet + 6) & ~DONT_FRAGMENT) !== 0)) return 0;
    const transport = isV4 ? 20 : 40;
    const protocol = view.getUint8(packet + (isV4 ? 9 : 6));
    if (protocol === TCP) {
      if (length < transport + 20) return 0;
      // Anything but an acknowledgement with data ends a run.
      if ((view.getUint8(packet + transport + 13) & ~PSH) !== ACK) return 0;
      const headerBytes = transport + ((view.getUint8(packet + transport + 12) >>> 4) << 2);
      return headerBytes >= transport + 20 && headerBytes < length ? headerBytes : 0;
    }
    if (protocol !== UDP || this.#init.offload !== 'tcp+udp' || length <= transport + 8) return 0;
    const isWhole = view.getUint16(packet + transport + 4) === length - transport;
    return isWhole && view.getUint16(packet + transport + 6) !== 0 ? transport + 8 : 0;
  }

  #begin(packet: number, length: number, headerBytes: number): void {
    const { view } = this.#init.arena;
    const isV4 = view.getUint8(packet) >>> 4 === 4;
    this.#first = packet;
    this.#firstLength = length;
    this.#protocol = view.getUint8(packet + (isV4 ? 9 : 6));
    this.#most = this.#protocol === UDP ? UDP_SEGMENTS : SEGMENTS;
    this.#transport = isV4 ? 20 : 40;
    this.#headerBytes = headerBytes;
    this.#segments = 0;
    this.#segmentBytes = length - headerBytes;
    this.#payloadBytes = 0;
    this.#isPushed = false;
    this.#isClosed = false;
    this.#isFirstChecked = false;
    this.#append(packet, length);
  }

  #append(packet: number, length: number): void {
    const { arena } = this.#init;
    const { view } = arena;
    const size = length - this.#headerBytes;
    const iovec = this.#many + IOVEC_BYTES * ++this.#segments;
    setPointer(arena, iovec, packet + this.#headerBytes);
    view.setUint32(iovec + 8, size, true);
    this.#payloadBytes += size;
    this.#lastId = view.getUint16(packet + 4);
    if (this.#protocol === TCP) {
      this.#nextSequence = (view.getInt32(packet + this.#transport + 4) + size) | 0;
      this.#isPushed = (view.getUint8(packet + this.#transport + 13) & PSH) !== 0;
    }
    this.#isClosed = size < this.#segmentBytes || this.#isPushed || this.#segments === this.#most;
  }

  /** @returns whether the packet has become part of the run */
  #join(packet: number, length: number, headerBytes: number): boolean {
    const size = length - headerBytes;
    if (
      this.#isClosed ||
      headerBytes !== this.#headerBytes ||
      size > this.#segmentBytes ||
      this.#headerBytes + this.#payloadBytes + size > PACKET_BYTES ||
      !this.#follows(packet)
    ) {
      return false;
    }
    // A wrong checksum must reach the receiver as it is: putting together would make it right.
    if (!this.#isFirstChecked) {
      if (!this.#isIntact(this.#first, this.#firstLength)) return false;
      this.#isFirstChecked = true;
    }
    if (!this.#isIntact(packet, length)) return false;
    this.#append(packet, length);
    return true;
  }

  #follows(packet: number): boolean {
    const { view } = this.#init.arena;
    const first = this.#first;
    if (view.getUint16(packet) !== view.getUint16(first)) return false;
    if (this.#transport === 20) {
      if (view.getUint16(packet + 6) !== view.getUint16(first + 6)) return false; // DF
      if (view.getUint16(packet + 8) !== view.getUint16(first + 8)) return false; // TTL, protocol
      if (view.getInt32(packet + 12) !== view.getInt32(first + 12)) return false;
      if (view.getInt32(packet + 16) !== view.getInt32(first + 16)) return false;
      // Where fragments are forbidden the number says nothing. @see RFC 6864 §4.1
      const isAtomic = (view.getUint16(packet + 6) & DONT_FRAGMENT) !== 0;
      if (!isAtomic && view.getUint16(packet + 4) !== ((this.#lastId + 1) & 0xffff)) return false;
    } else {
      if (view.getUint16(packet + 2) !== view.getUint16(first + 2)) return false; // flow label
      if (view.getUint16(packet + 6) !== view.getUint16(first + 6)) return false; // next header, hop limit
      for (let i = 8; i < 40; i += 4) if (view.getInt32(packet + i) !== view.getInt32(first + i)) return false;
    }
    const [at, own] = [packet + this.#transport, first + this.#transport];
    if (view.getInt32(at) !== view.getInt32(own)) return false; // ports
    if (this.#protocol === UDP) return true;
    if (view.getInt32(at + 4) !== this.#nextSequence) return false;
    if (view.getInt32(at + 8) !== view.getInt32(own + 8)) return false; // acknowledgement
    if (view.getUint16(at + 14) !== view.getUint16(own + 14)) return false; // window
    for (let i = 20, end = this.#headerBytes - this.#transport; i < end; i += 4) {
      if (view.getInt32(at + i) !== view.getInt32(own + i)) return false; // options
    }
    return true;
  }

  #isIntact(packet: number, length: number): boolean {
    const { arena, sum } = this.#init;
    const inner = length - this.#transport;
    const pseudo = sumPseudoHeader(arena.view, packet, this.#protocol) + wireWord(inner);
    return fold(pseudo + sum(packet + this.#transport, inner)) === 0xffff;
  }

  #writeMany(): void {
    const { io, tun, arena, counters } = this.#init;
    const { view } = arena;
    const header = this.#header + VNET.bytes;
    const isV4 = this.#transport === 20;
    const isTcp = this.#protocol === TCP;
    const inner = this.#headerBytes - this.#transport + this.#payloadBytes;
    for (let i = 0; i < this.#headerBytes; i += 4) {
      view.setInt32(header + i, view.getInt32(this.#first + i, true), true);
    }
    if (isV4) {
      view.setUint16(header + 2, this.#transport + inner);
      sealHeader4(view, header);
    } else view.setUint16(header + 4, inner);
    const at = header + this.#transport;
    if (isTcp) {
      if (this.#isPushed) view.setUint8(at + 13, view.getUint8(at + 13) | PSH);
    } else view.setUint16(at + 4, inner);
    // The kernel goes on from the sum of the pseudo header, if it ever needs the checksum.
    const checksum = isTcp ? 16 : 6;
    view.setUint16(at + checksum, fold(sumPseudoHeader(view, header, this.#protocol) + wireWord(inner)), true);
    const vnet = this.#header;
    view.setUint8(vnet + VNET.flags, NEEDS_CHECKSUM);
    view.setUint8(vnet + VNET.type, isTcp ? (isV4 ? GSO_TCP4 : GSO_TCP6) : GSO_UDP);
    view.setUint16(vnet + VNET.headerLength, this.#headerBytes, true);
    view.setUint16(vnet + VNET.segmentBytes, this.#segmentBytes, true);
    view.setUint16(vnet + VNET.start, this.#transport, true);
    view.setUint16(vnet + VNET.offset, checksum, true);
    view.setUint32(this.#many + 8, VNET.bytes + this.#headerBytes, true);
    if (io.writev(tun, arena.address + this.#many, this.#segments + 1) === -1) this.#writeEach();
    else counters[TOTAL.inDelivered] = (counters[TOTAL.inDelivered] ?? 0) + this.#segments;
  }

  /** The packets of the run one by one, as they were received: for a kernel that does not take them together. */
  #writeEach(): void {
    const { arena } = this.#init;
    for (let i = 1; i <= this.#segments; i++) {
      const iovec = this.#many + IOVEC_BYTES * i;
      const payload = arena.view.getUint32(iovec, true) - arena.low;
      this.#write(payload - this.#headerBytes, this.#headerBytes + arena.view.getUint32(iovec + 8, true));
    }
  }

  #write(packet: number, length: number): void {
    const { io, tun, arena, counters } = this.#init;
    setPointer(arena, this.#single + IOVEC_BYTES, packet);
    arena.view.setUint32(this.#single + IOVEC_BYTES + 8, length, true);
    const total = io.writev(tun, arena.address + this.#single, 2) === -1 ? TOTAL.inRefused : TOTAL.inDelivered;
    counters[total] = (counters[total] ?? 0) + 1;
  }
}

export interface DeliveryInit {
  readonly arena: Arena;
  readonly io: PacketIo;
  readonly tun: number;
  readonly offload: TunOffload;
  readonly sum: Sum;
  readonly counters: Float64Array;
}
