import type { Arena } from '../../src/sys/arena.js';
import { CMSG, EAGAIN, IOVEC_BYTES, MMSGHDR, type PacketIo, SOL_UDP, UDP_GRO } from '../../src/sys/packet-io.js';

/** One datagram, or a run of datagrams of `segmentBytes` each. */
export interface FakeDatagram {
  readonly sockaddr: Uint8Array;
  readonly bytes: Uint8Array;
  readonly segmentBytes: number;
}

export interface FakeIo extends PacketIo {
  /** What the device has to read: each with its header of 10 bytes. */
  readonly fromDevice: Uint8Array[];
  /** What the sockets have to read. */
  readonly fromPeers: FakeDatagram[];
  readonly toDevice: Uint8Array[];
  readonly toPeers: FakeDatagram[];
  /** What the next calls answer instead of doing their work: errno, by call. */
  readonly refusals: { sendmmsg: number[]; writev: number[] };
}

/** The kernel's side of the system calls of a packet loop, over the same memory. */
export function fakeIo(arena: Arena): FakeIo {
  const { view, bytes, address } = arena;
  let errno = 0;
  const pointerAt = (at: number): number => view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32 - address;
  const gather = (iovec: number, count: number): Uint8Array => {
    const pieces = Array.from({ length: count }, (_, i) => {
      const start = pointerAt(iovec + IOVEC_BYTES * i);
      return bytes.slice(start, start + view.getUint32(iovec + IOVEC_BYTES * i + 8, true));
    });
    return Uint8Array.from(pieces.flatMap((piece) => [...piece]));
  };
  const fail = (number: number): number => {
    errno = number;
    return -1;
  };
  const io: FakeIo = {
    fromDevice: [],
    fromPeers: [],
    toDevice: [],
    toPeers: [],
    refusals: { sendmmsg: [], writev: [] },
    errno: () => errno,
    poll: () => 1,
    read: (_fd, pointer, room) => {
      const packet = io.fromDevice.shift();
      if (packet === undefined) return fail(EAGAIN);
      bytes.set(packet.subarray(0, room), pointer - address);
      return Math.min(room, packet.length);
    },
    writev: (_fd, pointer, count) => {
      const refusal = io.refusals.writev.shift();
      if (refusal !== undefined) return fail(refusal);
      const packet = gather(pointer - address, count);
      io.toDevice.push(packet);
      return packet.length;
    },
    sendmmsg: (_fd, pointer, count) => {
      const refusal = io.refusals.sendmmsg.shift();
      if (refusal !== undefined) return fail(refusal);
      for (let i = 0; i < count; i++) {
        const message = pointer - address + MMSGHDR.bytes * i;
        const name = pointerAt(message + MMSGHDR.name);
        const datagram = gather(pointerAt(message + MMSGHDR.iov), view.getUint32(message + MMSGHDR.iovCount, true));
        const control = view.getUint32(message + MMSGHDR.controlLength, true);
        const segmentBytes =
          control === 0 ? datagram.length : view.getUint16(pointerAt(message + MMSGHDR.control) + CMSG.data, true);
        const sockaddr = bytes.slice(name, name + view.getUint32(message + MMSGHDR.nameLength, true));
        io.toPeers.push({ sockaddr, bytes: datagram, segmentBytes });
      }
      return count;
    },
    recvmmsg: (_fd, pointer, count) => {
      if (io.fromPeers.length === 0) return fail(EAGAIN);
      let done = 0;
      for (; done < count; done++) {
        const datagram = io.fromPeers.shift();
        if (datagram === undefined) break;
        const message = pointer - address + MMSGHDR.bytes * done;
        bytes.set(datagram.sockaddr, pointerAt(message + MMSGHDR.name));
        view.setUint32(message + MMSGHDR.nameLength, datagram.sockaddr.length, true);
        const iovec = pointerAt(message + MMSGHDR.iov);
        const room = view.getUint32(iovec + 8, true);
        bytes.set(datagram.bytes.subarray(0, room), pointerAt(iovec));
        view.setUint32(message + MMSGHDR.length, Math.min(room, datagram.bytes.length), true);
        view.setUint32(message + MMSGHDR.flags, datagram.bytes.length > room ? 0x20 : 0, true);
        const isMany = datagram.segmentBytes < datagram.bytes.length;
        view.setUint32(message + MMSGHDR.controlLength, isMany ? CMSG.bytes : 0, true);
        const control = pointerAt(message + MMSGHDR.control);
        view.setInt32(control + CMSG.level, SOL_UDP, true);
        view.setInt32(control + CMSG.type, UDP_GRO, true);
        view.setInt32(control + CMSG.data, datagram.segmentBytes, true);
      }
      return done;
    },
  };
  return io;
}

/** Runs of datagrams one by one, as a network without segmentation delivers them. */
export const oneByOne = (datagrams: readonly FakeDatagram[]): FakeDatagram[] =>
  datagrams.flatMap(({ sockaddr, bytes, segmentBytes }) =>
    Array.from({ length: Math.ceil(bytes.length / segmentBytes) }, (_, i) => {
      const piece = bytes.slice(i * segmentBytes, (i + 1) * segmentBytes);
      return { sockaddr, bytes: piece, segmentBytes: piece.length };
    }),
  );
