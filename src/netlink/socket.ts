import { FlanError } from '../errors.js';
import { checked, lastErrno, libc, SysError } from '../sys/ffi.js';
import { inNetns } from '../sys/netns.js';
import { AF_NETLINK, NETLINK_ROUTE } from './wire/constants.js';

const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;
const EINTR = 4;
const EAGAIN = 11;
const ENOBUFS = 105;

/** @see netlink(7) "Socket options", uapi/linux/netlink.h */
export const NETLINK_ADD_MEMBERSHIP = 1;
export const NETLINK_CAP_ACK = 10;
export const NETLINK_EXT_ACK = 11;
export const NETLINK_GET_STRICT_CHK = 12;

/** No datagram of the kernel is larger than 32 KiB, however large the buffer. */
export const RECEIVE_BYTES = 65_536;

export interface SocketOptions {
  /** Name or path of the network namespace to open it in, and to stay in; the own one when absent. */
  readonly netns?: string | undefined;
  /** NETLINK_*; NETLINK_ROUTE when absent. */
  readonly protocol?: number | undefined;
  /** Room for what was not read yet; the kernel takes 832 bytes of it for the smallest message. */
  readonly receiveBufferBytes: number;
}

export interface NetlinkSocket {
  readonly fd: number;
  /** The address that the kernel gave the socket: nlmsg_pid of everything that it causes. */
  readonly portId: number;
}

/**
 * Opens a non-blocking netlink socket. Needs no privilege.
 * @throws {FlanError} E_NETNS, or E_NETLINK where the kernel has no such protocol
 */
export function openSocket(options: SocketOptions): NetlinkSocket {
  return options.netns === undefined ? openHere(options) : inNetns(options.netns, () => openHere(options));
}

function openHere({ protocol = NETLINK_ROUTE, receiveBufferBytes }: SocketOptions): NetlinkSocket {
  const fd = libc.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (fd === -1) {
    const cause = new SysError('socket', lastErrno());
    throw new FlanError('E_NETLINK', `cannot open a netlink socket (protocol ${protocol}): ${cause.errnoName}`, {
      hint: cause.hint ?? 'Check that the kernel has this part of networking built in or loaded as a module.',
      cause,
    });
  }
  try {
    const address = new Uint8Array(12); // struct sockaddr_nl: family, pad, pid, groups
    address[0] = AF_NETLINK;
    checked('bind', libc.bind(fd, address, address.length));
    const length = Uint8Array.of(address.length, 0, 0, 0);
    checked('getsockname', libc.getsockname(fd, address, length));
    setReceiveBuffer(fd, receiveBufferBytes);
    return { fd, portId: new DataView(address.buffer).getUint32(4, true) };
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** The forced size needs CAP_NET_ADMIN; without it the kernel cuts the wish down to net.core.rmem_max. */
function setReceiveBuffer(fd: number, bytes: number): void {
  const value = int32(bytes);
  if (libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, value, 4) === 0) return;
  checked('setsockopt', libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, 4));
}

/** @throws {SysError} */
export function setNetlinkOption(fd: number, option: number, value: number): void {
  checked('setsockopt', libc.setsockopt(fd, SOL_NETLINK, option, int32(value), 4));
}

/** Sends one datagram, whole. @throws {SysError} */
export function send(fd: number, bytes: Uint8Array, length: number): void {
  for (;;) {
    const sent = libc.send(fd, bytes, length, MSG_DONTWAIT);
    if (sent >= 0) return;
    const errno = lastErrno();
    if (errno !== EINTR) throw new SysError('send', errno);
  }
}

/**
 * Receives one datagram without waiting. 'lost': the kernel threw messages away because nobody read them in time
 * (ENOBUFS, reported once per congestion).
 * @throws {SysError}
 */
export function receive(fd: number, buffer: Uint8Array): number | 'empty' | 'lost' {
  for (;;) {
    const count = libc.recv(fd, buffer, buffer.length, MSG_DONTWAIT | MSG_TRUNC);
    if (count > buffer.length) return 'lost';
    if (count >= 0) return count;
    const errno = lastErrno();
    if (errno === EAGAIN) return 'empty';
    if (errno === ENOBUFS) return 'lost';
    if (errno !== EINTR) throw new SysError('recv', errno);
  }
}

const int32 = (value: number): Uint8Array => new Uint8Array(Int32Array.of(value).buffer);
