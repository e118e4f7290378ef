import { type Arena, setPointer } from '../sys/arena.js';
import {
  CMSG,
  EAGAIN,
  EINTR,
  IOVEC_BYTES,
  MMSGHDR,
  MSG_DONTWAIT,
  MSG_TRUNC,
  type PacketIo,
  SOL_UDP,
  UDP_GRO,
} from '../sys/packet-io.js';
import { SOCKADDR_BYTES } from '../sys/udp-socket.js';
import { PEER, peerAt, TOTAL } from './counters.js';
import type { Delivery } from './delivery.js';
import type { IcmpErrors } from './icmp.js';
import { hopsLeft, isToOneNode, packetLength, takeHop } from './ip-header.js';
import type { Peers } from './peers.js';

const MESSAGES = 64;
const DATAGRAM_BYTES = 65_536;
/** An odd number of cache lines more, so that the starts of all buffers do not fight for the same ones. */
const BUFFER_BYTES = DATAGRAM_BYTES + 192;
const SOCKADDR_STRIDE = 32;
/** Messages of many datagrams come by few, so that they are still in the cache when they are written. */
const LARGE_BYTES = 16_384;
const LARGE_MESSAGES = 4;
/** Counted by whoever got it. */
const HANDED_OVER = -1;

/** From the peers to the device. */
export class Inbound {
  readonly #init: InboundInit;
  readonly #messages: number;
  readonly #names: number;
  readonly #controls: number;
  readonly #buffers: number;
  #wanted = MESSAGES;

  constructor(init: InboundInit) {
    this.#init = init;
    const { arena } = init;
    this.#messages = arena.take(MESSAGES * MMSGHDR.bytes);
    this.#names = arena.take(MESSAGES * SOCKADDR_STRIDE);
    this.#controls = arena.take(MESSAGES * CMSG.bytes);
    this.#buffers = arena.take(MESSAGES * BUFFER_BYTES);
    const iovecs = arena.take(MESSAGES * IOVEC_BYTES);
    for (let i = 0; i < MESSAGES; i++) {
      const message = this.#messages + MMSGHDR.bytes * i;
      const iovec = iovecs + IOVEC_BYTES * i;
      setPointer(arena, iovec, this.#buffers + BUFFER_BYTES * i);
      arena.view.setUint32(iovec + 8, DATAGRAM_BYTES, true);
      setPointer(arena, message + MMSGHDR.name, this.#names + SOCKADDR_STRIDE * i);
      setPointer(arena, message + MMSGHDR.iov, iovec);
      arena.view.setUint32(message + MMSGHDR.iovCount, 1, true);
      setPointer(arena, message + MMSGHDR.control, this.#controls + CMSG.bytes * i);
      this.#rearm(message);
    }
  }

  static readonly arenaBytes =
    MESSAGES * (MMSGHDR.bytes + SOCKADDR_STRIDE + CMSG.bytes + BUFFER_BYTES + IOVEC_BYTES) + 512;

  /** Takes what one socket has now, up to a lot, and delivers it. @returns errno when it cannot be read; else 0 */
  pump(fd: number): number {
    const { io, arena, delivery } = this.#init;
    const count = io.recvmmsg(fd, arena.address + this.#messages, this.#wanted, MSG_DONTWAIT, 0);
    if (count === -1) {
      const errno = io.errno();
      return errno === EAGAIN || errno === EINTR ? 0 : errno;
    }
    let bytes = 0;
    for (let i = 0; i < count; i++) bytes += this.#receive(i);
    delivery.flush();
    this.#wanted = bytes > LARGE_BYTES * count ? LARGE_MESSAGES : MESSAGES;
    return 0;
  }

  /** @returns how many bytes the message had */
  #receive(i: number): number {
    const { view } = this.#init.arena;
    const message = this.#messages + MMSGHDR.bytes * i;
    const buffer = this.#buffers + BUFFER_BYTES * i;
    const length = view.getUint32(message + MMSGHDR.length, true);
    const control = this.#controls + CMSG.bytes * i;
    const isMany =
      view.getUint32(message + MMSGHDR.controlLength, true) >= CMSG.data + 4 &&
      view.getInt32(control + CMSG.level, true) === SOL_UDP &&
      view.getInt32(control + CMSG.type, true) === UDP_GRO;
    const size = isMany ? view.getInt32(control + CMSG.data, true) : length;
    const isCut = (view.getUint32(message + MMSGHDR.flags, true) & MSG_TRUNC) !== 0;
    const name = this.#names + SOCKADDR_STRIDE * i;
    if (length === 0 || size <= 0 || isCut) {
      this.#count(TOTAL.inReceived);
      this.#count(TOTAL.inMalformed);
    } else {
      for (let at = 0; at < length; at += size) {
        this.#count(TOTAL.inReceived);
        const drop = this.#accept(buffer + at, Math.min(size, length - at), name);
        if (drop !== HANDED_OVER) this.#count(drop);
      }
    }
    this.#rearm(message);
    return length;
  }

  /** One datagram: checks who sent it and what it is, and hands it over. @returns what to count it as when it is dropped */
  #accept(packet: number, available: number, name: number): number {
    const { arena, peers, delivery, icmp, counters } = this.#init;
    const { view } = arena;
    const length = packetLength(view, packet, available);
    if (length === 0) return TOTAL.inMalformed;
    const isV4 = view.getUint8(packet) >>> 4 === 4;
    const slot = isV4 ? peers.find(packet + 12, 4) : peers.find(packet + 8, 6);
    if (slot === -1 || !peers.isEndpoint(slot, name)) return this.#stranger(name);
    if (!isToOneNode(view, packet)) return TOTAL.inMalformed;
    if (hopsLeft(view, packet) <= 1) {
      icmp.expired(packet, length);
      return TOTAL.inExpired;
    }
    takeHop(view, packet);
    const counter = peerAt(slot);
    counters[counter + PEER.receivedPackets] = (counters[counter + PEER.receivedPackets] ?? 0) + 1;
    counters[counter + PEER.receivedBytes] = (counters[counter + PEER.receivedBytes] ?? 0) + length;
    delivery.put(packet, length);
    return HANDED_OVER;
  }

  /** A packet that its sender had no right to send: from nobody's address, or with a source that is not the sender's. */
  #stranger(name: number): number {
    const { peers, counters } = this.#init;
    const peer = peers.findEndpoint(name);
    if (peer === -1) return TOTAL.inUnknownSender;
    const counter = peerAt(peer) + PEER.spoofed;
    counters[counter] = (counters[counter] ?? 0) + 1;
    return TOTAL.inSpoofed;
  }

  /** The kernel writes over the lengths of what it fills. */
  #rearm(message: number): void {
    const { view } = this.#init.arena;
    view.setUint32(message + MMSGHDR.nameLength, SOCKADDR_BYTES, true);
    view.setUint32(message + MMSGHDR.controlLength, CMSG.bytes, true);
  }

  #count(total: number): void {
    const { counters } = this.#init;
    counters[total] = (counters[total] ?? 0) + 1;
  }
}

export interface InboundInit {
  readonly arena: Arena;
  readonly io: PacketIo;
  readonly peers: Peers;
  readonly delivery: Delivery;
  readonly icmp: IcmpErrors;
  readonly counters: Float64Array;
}
