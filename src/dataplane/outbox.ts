import { type Arena, setPointer } from '../sys/arena.js';
import {
  CMSG,
  EAGAIN,
  EINVAL,
  EIO,
  EMSGSIZE,
  IOVEC_BYTES,
  MMSGHDR,
  MSG_DONTWAIT,
  type PacketIo,
  POLLFD_BYTES,
  POLLOUT,
  SOL_UDP,
  UDP_SEGMENT,
} from '../sys/packet-io.js';
import { PEER, peerAt, TOTAL } from './counters.js';
import type { LoopSocket } from './messages.js';
import type { Peers } from './peers.js';

const MESSAGES = 256;
const IOVECS = 1024; // UIO_MAXIOV: the most that one message may have
/** UDP_MAX_SEGMENTS of Linux before 6.9; it has grown since. */
const SEGMENTS = 64;
/** What fits one IPv4 datagram of 65535 bytes, and so one send that the kernel cuts up. */
const SEND_BYTES = 65_507;
export const HEADER_BYTES = 160;
/** How long a full socket is waited for, and how often, before what it did not take is dropped. */
const PATIENCE_MS = 10;
const PATIENCE = 5;

/**
 * Datagrams on their way out: collected without copying, sent together. Neighbours of one length to one peer become one
 * message that the kernel, or the network card, cuts up (UDP_SEGMENT).
 */
export class Outbox {
  readonly #arena: Arena;
  readonly #io: PacketIo;
  readonly #peers: Peers;
  readonly #counters: Float64Array;
  readonly #messages: number;
  readonly #iovecs: number;
  readonly #controls: number;
  readonly #headers: number;
  readonly #pollfd: number;
  readonly #slots = new Int32Array(MESSAGES);
  readonly #segmentBytes = new Int32Array(MESSAGES);
  readonly #segments = new Int32Array(MESSAGES);
  readonly #iovecStarts = new Int32Array(MESSAGES + 1);
  #fd4 = -1;
  #fd6 = -1;
  #segmentation = true;
  #count = 0;
  #iovecCount = 0;
  #headerCount = 0;
  /** Of the messages that are collected now; 0: of none yet. */
  #family = 0;
  /** The last message: bytes so far, and whether more may join it. */
  #bytes = 0;
  #isOpen = false;

  constructor({ arena, io, peers, counters }: OutboxInit) {
    this.#arena = arena;
    this.#io = io;
    this.#peers = peers;
    this.#counters = counters;
    this.#messages = arena.take(MESSAGES * MMSGHDR.bytes);
    this.#iovecs = arena.take(IOVECS * IOVEC_BYTES);
    this.#controls = arena.take(MESSAGES * CMSG.bytes);
    this.#headers = arena.take(IOVECS * HEADER_BYTES);
    this.#pollfd = arena.take(POLLFD_BYTES);
    for (let i = 0; i < MESSAGES; i++) {
      const control = this.#controls + i * CMSG.bytes;
      arena.view.setUint32(control + CMSG.length, CMSG.data + 2, true);
      arena.view.setInt32(control + CMSG.level, SOL_UDP, true);
      arena.view.setInt32(control + CMSG.type, UDP_SEGMENT, true);
    }
  }

  static readonly arenaBytes = MESSAGES * (MMSGHDR.bytes + CMSG.bytes) + IOVECS * (IOVEC_BYTES + HEADER_BYTES) + 1024;

  use(sockets: readonly LoopSocket[]): void {
    this.flush();
    this.#fd4 = sockets.find(({ family }) => family === 4)?.fd ?? -1;
    this.#fd6 = sockets.find(({ family }) => family === 6)?.fd ?? -1;
  }

