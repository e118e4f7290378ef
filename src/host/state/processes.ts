import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { HostProcess } from '../../model/host-state.js';
import { netnsPath } from '../../sys/netns.js';

/** Of programs that may change what flan changes; comm has room for 15 characters. */
const MANAGERS: ReadonlySet<string> = new Set(['flanneld', 'systemd-network', 'NetworkManager', 'firewalld']);

/** Processes that manage networks, as far as /proc shows them: in a container only its own. */
export function readManagers({ netns }: { readonly netns?: string | undefined }): readonly HostProcess[] {
  const own = inodeOf(netns === undefined ? '/proc/thread-self/ns/net' : netnsPath(netns));
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry): HostProcess[] => {
      const name = commOf(entry);
      if (!MANAGERS.has(name)) return [];
      const theirs = inodeOf(`/proc/${entry}/ns/net`);
      const sameNetns = own === undefined || theirs === undefined ? undefined : own === theirs;
      return [{ pid: Number(entry), name, sameNetns }];
    });
}

function commOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return ''; // It has ended.
  }
}

function inodeOf(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined; // It has ended, or is somebody else's.
  }
}
