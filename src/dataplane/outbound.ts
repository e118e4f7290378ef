import type { Arena } from '../sys/arena.js';
import { EAGAIN, EINTR, type PacketIo } from '../sys/packet-io.js';
import { fold, type Sum } from './checksum.js';
import { TOTAL } from './counters.js';
import type { IcmpErrors } from './icmp.js';
import { hopsLeft, isToOneNode, packetLength, TCP, TRANSPORT_BYTES, takeHop, UDP } from './ip-header.js';
import type { Outbox } from './outbox.js';
import type { Peers } from './peers.js';
import { type BigPacket, split } from './split.js';
import { GSO_ECN, GSO_NONE, GSO_TCP4, GSO_TCP6, GSO_UDP, NEEDS_CHECKSUM, VNET } from './vnet-header.js';

const PACKET_BYTES = 65_536;
/** So that the IP header, after the one of 10 bytes before it, lies on a multiple of 16. */
const HEADROOM = 6;
const LOT_BYTES = 4 * PACKET_BYTES;
const LOT_PACKETS = 64;

/** From the device to the peers. Packets are read where they stay until they are sent. */
export class Outbound {
  readonly #init: OutboundInit;
  readonly #lot: number;
  /** Filled in anew for each packet. */
  readonly #big: { -readonly [K in keyof BigPacket]: BigPacket[K] } = {
    packet: 0,
    length: 0,
    transport: 0,
    protocol: TCP,
    segmentBytes: 0,
    slot: 0,
  };

  constructor(init: OutboundInit) {
    this.#init = init;
    this.#lot = init.arena.take(LOT_BYTES);
  }

  static readonly arenaBytes = LOT_BYTES + 64;

  /** Takes what the device has now, up to a lot, and sends it. @returns errno when the device cannot be read; else 0 */
  pump(): number {
    const { io, tun, arena, outbox } = this.#init;
    const end = this.#lot + LOT_BYTES - (HEADROOM + VNET.bytes + PACKET_BYTES);
    let errno = 0;
    let at = this.#lot;
    for (let n = 0; n < LOT_PACKETS && at <= end; n++) {
      const start = at + HEADROOM;
      const got = io.read(tun, arena.address + start, VNET.bytes + PACKET_BYTES);
      if (got === -1) {
        errno = io.errno();
        break;
      }
      this.#count(TOTAL.outRead);
      this.#count(this.#route(start, got - VNET.bytes));
      at = (start + got + 63) & ~63;
    }
    outbox.flush();
    return errno === EAGAIN || errno === EINTR ? 0 : errno;
  }

  /** One packet with its header of the device: `length` is that of the packet. @returns what to count it as */
  #route(start: number, length: number): number {
    const { arena, peers, outbox, icmp } = this.#init;
    const { view } = arena;
    const packet = start + VNET.bytes;
    if (packetLength(view, packet, length) === 0) return TOTAL.outMalformed;
    if (!isToOneNode(view, packet)) return TOTAL.outNotToOneNode;
    const isV4 = view.getUint8(packet) >>> 4 === 4;
    const slot = isV4 ? peers.find(packet + 16, 4) : peers.find(packet + 24, 6);
    if (slot === -1) {
      icmp.noRoute(packet, length);
      return TOTAL.outNoPeer;
    }
    if (hopsLeft(view, packet) <= 1) {
      icmp.expired(packet, length);
      return TOTAL.outExpired;
    }
    takeHop(view, packet);
    const type = view.getUint8(start + VNET.type) & ~GSO_ECN;
    if (type !== GSO_NONE) return this.#split(start, length, slot, type);
    if ((view.getUint8(start + VNET.flags) & NEEDS_CHECKSUM) !== 0 && !this.#checksum(start, length)) {
      return TOTAL.outMalformed;
    }
    outbox.begin(slot, length);
    outbox.add(packet, length);
    return TOTAL.outForwarded;
  }

  #split(start: number, length: number, slot: number, type: number): number {
    const { view } = this.#init.arena;
    const big = this.#big;
    big.packet = start + VNET.bytes;
    big.length = length;
    big.transport = view.getUint16(start + VNET.start, true);
    big.segmentBytes = view.getUint16(start + VNET.segmentBytes, true);
    big.protocol = type === GSO_UDP ? UDP : TCP;
    big.slot = slot;
    const isKnown = type === GSO_TCP4 || type === GSO_TCP6 || type === GSO_UDP;
    const fits = isKnown && big.transport >= 20 && big.transport + TRANSPORT_BYTES[big.protocol] <= length;
    return fits && split(this.#init, big) > 0 ? TOTAL.outForwarded : TOTAL.outMalformed;
  }

  /** Completes a checksum that so far covers the pseudo header. @returns whether it lies inside the packet */
  #checksum(start: number, length: number): boolean {
    const { arena, sum } = this.#init;
    const { view } = arena;
    const from = view.getUint16(start + VNET.start, true);
    const field = from + view.getUint16(start + VNET.offset, true);
    if (field + 2 > length) return false;
    const packet = start + VNET.bytes;
    const checksum = ~fold(sum(packet + from, length - from)) & 0xffff;
    // 0 means none in UDP; in TCP the two are the same number.
    view.setUint16(packet + field, checksum === 0 ? 0xffff : checksum, true);
    return true;
  }

  #count(total: number): void {
    const { counters } = this.#init;
    counters[total] = (counters[total] ?? 0) + 1;
  }
}

export interface OutboundInit {
  readonly arena: Arena;
  readonly io: PacketIo;
  readonly tun: number;
  readonly peers: Peers;
  readonly outbox: Outbox;
  readonly icmp: IcmpErrors;
  readonly sum: Sum;
  readonly counters: Float64Array;
}
