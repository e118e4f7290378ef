import { expect } from 'vitest';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import { parseMac } from '../../src/model/mac.js';
import {
  dumpAddresses,
  dumpFdb,
  dumpLinks,
  dumpNeighbours,
  dumpRoutes,
  dumpRules,
  findLink,
  routeTo,
} from '../../src/netlink/dumps.js';
import { NetlinkError } from '../../src/netlink/errors.js';
import { addressRequest, localOf, peerOf } from '../../src/netlink/wire/address.js';
import { IFF_UP, RTN_BLACKHOLE, RTN_UNREACHABLE, RTNH_F_ONLINK } from '../../src/netlink/wire/constants.js';
import { fdbRequest } from '../../src/netlink/wire/fdb.js';
import { addLink, deleteLink, setLink } from '../../src/netlink/wire/link.js';
import { neighbourRequest } from '../../src/netlink/wire/neighbour.js';
import { type RouteFields, RouteMessage, routeRequest } from '../../src/netlink/wire/route.js';
import { ruleRequest } from '../../src/netlink/wire/rule.js';
import { type KernelContext, kernelTest } from '../support/kernel.js';
import { commandSocket, indexOf, makeVeth } from './support.js';

const OURS = 70;
const vxlan = { kind: 'vxlan', vxlan: { vni: 7, port: 8472, learning: false, local: parseAddress('192.168.77.1') } };

kernelTest('a vxlan link reads back as it was made', { needs: ['vxlan', 'veth'] }, async (context) => {
  const socket = commandSocket(context);
  const underlay = makeVeth(socket);
  const mac = parseMac('0e:2a:11:22:33:44');
  const info = { ...vxlan, vxlan: { ...vxlan.vxlan, underlay } };
  socket.perform(addLink({ name: 'flannel.7', mtu: 1400, mac, alias: 'flan', flags: IFF_UP, change: IFF_UP, info }));
  // The kernel takes no alias when it makes a link.
  expect(findLink(socket, { name: 'flannel.7' })?.alias).toBeUndefined();
  socket.perform(setLink({ name: 'flannel.7', alias: 'flan' }));
  const link = findLink(socket, { name: 'flannel.7' });
  expect(link).toMatchObject({ name: 'flannel.7', mtu: 1400, mac, alias: 'flan', info });
  expect((link?.flags ?? 0) & IFF_UP).toBe(IFF_UP);
  expect(await context.netns.ipJson('-d link show flannel.7')).toMatchObject([
    { mtu: 1400, address: mac, ifalias: 'flan', linkinfo: { info_kind: 'vxlan', info_data: { id: 7, port: 8472 } } },
  ]);
  socket.perform(setLink({ name: 'flannel.7', mtu: 1300 }));
  expect(findLink(socket, { index: link?.index ?? 0 })?.mtu).toBe(1300);
  expect(dumpLinks(socket).map(({ name }) => name)).toEqual(['lo', 'v1', 'v0', 'flannel.7']);
  socket.perform(deleteLink({ name: 'flannel.7' }));
  expect(findLink(socket, { name: 'flannel.7' })).toBeUndefined();
});

kernelTest('a port knows its bridge', { needs: ['veth', 'bridge'] }, async (context) => {
  const socket = commandSocket(context);
  makeVeth(socket);
  socket.perform(addLink({ name: 'br0', info: { kind: 'bridge' } }));
  const master = indexOf(socket, 'br0');
  socket.perform(setLink({ name: 'v1', master }));
  expect(findLink(socket, { name: 'v1' })).toMatchObject({ master, info: { kind: 'veth', slaveKind: 'bridge' } });
});

kernelTest('addresses of both families read back', { needs: ['veth', 'ipv6'] }, async (context) => {
  const socket = commandSocket(context);
  const index = makeVeth(socket);
  const [own, other, six] = [parseAddress('10.1.1.1'), parseAddress('10.1.1.2'), parseAddress('fd00::1')];
  socket.perform(addressRequest('add', { family: 4, len: 32, index, local: own, address: other }));
  socket.perform(addressRequest('add', { family: 6, len: 64, index, address: six, allFlags: 2 }));
  const pointToPoint = dumpAddresses(socket, { family: 4, index }).find((message) => localOf(message) === own);
  expect(pointToPoint && peerOf(pointToPoint)).toBe(other);
  const found = dumpAddresses(socket, { family: 6, index }).map((message) => `${localOf(message)}/${message.len}`);
  expect(found).toContain('fd00::1/64');
  expect(dumpAddresses(socket).length).toBeGreaterThan(found.length + 1);
  socket.perform(addressRequest('delete', { family: 6, len: 64, index, address: six }));
  expect(dumpAddresses(socket, { family: 6, index }).map(localOf)).not.toContain(six);
});

