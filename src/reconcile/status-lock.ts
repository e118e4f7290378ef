import { readFileSync, statSync } from 'node:fs';
import { type HostPlace, holderIn, hostLockPath } from './lock.js';

/** `free`: nobody changes this host. The holder is in its own words: `pid 12 (flan watch)`. */
export type LockState = { readonly state: 'free' } | { readonly state: 'held'; readonly holder: string };

/** Who holds the lock of this host, without taking it: somebody might want it just then. */
export function lockState(place: HostPlace): LockState {
  const path = hostLockPath(place);
  const ino = inodeAt(path);
  if (ino === undefined || !lockedInodes(readFileSync('/proc/locks', 'utf8')).has(ino)) return { state: 'free' };
  return { state: 'held', holder: holderAt(path) };
}

/** Undefined also where nobody can look: who cannot see the file cannot take the lock either. */
function inodeAt(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}

function holderAt(path: string): string {
  try {
    return holderIn(path);
  } catch {
    return 'somebody'; // Only root may read who.
  }
}

/** Inodes with a lock of flock(2), waiters left out. @see proc_locks(5) */
export function lockedInodes(procLocks: string): ReadonlySet<number> {
  const found = [...procLocks.matchAll(/^\d+: FLOCK +\S+ +\S+ +-?\d+ [0-9a-f]+:[0-9a-f]+:(\d+) /gm)];
  return new Set(found.map(([, inode]) => Number(inode)));
}
