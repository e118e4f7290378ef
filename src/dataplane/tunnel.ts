import { closeSync } from 'node:fs';
import { FlanError } from '../errors.js';
import { type Address, familyOf, type Prefix } from '../model/ip.js';
import { openTun, type TunOffload } from '../sys/tun.js';
import { openIcmpSocket, openUdpSocket } from '../sys/udp-socket.js';
import {
  clearPeer,
  MAX_PEERS,
  makeCounterMemory,
  type PeerCounts,
  readPeer,
  readTotals,
  type Totals,
} from './counters.js';
import type { LoopSocket, SlottedPeer } from './messages.js';
import { type LoopHandle, spawnLoop } from './spawn-loop.js';

export type TunnelPeerEntry = Omit<SlottedPeer, 'slot'>;

/** Addresses of this host that the tunnel receives on and sends from, at most one per family. */
export interface TunnelEndpoint {
  readonly addresses: readonly Address[];
  readonly port: number;
}

export interface TunnelOptions {
  readonly name: string;
  readonly netns?: string | undefined;
  readonly endpoint: TunnelEndpoint;
  /** Threads, each with a queue of the device and sockets of its own. */
  readonly queues: number;
  /** Called when the device is there and not yet in use: marks it, and makes it stay. */
  readonly prepare: (tunFd: number) => void;
  /** Told once: the data path has ended by itself. */
  readonly onLost: (why: string) => void;
}

/** The data path of one TUN device. */
export interface Tunnel {
  readonly name: string;
  readonly queues: number;
  readonly offload: TunOffload;
  readonly endpoint: TunnelEndpoint;
  peers(): readonly TunnelPeerEntry[];
  /** Packets go on meanwhile. @throws {FlanError} E_BACKEND when there are too many peers */
  change(change: TunnelChange): Promise<void>;
  /** Moves to other addresses or another port. @throws {FlanError} E_CONFLICT, E_BACKEND; the old ones are then in use still */
  rebind(endpoint: TunnelEndpoint): Promise<void>;
  totals(): Totals;
  countsOf(subnet: Prefix): PeerCounts | undefined;
  /** Ends it; the device stays, if it was made to. Resolves when all threads are gone. */
  close(): Promise<void>;
}

export interface TunnelChange {
  readonly put: readonly TunnelPeerEntry[];
  readonly remove: readonly Prefix[];
}

/** @throws {FlanError} E_CONFLICT, E_PERMISSION, E_UNSUPPORTED, E_BACKEND */
export async function startTunnel(options: TunnelOptions): Promise<Tunnel> {
  const { name, netns, prepare, onLost } = options;
  // The kernel's structures are written byte by byte, as 64-bit little-endian Linux has them.
  if (!['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch)) {
    throw new FlanError('E_UNSUPPORTED', `${name}: flan carries no packets itself on ${process.arch}`, {
      hint: 'Use vxlan, where the kernel carries them.',
    });
  }
  const tun = openTun(options);
  const shared = tun.fds.length > 1 ? 'yes' : 'no';
  const memories: SharedArrayBuffer[] = [];
  const loops: LoopHandle[] = [];
  const unused = new Set<number>(tun.fds);
  const slots = new Map<Prefix, SlottedPeer>();
  const free: number[] = [];
  let nextSlot = 0;
  let endpoint = options.endpoint;
  let isOver = false;

  /** The sockets of an endpoint; those of `before` that fit stay open. */
  const open = ({ addresses, port }: TunnelEndpoint, before: Sockets): Sockets => {
    const sockets = new Map<string, LoopSocket>();
    try {
      for (const address of addresses) {
        const key = `${address} ${port}`;
        const fresh = (): LoopSocket => ({
          ...openUdpSocket({ address, port, netns, shared }),
          family: familyOf(address),
        });
        sockets.set(key, before.get(key) ?? fresh());
      }
    } catch (cause) {
      for (const [key, { fd }] of sockets) if (!before.has(key)) closeSync(fd);
      throw cause;
    }
    return sockets;
  };
  const end = (why: string): void => {
    if (isOver) return;
    isOver = true;
    for (const loop of loops) loop.stop();
    onLost(why);
  };
  const sets: Sockets[] = [];
  try {
    prepare(tun.fds[0] ?? -1);
    for (const fd of tun.fds) {
      const sockets = open(endpoint, new Map());
      sets.push(sockets);
      const icmp = { v4: openIcmpSocket(4, netns), v6: openIcmpSocket(6, netns) };
      const own = [fd, ...[...sockets.values()].map((socket) => socket.fd), icmp.v4, icmp.v6];
      for (const one of own) if (one !== undefined) unused.add(one);
      const counters = makeCounterMemory();
      memories.push(counters);
      const start = { tun: fd, offload: tun.offload, sockets: [...sockets.values()], icmp, counters, peers: [] };
      loops.push(await spawnLoop({ start, onLost: end }));
      for (const one of own) if (one !== undefined) unused.delete(one);
    }
  } catch (cause) {
    isOver = true;
    for (const loop of loops) loop.stop();
    for (const fd of unused) closeSync(fd);
    throw cause;
  }
  const counters = memories.map((memory) => new Float64Array(memory));

  const slotted = (peer: TunnelPeerEntry): SlottedPeer => {
    const known = slots.get(peer.subnet);
    const slot = known?.slot ?? free.pop() ?? nextSlot++;
    if (known === undefined) clearPeer(counters, slot);
    return { ...peer, slot };
  };
  return {
    name,
    queues: tun.fds.length,
    offload: tun.offload,
    get endpoint() {
      return endpoint;
    },
    peers: () => [...slots.values()].map(({ slot: _, ...peer }) => peer),
    change: async ({ put, remove }) => {
      // Those that are removed keep their slots until the loops know.
      const added = new Set(put.map(({ subnet }) => subnet).filter((subnet) => !slots.has(subnet)));
      if (slots.size + added.size > MAX_PEERS) {
        throw new FlanError('E_BACKEND', `${name}: more than ${MAX_PEERS} peers`);
      }
      const freed = remove.flatMap((subnet) => slots.get(subnet)?.slot ?? []);
      for (const subnet of remove) slots.delete(subnet);
      const entries = put.map((peer) => {
        const entry = slotted(peer);
        slots.set(entry.subnet, entry);
        return entry;
      });
      await Promise.all(loops.map((loop) => loop.ask({ type: 'peers', put: entries, remove })));
      // Not before the loops count no more for those that had them.
      free.push(...freed);
    },
    rebind: async (next) => {
      const fresh: Sockets[] = [];
      try {
        for (const before of sets) fresh.push(open(next, before));
      } catch (cause) {
        for (const [i, sockets] of fresh.entries()) {
          for (const [key, { fd }] of sockets) if (!sets[i]?.has(key)) closeSync(fd);
        }
        throw cause;
      }
      for (const [i, loop] of loops.entries()) {
        const sockets = fresh[i] ?? new Map();
        sets[i] = sockets;
        await loop.ask({ type: 'sockets', sockets: [...sockets.values()] });
      }
      endpoint = next;
    },
    totals: () => readTotals(counters),
    countsOf: (subnet) => {
      const peer = slots.get(subnet);
      return peer && readPeer(counters, peer.slot);
    },
    close: async () => {
      isOver = true;
      for (const loop of loops) loop.stop();
      await Promise.all(loops.map((loop) => loop.ended));
    },
  };
}

/** By address and port. */
type Sockets = ReadonlyMap<string, LoopSocket>;
