import { expect } from 'vitest';
import { formatIPv4, parseAddress, parsePrefix } from '../../src/model/ip.js';
import { prepare } from '../../src/netlink/batch.js';
import { CommandSocket } from '../../src/netlink/command.js';
import { dumpLinks, dumpRoutes } from '../../src/netlink/dumps.js';
import { NetlinkError, refusal } from '../../src/netlink/errors.js';
import { NETLINK_GENERIC, RTM_NEWROUTE } from '../../src/netlink/wire/constants.js';
import { decodeGenlFamily, getGenlFamily } from '../../src/netlink/wire/genl.js';
import { addLink, decodeLink, getLink } from '../../src/netlink/wire/link.js';
import { getRoutes, type RouteFields, routeRequest } from '../../src/netlink/wire/route.js';
import { kernelTest } from '../support/kernel.js';
import { commandSocket, makeVeth } from './support.js';

const OURS = 70;

/** `count` routes to /28 networks; every one whose number `isBad` has a gateway that no link reaches. */
const manyRoutes = (count: number, oif: number, isBad: (i: number) => boolean = () => false): RouteFields[] =>
  Array.from({ length: count }, (_, i) => ({
    dst: parsePrefix(`${formatIPv4(0x0a000000 + i * 16)}/28`),
    via: parseAddress(isBad(i) ? '203.0.113.1' : '192.168.77.2'),
    oif,
    protocol: OURS,
  }));

kernelTest('a batch goes on after failures and says which ones failed and why', { needs: ['veth'] }, (context) => {
  const socket = commandSocket(context);
  const oif = makeVeth(socket);
  const isBad = (i: number): boolean => i % 7 === 3;
  const routes = manyRoutes(1000, oif, isBad);
  const results = socket.batch(routes.map((route) => routeRequest('add', route)));
  for (const [i, result] of results.entries()) {
    if (isBad(i)) expect(result).toMatchObject({ code: 'ENETUNREACH', text: 'Nexthop has invalid gateway' });
    else expect(result).toBeUndefined();
  }
  expect(dumpRoutes(socket, { family: 4, protocol: OURS })).toHaveLength(1000 - 143);
});

kernelTest('a batch in which everything fails loses no answer', { needs: ['veth'] }, (context) => {
  const socket = commandSocket(context);
  const routes = manyRoutes(2000, makeVeth(socket), () => true);
  const results = socket.batch(routes.map((route) => routeRequest('add', route)));
  expect(results.filter((result) => result instanceof NetlinkError)).toHaveLength(2000);
});

kernelTest(
  'answers that are lost make a batch unknown, not successful, and the next one works',
  { needs: ['veth'] },
  (context) => {
    const oif = makeVeth(commandSocket(context));
    const socket = CommandSocket.open({ netns: context.netns.name, receiveBufferBytes: 1024 });
    context.onEnd(() => socket.close());
    const bad = manyRoutes(100, oif, () => true).map((route) => routeRequest('add', route));
    expect(socket.batch(bad)).toEqual(bad.map(() => 'unknown'));
    expect(socket.batch(bad.slice(0, 1))).toMatchObject([{ code: 'ENETUNREACH' }]);
    const good = manyRoutes(100, oif).map((route) => routeRequest('add', route));
    expect(socket.batch(good)).toEqual(good.map(() => undefined));
    expect(dumpRoutes(socket, { family: 4, protocol: OURS })).toHaveLength(100);
  },
);

kernelTest('a refusal says what was asked, the kernel’s reason and the place in the request', {}, (context) => {
  const socket = commandSocket(context);
  // RTA_PRIORITY (6) of two bytes instead of four.
  const unknown = [{ type: 6, value: Uint8Array.of(1, 2) }];
  const request = routeRequest('add', { dst: parsePrefix('10.0.0.0/8'), type: 6, unknown });
  const [result] = socket.batch([request]);
  expect(result).toMatchObject({ errno: 34, code: 'ERANGE', text: 'Attribute failed policy validation', offset: 44 });
  if (!(result instanceof NetlinkError)) throw new Error('not refused');
  const error = refusal(request, result);
  expect(error.code).toBe('E_NETLINK');
  expect(error.message).toContain('ip route add blackhole 10.0.0.0/8: ERANGE: Attribute failed policy validation');
});

kernelTest('prepared bytes can be sent again and again', { needs: ['veth'] }, (context) => {
  const socket = commandSocket(context);
  const routes = manyRoutes(300, makeVeth(socket));
  const prepared = prepare(routes.map((route) => routeRequest('add', route)));
  expect(socket.batchPrepared(prepared)).toEqual(routes.map(() => undefined));
  expect(socket.batchPrepared(prepared)).toMatchObject(routes.map(() => ({ code: 'EEXIST' })));
  expect(dumpRoutes(socket, { family: 4, protocol: OURS })).toHaveLength(300);
});

