import { type Address, familyOf } from '../model/ip.js';
import { checked, errnoName, lastErrno, libc, libcFunction } from './ffi.js';
import { inNetns } from './netns.js';
import { SOCKADDR_BYTES, writeSockaddr } from './udp-socket.js';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const POLLOUT = 4;
/** Between two looks at a connection that is being made. */
const LOOK_MS = 10;

const connect = libcFunction('int connect(int fd, const uint8_t *address, uint32_t length)');
const getsockopt = libcFunction('int getsockopt(int fd, int level, int name, uint8_t *value, uint8_t *length)');

export interface TcpConnectInput {
  readonly address: Address;
  readonly port: number;
  /** node:net makes its sockets a turn later, outside of the namespace that it was called in. */
  readonly netns?: string | undefined;
  readonly timeoutMs: number;
}

/** Connects and hangs up. @returns undefined when that worked, or why not: `ECONNREFUSED`, `ETIMEDOUT` */
export async function tcpConnect({ address, port, netns, timeoutMs }: TcpConnectInput): Promise<string | undefined> {
  const family = familyOf(address) === 4 ? AF_INET : AF_INET6;
  const open = (): number => checked('socket', libc.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const fd = netns === undefined ? open() : inNetns(netns, open);
  try {
    const sockaddr = new Uint8Array(SOCKADDR_BYTES);
    const length = writeSockaddr({ address, port }, sockaddr, 0);
    if (connect(fd, sockaddr, length) === 0) return undefined;
    const refused = errnoName(lastErrno());
    if (refused !== 'EINPROGRESS') return refused;
    for (let waitedMs = 0; waitedMs <= timeoutMs; waitedMs += LOOK_MS) {
      if (isSettled(fd)) return errorOf(fd);
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return 'ETIMEDOUT';
  } finally {
    libc.close(fd);
  }
}

/** @see poll(2) `struct pollfd` */
function isSettled(fd: number): boolean {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, POLLOUT, true);
  return libc.poll(bytes, 1, 0) > 0;
}

function errorOf(fd: number): string | undefined {
  const value = new Uint8Array(4);
  const length = new Uint8Array([4, 0, 0, 0]);
  checked('getsockopt', getsockopt(fd, SOL_SOCKET, SO_ERROR, value, length));
  const errno = new DataView(value.buffer).getInt32(0, true);
  return errno === 0 ? undefined : errnoName(errno);
}
