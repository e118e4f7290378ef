import { closeSync } from 'node:fs';
import { FlanError } from '../errors.js';
import { type Address, familyOf, writeAddress } from '../model/ip.js';
import { checked, libc, libcFunction, SysError } from './ffi.js';
import { inNetns } from './netns.js';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_REUSEPORT = 15;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_UDP = 17;
const UDP_GRO = 104; // @see uapi/linux/udp.h, since Linux 5.0
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
const SOL_RAW = 255;
const ICMP_FILTER = 1;
const ICMPV6_FILTER = 1;

const BUFFER_BYTES = 4 * 1024 * 1024;

export const SOCKADDR_BYTES = 28;

/** Writes a `struct sockaddr_in` or `_in6`. @returns its length */
export function writeSockaddr(
  { address, port }: { readonly address: Address; readonly port: number },
  out: Uint8Array,
  offset: number,
): number {
  out.fill(0, offset, offset + SOCKADDR_BYTES);
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength);
  const isV4 = familyOf(address) === 4;
  view.setUint16(offset, isV4 ? AF_INET : AF_INET6, true);
  view.setUint16(offset + 2, port);
  writeAddress(address, out, offset + (isV4 ? 4 : 8));
  return isV4 ? 16 : SOCKADDR_BYTES;
}

export interface UdpSocketOptions {
  readonly address: Address;
  readonly port: number;
  readonly netns?: string | undefined;
  /** Several sockets on one port: the kernel deals datagrams out by who sent them. */
  readonly shared: 'yes' | 'no';
}

export interface UdpSocket {
  readonly fd: number;
  /** Whether the kernel hands over several datagrams of one sender as one. */
  readonly gro: 'yes' | 'no';
}

/** @throws {FlanError} E_CONFLICT when the port is taken, E_BACKEND when the address is not one of this host */
export function openUdpSocket({ address, port, netns, shared }: UdpSocketOptions): UdpSocket {
  const isV4 = familyOf(address) === 4;
  const open = (): number =>
    checked('socket', libc.socket(isV4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const fd = netns === undefined ? open() : inNetns(netns, open);
  try {
    if (!isV4) option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (shared === 'yes') checked('setsockopt SO_REUSEPORT', option(fd, SOL_SOCKET, SO_REUSEPORT, 1));
    // FORCE goes beyond net.core.*mem_max and needs CAP_NET_ADMIN.
    if (option(fd, SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES) === -1) option(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_BYTES);
    if (option(fd, SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES) === -1) option(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_BYTES);
    const sockaddr = new Uint8Array(SOCKADDR_BYTES);
    const length = writeSockaddr({ address, port }, sockaddr, 0);
    checked('bind', libc.bind(fd, sockaddr, length));
    return { fd, gro: option(fd, SOL_UDP, UDP_GRO, 1) === 0 ? 'yes' : 'no' };
  } catch (cause) {
    closeSync(fd);
    throw bindRefusal(`${isV4 ? address : `[${address}]`}:${port}`, cause);
  }
}

/**
 * A raw socket that sends ICMP of one family and receives nothing. The kernel adds the IP header, and routes.
 * @returns undefined without CAP_NET_RAW, or where the kernel has no such family
 */
export function openIcmpSocket(family: 4 | 6, netns: string | undefined): number | undefined {
  const [domain, protocol] = family === 4 ? [AF_INET, IPPROTO_ICMP] : [AF_INET6, IPPROTO_ICMPV6];
  const open = (): number => libc.socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  const fd = netns === undefined ? open() : inNetns(netns, open);
  if (fd === -1) return undefined;
  // Bits that are set block: without it a copy of all ICMP of the host would pile up here.
  const blocked = new Uint8Array(family === 4 ? 4 : 32).fill(0xff);
  const [level, name] = family === 4 ? [SOL_RAW, ICMP_FILTER] : [IPPROTO_ICMPV6, ICMPV6_FILTER];
  libc.setsockopt(fd, level, name, blocked, blocked.length);
  return fd;
}

const sendtoCall = libcFunction(
  'long sendto(int fd, const uint8_t *bytes, size_t length, int flags, const uint8_t *address, uint32_t addressLength)',
);

/** @returns whether the kernel took it */
export function sendTo(fd: number, bytes: Uint8Array, address: Address): 'sent' | 'refused' {
  const sockaddr = new Uint8Array(SOCKADDR_BYTES);
  const length = writeSockaddr({ address, port: 0 }, sockaddr, 0);
  return sendtoCall(fd, bytes, bytes.length, 0, sockaddr, length) === -1 ? 'refused' : 'sent';
}

function option(fd: number, level: number, name: number, value: number): number {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return libc.setsockopt(fd, level, name, bytes, bytes.length);
}

function bindRefusal(endpoint: string, cause: unknown): unknown {
  if (!(cause instanceof SysError)) return cause;
  if (cause.errnoName === 'EADDRINUSE') {
    return new FlanError('E_CONFLICT', `cannot listen on UDP ${endpoint}: the port is taken`, {
      hint: 'Find out by whom with `ss -ulpn`; stop that daemon, or set Backend.Port.',
      retry: true,
      cause,
    });
  }
  if (cause.errnoName === 'EADDRNOTAVAIL') {
    return new FlanError('E_BACKEND', `cannot listen on UDP ${endpoint}: the address is not one of this host`, {
      hint: 'Bring the address back, or choose another interface with --iface.',
      retry: true,
      cause,
    });
  }
  return cause;
}
