import { makeArena } from '../sys/arena.js';
import { hush } from '../sys/eventfd.js';
import { libc } from '../sys/ffi.js';
import { EINTR, type PacketIo, POLLERR, POLLFD_BYTES, POLLHUP, POLLIN, packetIo } from '../sys/packet-io.js';
import { sumOver } from './checksum.js';
import { Delivery } from './delivery.js';
import { icmpErrors } from './icmp.js';
import { Inbound } from './inbound.js';
import type { FromLoop, LoopSocket, LoopStart, ToLoop } from './messages.js';
import { Outbound } from './outbound.js';
import { Outbox } from './outbox.js';
import { Peers } from './peers.js';

const ARENA_BYTES =
  Peers.arenaBytes + Outbox.arenaBytes + Outbound.arenaBytes + Delivery.arenaBytes + Inbound.arenaBytes + 4096;
const POLLFDS = 4;
const EBADF = 9;
/** A socket that fails so often in a row will not come right by itself. */
const FAILURES = 1000;

export interface LoopPort {
  tell(message: FromLoop): void;
  /** The next message, if there is one: never waits. */
  take(): ToLoop | undefined;
}

/** Carries packets until it is told to stop or the device is gone. Blocks its thread. */
export function runLoop(start: LoopStart, port: LoopPort): void {
  const { tun, offload, bell } = start;
  const arena = makeArena(ARENA_BYTES);
  const io: PacketIo = packetIo();
  const sum = sumOver(arena);
  const counters = new Float64Array(start.counters);
  const peers = new Peers(arena);
  const outbox = new Outbox({ arena, io, peers, counters });
  const icmp = icmpErrors({ arena, counters, sockets: start.icmp, nowMs: () => performance.now() });
  const outbound = new Outbound({ arena, io, tun, peers, outbox, icmp, sum, counters });
  const delivery = new Delivery({ arena, io, tun, offload, sum, counters });
  const inbound = new Inbound({ arena, io, peers, delivery, icmp, counters });
  const pollfds = arena.take(POLLFDS * POLLFD_BYTES);
  const { view } = arena;
  let sockets = start.sockets;
  let failures = 0;

  const watch = (): void => {
    for (const [i, fd] of [bell, tun, ...sockets.map((socket) => socket.fd)].entries()) {
      view.setInt32(pollfds + POLLFD_BYTES * i, fd, true);
      view.setInt32(pollfds + POLLFD_BYTES * i + 4, POLLIN, true);
    }
  };
  const ready = (i: number): number => view.getUint16(pollfds + POLLFD_BYTES * i + 6, true);
  const useSockets = (next: readonly LoopSocket[]): void => {
    outbox.use(next);
    for (const { fd } of sockets) if (!next.some((kept) => kept.fd === fd)) libc.close(fd);
    sockets = next;
    watch();
  };
  /** @returns whether to go on */
  const obey = (): boolean => {
    hush(bell);
    for (let message = port.take(); message !== undefined; message = port.take()) {
      if (message.type === 'stop') return false;
      if (message.type === 'peers') peers.change(message);
      else useSockets(message.sockets);
      port.tell({ type: 'done', id: message.id });
    }
    return true;
  };
  /** @returns why it cannot go on; undefined when it was told to stop */
  const carry = (): string | undefined => {
    for (;;) {
      if (io.poll(arena.address + pollfds, 2 + sockets.length, -1) === -1) {
        if (io.errno() === EINTR) continue;
        return `poll failed with errno ${io.errno()}`;
      }
      if (ready(0) !== 0 && !obey()) return undefined;
      if (ready(1) !== 0) {
        const errno = outbound.pump();
        if (errno !== 0 || (ready(1) & (POLLERR | POLLHUP)) !== 0) return `the device is gone (errno ${errno})`;
      }
      for (let i = 0; i < sockets.length; i++) {
        if (ready(2 + i) === 0) continue;
        const errno = inbound.pump(sockets[i]?.fd ?? -1);
        failures = errno === 0 ? 0 : failures + 1;
        if (errno === EBADF || failures > FAILURES) return `the socket cannot be read (errno ${errno})`;
      }
    }
  };

  peers.change({ put: start.peers, remove: [] });
  outbox.use(sockets);
  watch();
  port.tell({ type: 'ready' });
  try {
    const why = carry();
    if (why !== undefined) port.tell({ type: 'lost', why });
  } finally {
    const { v4, v6 } = start.icmp;
    for (const fd of [tun, ...sockets.map((socket) => socket.fd), v4, v6]) if (fd !== undefined) libc.close(fd);
  }
}
