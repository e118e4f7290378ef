import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { UdpSocket } from '../../model/host-state.js';
import { inNetns } from '../../sys/netns.js';

export interface UdpSocketsInput {
  readonly netns?: string | undefined;
  /** Only these ports are looked for: finding out who holds one means looking at every process. */
  readonly ports: readonly number[];
}

/** The sockets that hold a port here, and by whom they are held as far as this process may see. */
export function readUdpSockets({ netns, ports }: UdpSocketsInput): readonly UdpSocket[] {
  const read = (): readonly UdpSocket[] =>
    ([4, 6] as const).flatMap((family) =>
      parseProcNetUdp(readIfThere(`/proc/thread-self/net/udp${family === 6 ? '6' : ''}`) ?? '', family),
    );
  const sockets = (netns === undefined ? read() : inNetns(netns, read)).filter(({ port }) => ports.includes(port));
  if (sockets.length === 0) return [];
  const owners = ownersOf(new Set(sockets.map(({ inode }) => inode)));
  return sockets.map((socket) => {
    const owner = owners.get(socket.inode);
    return owner === undefined ? socket : { ...socket, owner };
  });
}

/** Bound sockets of /proc/net/udp or udp6: `sl local_address rem_address st … inode …`, hexadecimal addresses. */
export function parseProcNetUdp(text: string, family: 4 | 6): readonly UdpSocket[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line): UdpSocket[] => {
      const words = line.trim().split(/\s+/);
      const [port, inode] = [Number.parseInt(words[1]?.split(':')[1] ?? '', 16), Number(words[9])];
      return Number.isInteger(port) && Number.isInteger(inode) ? [{ port, family, inode }] : [];
    });
}

function ownersOf(inodes: ReadonlySet<number>): ReadonlyMap<number, { readonly pid: number; readonly name: string }> {
  const found = new Map<number, { readonly pid: number; readonly name: string }>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    for (const fd of listIfAllowed(`/proc/${entry}/fd`)) {
      const inode = Number(/^socket:\[(\d+)\]$/.exec(linkIfAllowed(join('/proc', entry, 'fd', fd)))?.[1]);
      if (!inodes.has(inode) || found.has(inode)) continue;
      found.set(inode, { pid: Number(entry), name: nameOf(entry) });
    }
  }
  return found;
}

/** Of a script that Node runs, the script: `flan` for `node /usr/lib/flan/bin/flan.js`. */
function nameOf(pid: string): string {
  const name = readIfThere(`/proc/${pid}/comm`)?.trim() ?? 'unknown';
  if (!name.startsWith('node')) return name;
  const words = readIfThere(`/proc/${pid}/cmdline`)?.split('\0') ?? [];
  const script = words.slice(1).find((word) => word !== '' && !word.startsWith('-'));
  return script === undefined ? name : basename(script).replace(/\.[cm]?js$/, '');
}

// Processes end while they are looked at, and those of others may not be looked into: both are told as "no owner".
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
function listIfAllowed(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
function linkIfAllowed(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
