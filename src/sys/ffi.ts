import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { FlanError } from '../errors.js';
import { canLeaveBy } from './leave.js';

/** A libc function that returned -1. `code` is errno's name. @see errno(3) */
export class SysError extends FlanError {
  override readonly name: string = 'SysError';
  constructor(
    readonly syscall: string,
    readonly errno: number,
  ) {
    const { text, hint } = meaningOf(errno);
    super('E_SYSTEM', `${syscall}: ${errnoName(errno)}${text}`, { hint });
  }
  /** `ENOBUFS`; `code` itself is flan's own. */
  get errnoName(): string {
    return errnoName(this.errno);
  }
}

const errnoNames = new Map<number, string>(Object.entries(constants.errno).map(([name, value]) => [value, name]));
// Linux names that libuv has no word for.
for (const [name, value] of [
  ['ENOTBLK', 15],
  ['ENODATA', 61],
  ['EUCLEAN', 117],
  ['EMEDIUMTYPE', 124],
  ['ENOTSUPP', 524], // inside the kernel only, but some drivers let it out
] as const) {
  errnoNames.set(value, name);
}
// EAGAIN and EWOULDBLOCK are one number on Linux, ENOTSUP and EOPNOTSUPP too: use the name the man pages use.
errnoNames.set(constants.errno.EAGAIN, 'EAGAIN');
errnoNames.set(constants.errno.EOPNOTSUPP, 'EOPNOTSUPP');

export const errnoName = (errno: number): string => errnoNames.get(errno) ?? `errno ${errno}`;

function meaningOf(errno: number): { readonly text: string; readonly hint?: string } {
  if (errno === constants.errno.EPERM || errno === constants.errno.EACCES) {
    return { text: ' (not permitted)', hint: 'Run as root or with CAP_NET_ADMIN.' };
  }
  if (errno === constants.errno.EMFILE) return { text: ' (too many open files)', hint: 'Raise `ulimit -n`.' };
  return { text: '' };
}

type Koffi = typeof import('koffi');
let loadedKoffi: Koffi | undefined;

/**
 * The foreign function interface, loaded on first use: commands that never call the system do not pay for it.
 * @throws {FlanError} E_PLATFORM where no prebuilt binary fits this machine
 */
export function koffi(): Koffi {
  if (loadedKoffi !== undefined) return loadedKoffi;
  try {
    loadedKoffi = bundledKoffi() ?? installedKoffi();
    canLeaveBy((code) => resolvedLibcFunction('void _exit(int code)')(code));
  } catch (cause) {
    throw new FlanError('E_PLATFORM', `cannot load koffi on ${process.platform}-${process.arch}`, {
      hint: 'Install flan with its dependencies (npm install) on Linux with glibc 2.25+ or musl.',
      cause,
    });
  }
  return loadedKoffi;
}

/** The command line's bundle holds its JavaScript, which then comes out of the code cache; the binary stays a package. */
function bundledKoffi(): Koffi | undefined {
  if (typeof require !== 'function') return undefined;
  try {
    return require('koffi') as Koffi;
  } catch {
    // Where packages see only their own dependencies (pnpm), koffi finds its binary and we do not.
    return undefined;
  }
}

function installedKoffi(): Koffi {
  // In a CommonJS bundle there is no import.meta.url, in an ES module no __filename.
  return createRequire(typeof __filename === 'string' ? __filename : import.meta.url)('koffi') as Koffi;
}

/** Arguments that our prototypes take. */
export type Argument = number | bigint | string | Uint8Array | null;
type Foreign = (...args: readonly Argument[]) => number;

let loadedLibc: ReturnType<Koffi['load']> | undefined;

/** What the process itself is linked with. Opened once: koffi dresses a library anew at every opening. */
function ownLibc(): ReturnType<Koffi['load']> {
  loadedLibc ??= koffi().load(null);
  return loadedLibc;
}

/** A libc function by its C prototype, resolved when first called. Returns the raw result: -1 is not an error here. */
export function libcFunction(prototype: string): Foreign {
  let resolved: Foreign | undefined;
  return (...args) => {
    resolved ??= ownLibc().func(prototype) as Foreign;
    return resolved(...args);
  };
}

/** The same, resolved at once and called without a detour: for what is called once per packet. */
export const resolvedLibcFunction = (prototype: string): Foreign => ownLibc().func(prototype) as Foreign;

/** Where a buffer lies. It stays there for the buffer's life: V8 does not move what an ArrayBuffer holds. */
export const addressOfBuffer = (bytes: Uint8Array): number => Number(koffi().address(bytes));

/** errno of the last call that failed. */
export const lastErrno = (): number => koffi().errno();

/** @throws {SysError} when `result` is -1 */
export function checked(syscall: string, result: number): number {
  if (result === -1) throw new SysError(syscall, lastErrno());
  return result;
}

export const libc = {
  socket: libcFunction('int socket(int domain, int type, int protocol)'),
  bind: libcFunction('int bind(int fd, const uint8_t *address, uint32_t length)'),
  getsockname: libcFunction('int getsockname(int fd, uint8_t *address, uint8_t *length)'),
  setsockopt: libcFunction('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t length)'),
  send: libcFunction('long send(int fd, const uint8_t *bytes, size_t length, int flags)'),
  recv: libcFunction('long recv(int fd, uint8_t *bytes, size_t length, int flags)'),
  poll: libcFunction('int poll(uint8_t *fds, unsigned long count, int timeoutMs)'),
  close: libcFunction('int close(int fd)'),
  setns: libcFunction('int setns(int fd, int type)'),
  flock: libcFunction('int flock(int fd, int operation)'),
};
