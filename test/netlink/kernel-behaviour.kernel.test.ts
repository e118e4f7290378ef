import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import { parseMac } from '../../src/model/mac.js';
import { dumpFdb, dumpNeighbours, dumpRoutes, findLink } from '../../src/netlink/dumps.js';
import { MonitorSocket } from '../../src/netlink/monitor.js';
import {
  IFF_UP,
  RTNH_F_ONLINK,
  RTNLGRP_IPV4_ROUTE,
  RTNLGRP_IPV6_ROUTE,
  RTNLGRP_LINK,
} from '../../src/netlink/wire/constants.js';
import { decodeEvent } from '../../src/netlink/wire/event.js';
import { fdbRequest } from '../../src/netlink/wire/fdb.js';
import { addLink, deleteLink, setLink } from '../../src/netlink/wire/link.js';
import { neighbourRequest } from '../../src/netlink/wire/neighbour.js';
import { routeRequest } from '../../src/netlink/wire/route.js';
import { type KernelContext, kernelTest } from '../support/kernel.js';
import { commandSocket, indexOf, makeVeth } from './support.js';

// What the rest of flan relies on: a kernel that does otherwise fails here, by name.

const OURS = 70;
const needs = ['veth', 'vxlan', 'ipv6'] as const;
const DOWN = { flags: 0, change: IFF_UP };
const UP = { flags: IFF_UP, change: IFF_UP };

function fixture(context: KernelContext) {
  const socket = commandSocket(context);
  const oif = makeVeth(socket);
  const vxlan = { vni: 1, port: 8472, learning: false, local: parseAddress('192.168.77.1'), underlay: oif };
  socket.perform(addLink({ name: 'x0', ...UP, info: { kind: 'vxlan', vxlan } }));
  return { socket, oif, vx: indexOf(socket, 'x0') };
}

/** Routes of ours that are announced as gone, up to the announcement that `link` is down or gone. */
async function goneUntil(context: KernelContext, link: string, act: () => void): Promise<string[]> {
  const gone: string[] = [];
  let over = false;
  const monitor = MonitorSocket.open({
    netns: context.netns.name,
    groups: [RTNLGRP_LINK, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE],
    onMessage: (message) => {
      const event = decodeEvent(message);
      if (event?.about === 'route' && event.verb === 'gone' && event.message.protocol === OURS) {
        gone.push(event.message.dst);
      }
      if (event?.about === 'link' && event.message.name === link) {
        over ||= event.verb === 'gone' || (event.message.flags & IFF_UP) === 0;
      }
    },
    onOverrun: () => gone.push('overrun'),
    onError: (error) => gone.push(String(error)),
  });
  context.onEnd(() => monitor.close());
  act();
  while (!over) await sleep(2);
  // Everything that the change set off was sent by now: sending is part of it, and one more change comes behind it.
  await context.netns.ip('route add blackhole 198.51.100.0/24 proto 70');
  await context.netns.ip('route del blackhole 198.51.100.0/24 proto 70');
  while (!gone.includes('198.51.100.0/24')) await sleep(2);
  monitor.close();
  return gone.filter((dst) => dst !== '198.51.100.0/24');
}

for (const way of ['down', 'deleted'] as const) {
  kernelTest(
    `a link that is ${way} takes IPv4 routes along unannounced, IPv6 ones announced`,
    { needs },
    async (context) => {
      const { socket, vx } = fixture(context);
      for (const dst of ['10.5.1.0/24', 'fd00:5:1::/64'].map(parsePrefix)) {
        socket.perform(routeRequest('add', { dst, oif: vx, protocol: OURS }));
      }
      const gone = await goneUntil(context, 'x0', () =>
        socket.perform(way === 'down' ? setLink({ index: vx, ...DOWN }) : deleteLink({ index: vx })),
      );
      expect(gone).toEqual(['fd00:5:1::/64']);
      expect(dumpRoutes(socket, { family: 4, protocol: OURS })).toEqual([]);
      expect(dumpRoutes(socket, { family: 6, protocol: OURS })).toEqual([]);
    },
  );
}

kernelTest('link down flushes permanent neighbours and keeps vxlan forwarding entries', { needs }, (context) => {
  const { socket, vx } = fixture(context);
  const mac = parseMac('0e:00:00:00:00:01');
  const neighbour = { ifindex: vx, mac, dst: parseAddress('10.5.1.0'), protocol: OURS };
  const entry = { ifindex: vx, mac, dst: parseAddress('192.168.77.7') };
  expect(socket.batch([neighbourRequest('replace', neighbour), fdbRequest('replace', entry)])).toEqual([
    undefined,
    undefined,
  ]);
  expect(dumpNeighbours(socket, { family: 4, ifindex: vx })).toHaveLength(1);
  socket.perform(setLink({ index: vx, ...DOWN }));
  expect(dumpNeighbours(socket, { family: 4, ifindex: vx })).toEqual([]);
  expect(dumpFdb(socket, { ifindex: vx }).map((found) => found.mac)).toEqual([mac]);
  socket.perform(deleteLink({ index: vx }));
  expect(dumpFdb(socket).filter((found) => found.mac === mac)).toEqual([]);
});

