import { closeSync, openSync, stat, statSync } from 'node:fs';
import { FlanError } from '../errors.js';
import { checked, libc, SysError } from './ffi.js';

const CLONE_NEWNET = 0x40000000; // @see setns(2)
let poolIsWarm = false;

/**
 * Makes libuv start its threads now. They are born where the caller is, all at once, at the first use of the pool: had
 * that happened inside a foreign namespace, every later file access and DNS query would run in it.
 */
export function warmPool(): void {
  if (poolIsWarm) return;
  poolIsWarm = true;
  stat('/', () => undefined);
}

/** `blue` is /run/netns/blue as ip-netns(8) makes it; anything with a slash is a path. */
export const netnsPath = (nameOrPath: string): string =>
  nameOrPath.includes('/') ? nameOrPath : `/run/netns/${nameOrPath}`;

/**
 * What tells namespaces of the moment apart; the number of one that is gone is given again.
 * @throws {FlanError} E_NETNS when there is no such namespace
 */
export function netnsInode(nameOrPath: string | undefined): number {
  const path = nameOrPath === undefined ? '/proc/thread-self/ns/net' : netnsPath(nameOrPath);
  try {
    return statSync(path).ino;
  } catch (cause) {
    throw notThere({ name: nameOrPath ?? path, path, cause });
  }
}

/**
 * Runs `action` inside another network namespace and returns here. A socket that it opens stays in that namespace for
 * life. Only synchronous work is inside: what it defers runs outside.
 * @throws {FlanError} E_NETNS when there is no such namespace, E_PERMISSION when it may not be entered
 */
export function inNetns<T>(nameOrPath: string, action: () => T): T {
  warmPool();
  const path = netnsPath(nameOrPath);
  // Not /proc/self: a worker thread can be in a namespace of its own.
  const home = openSync('/proc/thread-self/ns/net', 'r');
  try {
    enter(nameOrPath, path);
    try {
      const result = action();
      if (result instanceof Promise) {
        throw new FlanError('E_BUG', `inNetns(${nameOrPath}) was given asynchronous work, which would run outside`);
      }
      return result;
    } finally {
      returnTo(home);
    }
  } finally {
    closeSync(home);
  }
}

function enter(name: string, path: string): void {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw notThere({ name, path, cause });
  }
  try {
    checked('setns', libc.setns(fd, CLONE_NEWNET));
  } catch (cause) {
    if (!(cause instanceof SysError)) throw cause;
    if (cause.errnoName === 'EPERM') throw denied(name, cause);
    throw new FlanError('E_NETNS', `network namespace '${name}': ${path} is not one (${cause.errnoName})`, {
      hint: "Give a name that 'ip netns' lists, or a path such as /proc/PID/ns/net.",
      cause,
    });
  } finally {
    closeSync(fd);
  }
}

function notThere({ name, path, cause }: { readonly name: string; readonly path: string; readonly cause: unknown }) {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'EACCES') return denied(name, cause);
  const why = code === 'ENOENT' ? 'there is no such network namespace' : `${path} cannot be opened (${code})`;
  return new FlanError('E_NETNS', `network namespace '${name}': ${why}`, {
    hint:
      code === 'ENOENT'
        ? `List them with 'ip netns', or add it with 'ip netns add ${name}'.`
        : "Give a name that 'ip netns' lists, or a path such as /proc/PID/ns/net.",
    cause,
  });
}

const denied = (name: string, cause: unknown): FlanError =>
  new FlanError('E_PERMISSION', `network namespace '${name}': entering it is not permitted`, {
    hint: 'Run as root (CAP_SYS_ADMIN is needed to enter a namespace).',
    cause,
  });

function returnTo(home: number): void {
  if (libc.setns(home, CLONE_NEWNET) === 0) return;
  // Going on would program the wrong host's network.
  process.stderr.write('flan: cannot return to its own network namespace, aborting\n');
  process.abort();
}
