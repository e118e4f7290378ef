import { readFileSync } from 'node:fs';
import { libc, libcFunction } from './ffi.js';
import { inNetns, netnsInode } from './netns.js';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_NETNS_COOKIE = 71; // since Linux 5.14 @see uapi/asm-generic/socket.h
const COOKIE_BYTES = 8;

const getsockopt = libcFunction('int getsockopt(int fd, int level, int name, uint8_t *value, uint8_t *length)');

/**
 * A name of a network namespace that no other one gets, on this boot or another. Inode numbers are given again as soon
 * as a namespace is gone; they serve only where the kernel has no cookie.
 * @throws {FlanError} E_NETNS
 */
export function netnsIdentity(netns: string | undefined): string {
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const cookie = netns === undefined ? readCookie() : inNetns(netns, readCookie);
  if (cookie !== undefined) return `${boot} ${cookie}`;
  const ino = netnsInode(netns);
  return `${boot} inode ${ino}`;
}

function readCookie(): string | undefined {
  const fd = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd === -1) return undefined;
  try {
    const [value, length] = [Buffer.alloc(COOKIE_BYTES), Buffer.alloc(4)];
    length.writeUInt32LE(COOKIE_BYTES);
    if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, value, length) !== 0) return undefined;
    return value.readBigUInt64LE().toString(16);
  } finally {
    libc.close(fd);
  }
}