kernelTest('another metric is another IPv4 route; add on the same key is EEXIST', { needs }, (context) => {
  const { socket, oif } = fixture(context);
  const dst = parsePrefix('10.5.1.0/24');
  const [two, three] = [parseAddress('192.168.77.2'), parseAddress('192.168.77.3')];
  const make = (verb: 'add' | 'replace', via: typeof two, priority: number) =>
    routeRequest(verb, { dst, via, oif, priority, protocol: OURS });
  expect(socket.batch([make('add', two, 10), make('add', two, 20), make('add', three, 10)])).toMatchObject([
    undefined,
    undefined,
    { code: 'EEXIST' },
  ]);
  socket.perform(make('replace', three, 20));
  const found = dumpRoutes(socket, { family: 4, protocol: OURS }).map((route) => [route.priority, route.via]);
  expect(found).toEqual([
    [10, two],
    [20, three],
  ]);
});

kernelTest('a deletion needs destination and metric only; of an absent route it is ESRCH', { needs }, (context) => {
  const { socket, oif } = fixture(context);
  const dst = parsePrefix('10.5.1.0/24');
  socket.perform(routeRequest('add', { dst, oif, priority: 10, protocol: OURS, via: parseAddress('192.168.77.2') }));
  expect(socket.batch([routeRequest('delete', { dst, priority: 11 })])).toMatchObject([{ code: 'ESRCH' }]);
  expect(socket.batch([routeRequest('delete', { dst, priority: 10 })])).toEqual([undefined]);
  expect(socket.batch([routeRequest('delete', { dst, priority: 10 })])).toMatchObject([{ code: 'ESRCH' }]);
});

kernelTest('IPv6 stores metric 0 as 1024, and appending makes one multipath route', { needs }, (context) => {
  const { socket, oif } = fixture(context);
  const dst = parsePrefix('fd00:5:1::/64');
  const vias = ['fe80::2', 'fe80::3'].map(parseAddress);
  for (const via of vias) socket.perform(routeRequest('append', { dst, via, oif, protocol: OURS }));
  const found = dumpRoutes(socket, { family: 6, protocol: OURS });
  expect(found.map((route) => [route.priority, route.nexthops?.map((hop) => hop.via)])).toEqual([[1024, vias]]);
});

kernelTest('MTU, MAC and local address of a vxlan link change in place; VNI and port do not', { needs }, (context) => {
  const { socket, vx } = fixture(context);
  const mac = parseMac('0e:00:00:00:00:77');
  const local = parseAddress('192.168.77.99');
  const change = (vxlan: object) => setLink({ index: vx, info: { kind: 'vxlan', vxlan } });
  const refused = { code: 'EOPNOTSUPP' };
  // The MTU goes by itself: beside vxlan's own attributes it is refused.
  const both = setLink({ index: vx, mtu: 1234, info: { kind: 'vxlan', vxlan: { local } } });
  expect(socket.batch([both])).toMatchObject([{ ...refused, text: 'Cannot change mtu' }]);
  expect(socket.batch([setLink({ index: vx, mtu: 1234, mac }), change({ local })])).toEqual([undefined, undefined]);
  expect(socket.batch([change({ vni: 2 }), change({ port: 4789 })])).toMatchObject([refused, refused]);
  const info = { vxlan: { vni: 1, port: 8472, local } };
  expect(findLink(socket, { name: 'x0' })).toMatchObject({ index: vx, mtu: 1234, mac, info });
});

kernelTest('an FDB entry is one per MAC: replace moves it, append is ignored', { needs }, (context) => {
  const { socket, vx } = fixture(context);
  const mac = parseMac('0e:00:00:00:00:01');
  const to = (verb: 'replace' | 'append', dst: string) =>
    fdbRequest(verb, { ifindex: vx, mac, dst: parseAddress(dst) });
  const found = () => dumpFdb(socket, { ifindex: vx }).map((entry) => entry.dst);
  expect(socket.batch([to('replace', '192.168.77.7'), to('replace', '192.168.77.8')])).toEqual([undefined, undefined]);
  expect(found()).toEqual(['192.168.77.8']);
  socket.batch([to('append', '192.168.77.9')]);
  expect(found()).toEqual(['192.168.77.8']);
});

kernelTest('without lo there is no local table, and an onlink route fails', { needs }, (context) => {
  const name = `${context.netns.name}-bare`;
  execFileSync('ip', ['netns', 'add', name]);
  context.onEnd(() => execFileSync('ip', ['netns', 'delete', name]));
  const socket = commandSocket({ ...context, netns: { ...context.netns, name } });
  socket.perform(addLink({ name: 'x0', ...UP, info: { kind: 'vxlan', vxlan: { vni: 1, port: 8472 } } }));
  const route = { dst: parsePrefix('10.5.1.0/24'), via: parseAddress('10.5.1.0'), oif: indexOf(socket, 'x0') };
  const onlink = routeRequest('add', { ...route, flags: RTNH_F_ONLINK, protocol: OURS });
  expect(dumpRoutes(socket, { family: 4, table: 255 })).toEqual([]);
  expect(socket.batch([onlink])).not.toEqual([undefined]);
  socket.perform(setLink({ name: 'lo', ...UP }));
  expect(socket.batch([onlink])).toEqual([undefined]);
});