kernelTest('the kernel filters dumps by table, protocol and link', { needs: ['veth', 'ipv6'] }, async (context) => {
  const socket = commandSocket(context);
  const oif = makeVeth(socket);
  const [a, b, c] = ['10.1.0.0/24', '10.2.0.0/24', '10.3.0.0/24'].map(parsePrefix);
  if (a === undefined || b === undefined || c === undefined) throw new Error('three prefixes');
  for (const [dst, table, protocol, out] of [
    [a, 254, OURS, oif],
    [b, 1000, OURS, 1],
    [c, 1000, 4, oif],
  ] as const) {
    socket.perform(routeRequest('add', { dst, table, protocol, oif: out }));
  }
  const seen = (filter: object): string[] =>
    dumpRoutes(socket, { family: 4, ...filter })
      .map((route) => route.dst)
      .sort();
  expect(seen({ table: 1000 })).toEqual([b, c]);
  expect(seen({ protocol: OURS })).toEqual([a, b]);
  expect(seen({ table: 1000, oif })).toEqual([c]);
  expect(seen({ table: 1000, protocol: OURS })).toEqual([b]);
  expect(seen({ table: 4242 })).toEqual([]);
  expect(dumpRoutes(socket, { family: 6, table: 4242 })).toEqual([]);
  // The filter works in the kernel: strict checking is on, so no other message comes at all.
  let messages = 0;
  socket.dump(getRoutes({ family: 4, table: 1000 }), (message) => {
    if (message.type === RTM_NEWROUTE) messages++;
    return undefined;
  });
  expect(messages).toBe(2);
});

kernelTest('a decoder that throws ends neither the socket nor its next dump', { needs: ['veth'] }, (context) => {
  const socket = commandSocket(context);
  const routes = manyRoutes(5000, makeVeth(socket));
  socket.batch(routes.map((route) => routeRequest('add', route)));
  const bad = (): never => {
    throw new Error('decoder');
  };
  expect(() => socket.dump(getRoutes({ family: 4 }), bad)).toThrow('decoder');
  expect(dumpRoutes(socket, { family: 4, protocol: OURS })).toHaveLength(5000);
});

kernelTest(
  'a dump that changes under way starts again, and gives up when it always does',
  { needs: ['bridge'] },
  (context) => {
    const [reader, writer] = [commandSocket(context), commandSocket(context)];
    const bridge = (name: string) => addLink({ name, info: { kind: 'bridge' } });
    // More than fits one datagram: the kernel notices a change between two of them.
    writer.batch(Array.from({ length: 100 }, (_, i) => bridge(`br${i}`)));
    let changes = 0;
    /** Adds a link in the middle of each of the first `times` dumps. */
    const namesWhileChanging = (times: number): (string | undefined)[] => {
      let dumps = 0;
      return reader.dump(getLink(), ({ bytes, offset, length }) => {
        const { name } = decodeLink(bytes, offset, length);
        if (name === 'lo' && ++dumps <= times) writer.perform(bridge(`new${++changes}`));
        return name;
      });
    };
    const names = namesWhileChanging(2);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toHaveLength(1 + 100 + 2);
    expect(names).toContain('new2');
    expect(() => namesWhileChanging(1000)).toThrow(expect.objectContaining({ code: 'E_DUMP', retry: true }));
    expect(changes).toBe(2 + 10);
    expect(namesWhileChanging(0)).toHaveLength(1 + 100 + 12);
  },
);

kernelTest('one process works in many namespaces at once', { needs: ['veth'] }, (context) => {
  const sockets = Array.from({ length: 8 }, () => commandSocket({ ...context, netns: context.makeNetns() }));
  const here = CommandSocket.open();
  context.onEnd(() => here.close());
  const before = dumpLinks(here).map((link) => link.name);
  const links = sockets.map(makeVeth);
  for (const [i, socket] of sockets.entries()) {
    const [mine] = manyRoutes(i + 1, links[i] ?? 0).slice(-1);
    if (mine === undefined) throw new Error('no route');
    socket.perform(routeRequest('add', mine));
  }
  for (const [i, socket] of sockets.entries()) {
    expect(dumpLinks(socket).map((link) => link.name)).toEqual(['lo', 'v1', 'v0']);
    const found = dumpRoutes(socket, { family: 4, protocol: OURS }).map((route) => route.dst);
    expect(found).toEqual([`${formatIPv4(0x0a000000 + i * 16)}/28`]);
  }
  expect(new Set(sockets.map((socket) => socket.portId)).size).toBe(1); // numbers are per namespace
  expect(dumpLinks(here).map((link) => link.name)).toEqual(before);
});

kernelTest('a closed socket refuses, and closes twice', {}, ({ netns }) => {
  const socket = CommandSocket.open({ netns: netns.path });
  socket.close();
  socket.close();
  expect(() => dumpLinks(socket)).toThrow('closed');
});

kernelTest('a namespace that is not there is an error with its name', {}, () => {
  expect(() => CommandSocket.open({ netns: 'no-such-netns' })).toThrow(
    expect.objectContaining({ code: 'E_NETNS', message: expect.stringContaining("'no-such-netns'") }),
  );
});

kernelTest('generic netlink families are found by name', {}, ({ netns, onEnd }) => {
  const socket = CommandSocket.open({ netns: netns.name, protocol: NETLINK_GENERIC });
  onEnd(() => socket.close());
  const family = socket.get(getGenlFamily('nlctrl'), (m) => decodeGenlFamily(m.bytes, m.offset, m.length));
  expect(family).toMatchObject({ id: 16, name: 'nlctrl' });
  expect(family.groups?.map((group) => group.name)).toContain('notify');
  expect(socket.tryGet(getGenlFamily('no-such-family'), () => ({}))).toMatchObject({ code: 'ENOENT' });
});