  /** Begins a datagram of `length` bytes to a peer. Its bytes follow by `add`, in at most two pieces. */
  begin(slot: number, length: number): void {
    const family = this.#peers.familyOf(slot);
    const isFull = this.#count === MESSAGES || this.#iovecCount > IOVECS - 2;
    if (isFull || (family !== this.#family && this.#count > 0)) this.flush();
    this.#family = family;
    const last = this.#count - 1;
    if (
      this.#isOpen &&
      this.#slots[last] === slot &&
      length <= (this.#segmentBytes[last] ?? 0) &&
      (this.#segments[last] ?? 0) < SEGMENTS &&
      this.#bytes + length <= SEND_BYTES
    ) {
      this.#segments[last] = (this.#segments[last] ?? 0) + 1;
      this.#bytes += length;
      // Only the last segment of a message may be shorter than the others.
      this.#isOpen = length === this.#segmentBytes[last];
    } else this.#open(slot, length);
    const counter = peerAt(slot);
    this.#counters[counter + PEER.sentPackets] = (this.#counters[counter + PEER.sentPackets] ?? 0) + 1;
    this.#counters[counter + PEER.sentBytes] = (this.#counters[counter + PEER.sentBytes] ?? 0) + length;
  }

  #open(slot: number, length: number): void {
    const at = this.#count++;
    this.#slots[at] = slot;
    this.#segmentBytes[at] = length;
    this.#segments[at] = 1;
    this.#iovecStarts[at] = this.#iovecCount;
    this.#bytes = length;
    this.#isOpen = this.#segmentation;
  }

  /** Bytes of the datagram begun last. They are read when the box is flushed, so they must stay. */
  add(offset: number, length: number): void {
    const iovec = this.#iovecs + IOVEC_BYTES * this.#iovecCount++;
    const { view, low, high } = this.#arena;
    view.setUint32(iovec, low + offset, true);
    view.setUint32(iovec + 4, high, true);
    view.setUint32(iovec + 8, length, true);
  }

  /** Room for the header of the datagram begun last, until the box is flushed. */
  takeHeader(): number {
    return this.#headers + HEADER_BYTES * this.#headerCount++;
  }

  /** Sends everything. What the kernel refuses is counted and dropped, as a network does. */
  flush(): void {
    if (this.#count === 0) return;
    const fd = this.#family === 4 ? this.#fd4 : this.#fd6;
    this.#iovecStarts[this.#count] = this.#iovecCount;
    for (let i = 0; i < this.#count; i++) this.#seal(i);
    let patience = PATIENCE;
    for (let done = 0; done < this.#count; ) {
      const sent = fd === -1 ? -1 : this.#io.sendmmsg(fd, this.#pointer(done), this.#count - done, MSG_DONTWAIT);
      if (sent > 0) done += sent;
      else if (fd !== -1 && this.#io.errno() === EAGAIN && patience-- > 0) this.#waitWritable(fd);
      else this.#refused(fd, done++);
    }
    this.#count = 0;
    this.#iovecCount = 0;
    this.#headerCount = 0;
    this.#isOpen = false;
  }

  #pointer(message: number): number {
    return this.#arena.address + this.#messages + MMSGHDR.bytes * message;
  }

  #seal(i: number): void {
    const { view } = this.#arena;
    const message = this.#messages + MMSGHDR.bytes * i;
    const start = this.#iovecStarts[i] ?? 0;
    this.#peers.address(message, this.#slots[i] ?? 0);
    setPointer(this.#arena, message + MMSGHDR.iov, this.#iovecs + IOVEC_BYTES * start);
    view.setUint32(message + MMSGHDR.iovCount, (this.#iovecStarts[i + 1] ?? 0) - start, true);
    if ((this.#segments[i] ?? 0) < 2) {
      view.setUint32(message + MMSGHDR.controlLength, 0, true);
      return;
    }
    const control = this.#controls + CMSG.bytes * i;
    view.setUint16(control + CMSG.data, this.#segmentBytes[i] ?? 0, true);
    setPointer(this.#arena, message + MMSGHDR.control, control);
    view.setUint32(message + MMSGHDR.controlLength, CMSG.bytes, true);
  }

  #refused(fd: number, i: number): void {
    const segments = this.#segments[i] ?? 0;
    const errno = fd === -1 ? 0 : this.#io.errno();
    // EMSGSIZE, EINVAL: the path takes less than the interface does; by itself each datagram is cut into fragments.
    // EIO: the interface cannot compute checksums, and so not cut up either.
    if (segments > 1 && (errno === EMSGSIZE || errno === EINVAL || errno === EIO)) {
      if (errno === EIO) this.#segmentation = false;
      this.#sendOneByOne(fd, i);
      return;
    }
    this.#countRefused(i, segments);
  }

  #sendOneByOne(fd: number, i: number): void {
    const { view } = this.#arena;
    const message = this.#messages + MMSGHDR.bytes * i;
    const end = this.#iovecStarts[i + 1] ?? 0;
    view.setUint32(message + MMSGHDR.controlLength, 0, true);
    for (let from = this.#iovecStarts[i] ?? 0; from < end; ) {
      let to = from;
      for (let bytes = 0; to < end && bytes < (this.#segmentBytes[i] ?? 0); to++) {
        bytes += view.getUint32(this.#iovecs + IOVEC_BYTES * to + 8, true);
      }
      setPointer(this.#arena, message + MMSGHDR.iov, this.#iovecs + IOVEC_BYTES * from);
      view.setUint32(message + MMSGHDR.iovCount, to - from, true);
      if (this.#io.sendmmsg(fd, this.#pointer(i), 1, MSG_DONTWAIT) !== 1) this.#countRefused(i, 1);
      from = to;
    }
  }

  #countRefused(i: number, segments: number): void {
    const counter = peerAt(this.#slots[i] ?? 0) + PEER.sendErrors;
    this.#counters[counter] = (this.#counters[counter] ?? 0) + segments;
    this.#counters[TOTAL.outRefused] = (this.#counters[TOTAL.outRefused] ?? 0) + segments;
  }

  #waitWritable(fd: number): void {
    const { view, address } = this.#arena;
    view.setInt32(this.#pollfd, fd, true);
    view.setInt32(this.#pollfd + 4, POLLOUT, true);
    this.#io.poll(address + this.#pollfd, 1, PATIENCE_MS);
  }
}

export interface OutboxInit {
  readonly arena: Arena;
  readonly io: PacketIo;
  readonly peers: Peers;
  readonly counters: Float64Array;
}
