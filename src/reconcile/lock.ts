import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FlanError } from '../errors.js';
import { type Prefix, tryPrefix } from '../model/ip.js';
import { fileError } from '../sys/file-error.js';
import { flock, type Lock } from '../sys/flock.js';
import { makeFolder } from '../sys/make-folder.js';
import { netnsInode } from '../sys/netns.js';

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
 * @throws {FlanError} E_LOCKED naming the holder; E_PERMISSION, E_FILE when the runtime directory cannot be used
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
  inscribe(path, `pid ${process.pid} (${holder})\n${NETWORKS}${place.networks.join(' ')}\n`);
  return lock;
}

/** The file that is locked. It stays when the lock goes. @throws {Error} ENOENT when there is no such namespace */
export function hostLockPath({ runtimeDir, netns, networks }: HostPlace): string {
  const what = createHash('sha256').update(networks.join(' ')).digest('hex').slice(0, 8);
  return join(runtimeDir, `${netnsInode(netns)}-${what}.lock`);
}

/** Starts the line of a lock file that says what its flan serves. */
const NETWORKS = 'networks ';

/**
 * The networks that flans with this runtime directory have served in this network namespace, running or not: what they
 * made stays in place when they end. One's own among them.
 */
export function servedNetworks({ runtimeDir, netns }: Pick<HostPlace, 'runtimeDir' | 'netns'>): Prefix[] {
  const start = `${netnsInode(netns)}-`;
  try {
    return readdirSync(runtimeDir)
      .filter((name) => name.startsWith(start) && name.endsWith('.lock'))
      .flatMap((name) => readFileSync(join(runtimeDir, name), 'utf8').split('\n'))
      .filter((line) => line.startsWith(NETWORKS))
      .flatMap((line) => line.slice(NETWORKS.length).split(' '))
      .flatMap((text) => tryPrefix(text) ?? []);
  } catch {
    return []; // Nobody has been here yet, or whoever looks may not see: it then changes nothing either.
  }
}

function open(runtimeDir: string, path: string): Lock | undefined {
  try {
    makeFolder(runtimeDir, 0o755);
    return flock(path);
  } catch (cause) {
    const hint = 'Run as root, or choose a directory you may write to with --runtime-dir.';
    throw fileError({ verb: 'lock this host by', path, cause, hint });
  }
}

/** Who holds the lock, for people, and what for: without room for it the lock is held all the same. */
function inscribe(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch {
    // A full disk. Whoever asks reads what is there, or that the holder is starting up.
  }
}

/** Who wrote a lock file. @throws when it cannot be read */
export const holderIn = (path: string): string => readFileSync(path, 'utf8').split('\n')[0]?.trim() || 'starting up';

function holderOf(path: string): string {
  try {
    return holderIn(path);
  } catch {
    return 'unknown'; // Only to name it: the lock itself has been asked already.
  }
}
