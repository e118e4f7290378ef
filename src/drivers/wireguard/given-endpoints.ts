import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Key } from '../../planner/kind.js';
import { writeFileAtomic } from '../../sys/atomic-file.js';
import { makeFolder } from '../../sys/make-folder.js';
import { netnsInode } from '../../sys/netns.js';
import type { GivenEndpoints } from './roaming.js';

/**
 * The endpoints that peers were given, kept in the runtime directory: the kernel only knows where a peer was last, and
 * the next flan could not tell one that moved from one whose lease did.
 */
export interface GivenEndpointsFile extends GivenEndpoints {
  /** Reads what is there; a file that cannot be read counts as empty, and leases are gone by. */
  load(): void;
  note(key: Key, endpoint: string | undefined): void;
  /** Writes what was noted since. Where that fails nothing is lost but time: the next flan goes by the leases once. */
  save(): void;
}

/** One file per network namespace. */
export function givenEndpoints({ runtimeDir, netns }: GivenEndpointsPlace): GivenEndpointsFile {
  const path = join(runtimeDir, `${netnsInode(netns)}-wireguard-endpoints.json`);
  let given = new Map<string, string>();
  let isDirty = false;
  return {
    get: (key) => given.get(key),
    load: () => {
      if (!isDirty) given = read(path);
    },
    note: (key, endpoint) => {
      if (given.get(key) === endpoint) return;
      isDirty = true;
      if (endpoint === undefined) given.delete(key);
      else given.set(key, endpoint);
    },
    save: () => {
      if (!isDirty) return;
      try {
        makeFolder(runtimeDir, 0o755);
        if (given.size === 0) rmSync(path, { force: true });
        else writeFileAtomic(path, `${JSON.stringify(Object.fromEntries(given))}\n`, 0o600);
        isDirty = false;
      } catch {
        // Whoever holds the lock in the same folder has heard of what is wrong with it; the next save tries again.
      }
    },
  };
}

export interface GivenEndpointsPlace {
  readonly runtimeDir: string;
  readonly netns?: string | undefined;
}

function read(path: string): Map<string, string> {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof content !== 'object' || content === null) return new Map();
    return new Map(Object.entries(content).filter(([, value]) => typeof value === 'string'));
  } catch {
    return new Map();
  }
}
