import { FlanError } from '../errors.js';
import { checked, lastErrno, libc, libcFunction, SysError } from './ffi.js';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** sizeof sun_path. @see unix(7) */
const PATH_BYTES = 108;

const sendto = libcFunction(
  'long sendto(int fd, const uint8_t *bytes, size_t length, int flags, const uint8_t *address, uint32_t addressLength)',
);

/** A socket that datagrams leave by; it has no name of its own, so nothing comes back. */
export interface UnixDatagram {
  /** Sends one datagram without waiting. @throws {SysError} ECONNREFUSED, ENOENT, EAGAIN: nobody took it */
  send(text: string): void;
  /** Safe to call twice. */
  close(): void;
}

/**
 * A `struct sockaddr_un`. A name that starts with `@` is abstract: no file, and exactly as long as it is. @see unix(7)
 * @throws {FlanError} E_CONFIG for a name that is relative, or longer than the kernel takes
 */
export function unixAddress(name: string): Uint8Array {
  const path = Buffer.from(name);
  const isAbstract = name.startsWith('@');
  const roomBytes = isAbstract ? PATH_BYTES : PATH_BYTES - 1;
  if (!(isAbstract || name.startsWith('/')) || path.length < 2 || path.length > roomBytes) {
    throw new FlanError('E_CONFIG', `'${name}' is not the address of a Unix socket`, {
      hint: `Give an absolute path, or @name for an abstract one, of at most ${roomBytes} bytes.`,
    });
  }
  const address = new Uint8Array(2 + path.length + (isAbstract ? 0 : 1));
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(path, 2);
  if (isAbstract) address[2] = 0;
  return address;
}

/** @throws {FlanError} E_CONFIG for an address that is none, E_SYSTEM when there is no such socket type */
export function openUnixDatagram(to: string): UnixDatagram {
  const address = unixAddress(to);
  const fd = checked('socket', libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  let isOpen = true;
  return {
    send(text) {
      const bytes = Buffer.from(text);
      if (sendto(fd, bytes, bytes.length, MSG_NOSIGNAL, address, address.length) === -1) {
        throw new SysError('sendto', lastErrno());
      }
    },
    close() {
      if (isOpen) libc.close(fd);
      isOpen = false;
    },
  };
}
