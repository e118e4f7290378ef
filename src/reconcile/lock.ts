import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FlanError } from '../errors.js';
import type { Prefix } from '../model/ip.js';
import { flock, type Lock } from '../sys/flock.js';
import { netnsPath } from '../sys/netns.js';

export interface HostPlace {
  readonly runtimeDir: string;
  readonly netns?: string | undefined;
  /** Two flans may serve one host, each its own networks. */
  readonly networks: readonly Prefix[];
}

export interface HostLockInput extends HostPlace {
  /** Who locks, for whoever finds it locked: `flan watch`. */
  readonly holder: string;
}

/**
 * One writer per network namespace and network. The kernel gives the lock back when the process dies, however it dies.
 * @throws {FlanError} E_LOCKED naming the holder, E_PERMISSION when the runtime directory cannot be used
 */
export function lockHost({ holder, ...place }: HostLockInput): Lock {
  const path = hostLockPath(place);
  const lock = open(place.runtimeDir, path);
  if (lock === undefined) {
    throw new FlanError('E_LOCKED', `another flan is changing this host: ${holderOf(path)}`, {
      where: path,
      hint: 'Wait for it to finish, or stop it: the lock goes with its process.',
      retry: true,
    });
  }
  writeFileSync(path, `pid ${process.pid} (${holder})\n`);
  return lock;
}

/** The file that is locked. It stays when the lock goes. @throws {Error} ENOENT when there is no such namespace */
export function hostLockPath({ runtimeDir, netns, networks }: HostPlace): string {
  const { ino } = statSync(netns === undefined ? '/proc/thread-self/ns/net' : netnsPath(netns));
  const what = createHash('sha256').update(networks.join(' ')).digest('hex').slice(0, 8);
  return join(runtimeDir, `${ino}-${what}.lock`);
}

function open(runtimeDir: string, path: string): Lock | undefined {
  try {
    mkdirSync(runtimeDir, { recursive: true, mode: 0o755 });
    return flock(path);
  } catch (cause) {
    throw new FlanError('E_PERMISSION', `cannot lock this host: ${cause instanceof Error ? cause.message : cause}`, {
      where: path,
      hint: 'Run as root, or choose a directory you may write to with --runtime-dir.',
      cause,
    });
  }
}

function holderOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim() || 'starting up';
  } catch {
    return 'unknown'; // Only to name it: the lock itself has been asked already.
  }
}
