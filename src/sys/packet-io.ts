import { koffi, resolvedLibcFunction } from './ffi.js';

/**
 * The system calls of a packet loop. Pointers are plain numbers (an arena's address plus an offset), so that a call
 * makes no object. All answer -1 for an error; `errno` tells which.
 */
export interface PacketIo {
  read(fd: number, pointer: number, lengthBytes: number): number;
  writev(fd: number, iovPointer: number, count: number): number;
  sendmmsg(fd: number, pointer: number, count: number, flags: number): number;
  recvmmsg(fd: number, pointer: number, count: number, flags: number, timeout: number): number;
  poll(pointer: number, count: number, timeoutMs: number): number;
  errno(): number;
}

export function packetIo(): PacketIo {
  return {
    read: resolvedLibcFunction('long read(int fd, uintptr_t bytes, size_t length)'),
    writev: resolvedLibcFunction('long writev(int fd, uintptr_t iov, int count)'),
    sendmmsg: resolvedLibcFunction('int sendmmsg(int fd, uintptr_t messages, unsigned int count, int flags)'),
    recvmmsg: resolvedLibcFunction(
      'int recvmmsg(int fd, uintptr_t messages, unsigned int count, int flags, uintptr_t timeout)',
    ),
    poll: resolvedLibcFunction('int poll(uintptr_t fds, unsigned long count, int timeoutMs)'),
    errno: koffi().errno,
  };
}

/** Numbers of Linux that the loop tells apart. */
export const EINTR = 4;
export const EIO = 5;
export const EAGAIN = 11;
export const EINVAL = 22;
export const EMSGSIZE = 90;
export const MSG_DONTWAIT = 0x40;
export const MSG_TRUNC = 0x20;
export const POLLIN = 1;
export const POLLOUT = 4;
export const POLLERR = 8;
export const POLLHUP = 16;

/** `struct mmsghdr` on 64-bit Linux. @see recvmmsg(2) */
export const MMSGHDR = {
  bytes: 64,
  name: 0,
  nameLength: 8,
  iov: 16,
  iovCount: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  length: 56,
} as const;
export const IOVEC_BYTES = 16;
export const POLLFD_BYTES = 8;

/** `struct cmsghdr` with one value. @see cmsg(3), udp(7) */
export const CMSG = { bytes: 24, length: 0, level: 8, type: 12, data: 16 } as const;
export const SOL_UDP = 17;
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;
