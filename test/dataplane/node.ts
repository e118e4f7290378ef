import { sumOver } from '../../src/dataplane/checksum.js';
import { makeCounterMemory, readTotals, type Totals } from '../../src/dataplane/counters.js';
import { Delivery } from '../../src/dataplane/delivery.js';
import type { IcmpErrors } from '../../src/dataplane/icmp.js';
import { Inbound } from '../../src/dataplane/inbound.js';
import type { SlottedPeer } from '../../src/dataplane/messages.js';
import { Outbound } from '../../src/dataplane/outbound.js';
import { Outbox } from '../../src/dataplane/outbox.js';
import { Peers } from '../../src/dataplane/peers.js';
import { makeArena } from '../../src/sys/arena.js';
import type { TunOffload } from '../../src/sys/tun.js';
import { type FakeIo, fakeIo } from './fake-io.js';

/** The data path of one node without its kernel. */
export interface FakeNode {
  readonly io: FakeIo;
  readonly outbound: Outbound;
  readonly inbound: Inbound;
  readonly peers: Peers;
  readonly counters: Float64Array;
  /** Why and how often senders would have been told. */
  readonly told: string[];
  totals(): Totals;
}

export function fakeNode(peerList: readonly SlottedPeer[], offload: TunOffload = 'tcp+udp'): FakeNode {
  const arena = makeArena(
    Peers.arenaBytes + Outbox.arenaBytes + Outbound.arenaBytes + Delivery.arenaBytes + Inbound.arenaBytes,
  );
  const io = fakeIo(arena);
  const counters = new Float64Array(makeCounterMemory());
  const told: string[] = [];
  const icmp: IcmpErrors = { noRoute: () => told.push('no route'), expired: () => told.push('expired') };
  const sum = sumOver(arena);
  const peers = new Peers(arena);
  peers.change({ put: peerList, remove: [] });
  const outbox = new Outbox({ arena, io, peers, counters });
  outbox.use([
    { family: 4, fd: 5, gro: 'yes' },
    { family: 6, fd: 6, gro: 'yes' },
  ]);
  const outbound = new Outbound({ arena, io, tun: 4, peers, outbox, icmp, sum, counters });
  const delivery = new Delivery({ arena, io, tun: 4, offload, sum, counters });
  const inbound = new Inbound({ arena, io, peers, delivery, icmp, counters });
  return { io, outbound, inbound, peers, counters, told, totals: () => readTotals([counters]) };
}