kernelTest('routes of every shape read back', { needs: ['veth', 'ipv6'] }, async (context) => {
  const socket = commandSocket(context);
  const oif = makeVeth(socket);
  const common = { protocol: OURS, table: 254, tos: 0, flags: 0, scope: 0, type: 1 };
  const routes: (RouteFields & { family: 4 | 6 })[] = [
    { ...common, family: 4, dst: parsePrefix('10.5.1.0/24'), via: parseAddress('192.168.77.2'), oif },
    { ...common, family: 4, dst: parsePrefix('10.5.2.0/24'), oif, scope: 253, priority: 50, mtu: 1400 },
    { ...common, family: 4, dst: parsePrefix('0.0.0.0/0'), via: parseAddress('192.168.77.9'), oif, table: 1000 },
    {
      ...common,
      family: 4,
      dst: parsePrefix('10.5.3.0/24'),
      via: parseAddress('10.99.0.1'),
      oif,
      flags: RTNH_F_ONLINK,
    },
    { ...common, family: 4, dst: parsePrefix('10.5.4.0/24'), oif, scope: 253, prefsrc: parseAddress('192.168.77.1') },
    { ...common, family: 4, dst: parsePrefix('10.5.5.0/24'), type: RTN_BLACKHOLE },
    { ...common, family: 4, dst: parsePrefix('10.5.6.0/24'), type: RTN_UNREACHABLE, priority: 4_000_000_000 },
    { ...common, family: 4, dst: parsePrefix('10.5.7.0/24'), via: parseAddress('fe80::9'), oif },
    { ...common, family: 6, dst: parsePrefix('fd00:5:1::/64'), oif, priority: 1024 },
    { ...common, family: 6, dst: parsePrefix('fd00:5:2::/64'), via: parseAddress('fe80::2'), oif, priority: 20 },
    { ...common, family: 6, dst: parsePrefix('::/0'), oif, table: 1000, priority: 1024 },
  ];
  const results = socket.batch(routes.map((route) => routeRequest('add', route)));
  expect(results).toEqual(routes.map(() => undefined));
  const read = ([4, 6] as const).flatMap((family) => dumpRoutes(socket, { family, protocol: OURS }));
  const byDst = new Map(read.map((route) => [route.dst, { ...route.fields(), unknown: undefined }]));
  expect(byDst.size).toBe(routes.length);
  for (const route of routes) expect(byDst.get(route.dst)).toEqual({ ...route, unknown: undefined });
  const shown = (await context.netns.ip('route show proto 70')).split('\n').map((line) => line.trim());
  expect(shown).toContain('10.5.7.0/24 via inet6 fe80::9 dev v0');
  expect(shown).toContain('10.5.2.0/24 dev v0 scope link metric 50 mtu 1400');

  const gone = socket.batch(routes.map((route) => routeRequest('delete', route)));
  expect(gone).toEqual(routes.map(() => undefined));
  expect(dumpRoutes(socket, { family: 4, protocol: OURS })).toEqual([]);
});

kernelTest('a multipath route reads back with its next hops', { needs: ['veth'] }, async (context) => {
  const socket = commandSocket(context);
  const oif = makeVeth(socket);
  const nexthops = ['192.168.77.2', '192.168.77.3'].map((via, i) => ({
    oif,
    via: parseAddress(via),
    weight: i + 1,
    flags: 0,
  }));
  socket.perform(routeRequest('add', { dst: parsePrefix('10.6.0.0/16'), protocol: OURS, nexthops }));
  expect(dumpRoutes(socket, { family: 4, protocol: OURS }).map((route) => route.nexthops)).toEqual([nexthops]);
});

kernelTest('a deletion hits only what it names', { needs: ['veth'] }, async (context) => {
  const socket = commandSocket(context);
  const oif = makeVeth(socket);
  await context.netns.ip('route add 10.7.0.0/24 via 192.168.77.2 dev v0 proto static');
  const [refused] = socket.batch([routeRequest('delete', { dst: parsePrefix('10.7.0.0/24'), oif, protocol: OURS })]);
  expect(refused).toMatchObject({ code: 'ESRCH' });
  expect(await context.netns.ip('route show 10.7.0.0/24')).toContain('192.168.77.2');
});

kernelTest('neighbours of both families read back with who made them', { needs: ['veth', 'ipv6'] }, async (context) => {
  const socket = commandSocket(context);
  const ifindex = makeVeth(socket);
  const mac = parseMac('0e:00:00:00:00:05');
  const wanted = ['192.168.77.5', 'fd00::5'].map((dst) => ({ ifindex, mac, dst: parseAddress(dst), protocol: OURS }));
  socket.batch(wanted.map((entry) => neighbourRequest('replace', entry)));
  for (const [i, family] of ([4, 6] as const).entries()) {
    const read = dumpNeighbours(socket, { family, ifindex }).filter((entry) => entry.protocol === OURS);
    expect(read.map((entry) => entry.fields())).toMatchObject([{ ...wanted[i], state: 0x80 }]);
  }
  socket.batch(wanted.map((entry) => neighbourRequest('delete', entry)));
  expect(dumpNeighbours(socket, { family: 4, ifindex }).filter((entry) => entry.protocol === OURS)).toEqual([]);
});

kernelTest(
  'vxlan forwarding entries read back, of the asked link only',
  { needs: ['vxlan', 'veth'] },
  async (context) => {
    const socket = commandSocket(context);
    makeVeth(socket);
    for (const name of ['x1', 'x2']) {
      const vni = name === 'x1' ? 1 : 2;
      socket.perform(addLink({ name, info: { ...vxlan, vxlan: { ...vxlan.vxlan, vni } } }));
    }
    const [one, two] = [indexOf(socket, 'x1'), indexOf(socket, 'x2')];
    const mac = parseMac('0e:00:00:00:00:01');
    const entry = { ifindex: one, mac, dst: parseAddress('192.168.77.7') };
    socket.batch([fdbRequest('replace', entry), fdbRequest('replace', { ...entry, ifindex: two })]);
    expect(dumpFdb(socket, { ifindex: one }).map((found) => found.fields())).toMatchObject([entry]);
    expect(dumpFdb(socket).filter((found) => found.mac === mac)).toHaveLength(2);
    socket.perform(fdbRequest('delete', { ifindex: one, mac, dst: entry.dst }));
    expect(dumpFdb(socket, { ifindex: one })).toEqual([]);
  },
);

kernelTest('rules of both families read back', { needs: ['ipv6'] }, async (context) => {
  const socket = commandSocket(context);
  const rules = [
    {
      family: 4,
      priority: 5000,
      table: 1000,
      protocol: OURS,
      src: parsePrefix('10.5.0.0/16'),
      mark: 16,
      markMask: 255,
    },
    { family: 6, priority: 5001, table: 200, protocol: OURS, dst: parsePrefix('fd00:5::/48') },
  ] as const;
  for (const rule of rules) socket.perform(ruleRequest('add', rule));
  for (const rule of rules) {
    const ours = dumpRules(socket, { family: rule.family }).filter(({ protocol }) => protocol === OURS);
    expect(ours).toMatchObject([rule]);
    socket.perform(ruleRequest('delete', rule));
    expect(dumpRules(socket, { family: rule.family }).filter(({ protocol }) => protocol === OURS)).toEqual([]);
  }
});

kernelTest('a look-up says which way a packet would go', { needs: ['veth'] }, async (context) => {
  const socket = commandSocket(context);
  const oif = makeVeth(socket);
  socket.perform(routeRequest('add', { dst: parsePrefix('10.8.0.0/16'), via: parseAddress('192.168.77.2'), oif }));
  const resolved = routeTo(socket, parseAddress('10.8.1.2'));
  expect(resolved).toMatchObject({ dst: '10.8.1.2/32', via: '192.168.77.2', prefsrc: '192.168.77.1', oif });
  const entry = routeTo(socket, parseAddress('10.8.1.2'), { fibMatch: true });
  expect(entry instanceof RouteMessage && entry.dst).toBe('10.8.0.0/16');
  expect(routeTo(socket, parseAddress('192.0.2.1'))).toBeInstanceOf(NetlinkError);
});

kernelTest('a look-up works for IPv6 too', { needs: ['veth', 'ipv6'] }, async (context) => {
  const socket = commandSocket(context);
  const oif = makeVeth(socket);
  await context.netns.ip(`address add fd00:77::1/64 dev ${await nameOf(context, oif)} nodad`);
  const onLink = routeTo(socket, parseAddress('fd00:77::2'));
  expect(onLink).toMatchObject({ dst: 'fd00:77::2/128', via: undefined, prefsrc: 'fd00:77::1', oif });
  const entry = routeTo(socket, parseAddress('fd00:77::2'), { fibMatch: true });
  expect(entry instanceof RouteMessage && entry.dst).toBe('fd00:77::/64');
  expect(routeTo(socket, parseAddress('2001:db8::1'))).toBeInstanceOf(NetlinkError);
});

async function nameOf({ netns }: KernelContext, index: number): Promise<string> {
  const links = (await netns.ipJson('link show')) as { ifindex: number; ifname: string }[];
  return links.find(({ ifindex }) => ifindex === index)?.ifname ?? '';
}
