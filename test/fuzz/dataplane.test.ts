import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { balanceOf } from '../../src/dataplane/counters.js';
import type { SlottedPeer } from '../../src/dataplane/messages.js';
import { startTunnel } from '../../src/dataplane/tunnel.js';
import type { Address, Prefix } from '../../src/model/ip.js';
import { fakeNode } from '../dataplane/node.js';
import { packet } from '../dataplane/packets.js';
import { kernelTest } from '../support/kernel.js';
import { joinByVeth } from '../support/netns.js';

const run = promisify(execFile);

const PEERS: readonly SlottedPeer[] = [
  { slot: 0, subnet: '10.244.1.0/24' as Prefix, endpoint: '192.168.10.1' as Address, port: 8285 },
  { slot: 1, subnet: 'fd00:1::/64' as Prefix, endpoint: '192.168.10.1' as Address, port: 8285 },
];

const FROM_PEER = Uint8Array.from([2, 0, 0x20, 0x5d, 192, 168, 10, 1, 0, 0, 0, 0, 0, 0, 0, 0]);

/** Packets that are nearly right: a good one with some bytes changed, or cut, or with something behind it. */
const nearly = fc
  .record({
    isV6: fc.boolean(),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    payload: fc.uint8Array({ maxLength: 120 }),
    ttl: fc.constantFrom(0, 1, 2, 64),
    changes: fc.array(fc.tuple(fc.nat({ max: 80 }), fc.nat({ max: 255 })), { maxLength: 4 }),
    cut: fc.nat({ max: 100 }),
    tail: fc.uint8Array({ maxLength: 20 }),
  })
  .map(({ isV6, changes, cut, tail, ...fields }) => {
    const [source, destination] = isV6 ? ['fd00:1::5', 'fd00:2::6'] : ['10.244.1.5', '10.244.2.6'];
    const bytes = packet({ source: source as Address, destination: destination as Address, ...fields });
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    const short = cut > 50 ? bytes.slice(0, bytes.length - (cut - 50)) : bytes;
    return Uint8Array.from([...short, ...tail]);
  });

it('accounts for every datagram, whatever is in it', () => {
  const node = fakeNode(PEERS);
  const datagram = fc.oneof({ weight: 4, arbitrary: nearly }, fc.uint8Array({ maxLength: 200 }));
  fc.assert(
    fc.property(fc.array(datagram, { minLength: 1, maxLength: 80 }), fc.nat({ max: 60 }), (datagrams, size) => {
      node.io.fromPeers.push(
        ...datagrams.map((bytes) => ({ sockaddr: FROM_PEER, bytes, segmentBytes: size === 0 ? bytes.length : size })),
      );
      while (node.io.fromPeers.length > 0) expect(node.inbound.pump(5)).toBe(0);
      expect(balanceOf(node.totals())).toEqual({ out: 0, in: 0 });
      // Nothing goes in that is not one whole packet by its own length.
      for (const written of node.io.toDevice.splice(0)) {
        const [first = 0, , high = 0, low = 0, v6High = 0, v6Low = 0] = written.slice(10);
        const length = first >> 4 === 6 ? 40 + ((v6High << 8) | v6Low) : (high << 8) | low;
        expect(length).toBe(written.length - 10);
      }
    }),
    { numRuns: 1500 },
  );
});

it('accounts for every packet of the device, whatever its header says', () => {
  const node = fakeNode([
    { slot: 0, subnet: '10.244.2.0/24' as Prefix, endpoint: '192.168.10.2' as Address, port: 8285 },
    { slot: 1, subnet: 'fd00:2::/64' as Prefix, endpoint: '192.168.10.2' as Address, port: 8285 },
  ]);
  const header = fc.tuple(
    fc.constantFrom(0, 1, 2, 255),
    fc.constantFrom(0, 1, 3, 4, 5, 0x81, 0x7f),
    fc.uint8Array({ minLength: 8, maxLength: 8 }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(header, nearly), { minLength: 1, maxLength: 70 }), (packets) => {
      for (const [[flags, type, rest], bytes] of packets) {
        node.io.fromDevice.push(Uint8Array.from([flags, type, ...rest, ...bytes]));
      }
      while (node.io.fromDevice.length > 0) expect(node.outbound.pump()).toBe(0);
      expect(balanceOf(node.totals())).toEqual({ out: 0, in: 0 });
      node.io.toPeers.length = 0;
    }),
    { numRuns: 1500 },
  );
});

/** Sprays datagrams of every bad sort, and good ones between them, from the peer's address and from a stranger's. */
const SPRAY = `
const dgram = require('dgram');
const [count, seed] = process.argv.slice(1).map(Number);
let state = seed;
const random = (n) => { state = (Math.imul(state, 1103515245) + 12345) >>> 0; return Math.floor((state / 2 ** 32) * n); };
const good = () => Buffer.from([0x45,0,0,28, 0,1,0x40,0, 64,17,0,0, 10,244,1,5, 10,244,2,6, 0x9c,0x40,0,53, 0,8,0,0]);
const v6 = () => Buffer.from([0x60,0,0,0, 0,8,17,64, 0xfd,0,0,1,0,0,0,0,0,0,0,0,0,0,0,5, 0xfd,0,0,2,0,0,0,0,0,0,0,0,0,0,0,6, 0,1,0,2,0,8,0,0]);
const sorts = [
  () => good().subarray(0, random(28)),
  () => Buffer.alloc(random(3) === 0 ? 65507 : 3000, random(256)),
  () => Buffer.from(Array.from({ length: random(100) }, () => random(256))),
  () => { const p = good(); p[0] = random(256); return p; },
  () => { const p = good(); p[8] = random(2); return p; },
  () => { const p = good(); p[14] = random(256); return p; },
  () => { const p = good(); p[2] = random(256); p[3] = random(256); return p; },
  () => { const p = good(); p[16] = 224 + random(32); return p; },
  () => { const p = good(); p[18] = 1; return p; },
  () => v6().subarray(0, random(49)),
  () => { const p = v6(); p[random(24)] = random(256); return p; },
  good,
];
const sockets = ['192.168.10.1', '192.168.10.3'].map((address) => {
  const socket = dgram.createSocket('udp4');
  socket.bind(random(2) === 0 ? 8285 : 0, address);
  return socket;
});
let sent = 0;
const next = () => {
  for (let i = 0; i < 200 && sent < count; i++, sent++) {
    sockets[random(8) === 0 ? 1 : 0].send(sorts[random(sorts.length)](), 8285, '192.168.10.2', () => {});
  }
  if (sent < count) setTimeout(next, 1);
  else for (const socket of sockets) socket.send(good(), 8285, '192.168.10.2', () => socket.close());
};
next();
`;
const COUNT = 100_000;

kernelTest('100,000 bad datagrams harm nothing', { needs: ['tun', 'veth'], timeoutMs: 90_000 }, async (context) => {
  const { netns, makeNetns, onEnd } = context;
  const far = makeNetns('far');
  await joinByVeth(
    { netns, name: 'eth0', addresses: ['192.168.10.2/24'] },
    { netns: far, name: 'eth0', addresses: ['192.168.10.1/24', '192.168.10.3/24'] },
  );
  const fdsBefore = readdirSync('/proc/self/fd').length;
  const lost: string[] = [];
  const tunnel = await startTunnel({
    name: 'flannel0',
    netns: netns.name,
    endpoint: { addresses: ['192.168.10.2' as Address], port: 8285 },
    queues: 1,
    prepare: () => undefined,
    onLost: (why) => lost.push(why),
  });
  onEnd(() => tunnel.close());
  await tunnel.change({ put: PEERS.map(({ slot: _, ...peer }) => peer), remove: [] });
  await netns.sh(
    'ip addr add 10.244.2.0/32 dev flannel0; ip link set flannel0 up; ip route add 10.244.0.0/16 dev flannel0',
  );
  // Where nothing stands behind a subnet of ours the kernel sends back through the tunnel, and so for ever but for the TTL.
  await netns.sh('echo 1 > /proc/sys/net/ipv4/ip_forward');
  const spray = (seed: number) =>
    run('ip', ['netns', 'exec', far.name, process.execPath, '-e', SPRAY, String(COUNT), String(seed)]);
  const settled = async (): Promise<number> => {
    for (let last = -1; ; ) {
      const { inReceived } = tunnel.totals();
      if (inReceived === last) return inReceived;
      last = inReceived;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  };
  await spray(1);
  await settled();
  const memory = process.memoryUsage();
  await spray(2);
  const received = await settled();
  const totals = tunnel.totals();
  expect(lost).toEqual([]);
  // A full socket buffer may have cost some; the kernel counts those.
  const drops = await netns.sh("awk '/^Udp:/ { value = $6 } END { print value }' /proc/net/snmp");
  expect(received + Number(drops)).toBeGreaterThanOrEqual(2 * COUNT);
  expect(balanceOf(totals)).toEqual({ out: 0, in: 0 });
  for (const total of ['inMalformed', 'inExpired', 'inUnknownSender', 'inSpoofed', 'inDelivered'] as const) {
    expect([total, totals[total] > 1000]).toEqual([total, true]);
  }
  const spoofed = PEERS.map(({ subnet }) => tunnel.countsOf(subnet)?.spoofed ?? 0);
  expect(spoofed.reduce((sum, each) => sum + each)).toBe(totals.inSpoofed);
  // Each packet that was not handed on was answered or not.
  expect(totals.icmpSent + totals.icmpWithheld).toBe(totals.outNoPeer + totals.outExpired + totals.inExpired);
  const taken = PEERS.map(({ subnet }) => tunnel.countsOf(subnet)?.receivedPackets ?? 0);
  expect(taken.reduce((sum, each) => sum + each)).toBe(totals.inDelivered + totals.inRefused);
  // Rate limited: not an answer to everybody whose packet expired.
  expect(totals.icmpSent).toBeLessThan(totals.inExpired);
  expect(process.memoryUsage().rss - memory.rss).toBeLessThan(64 * 1024 * 1024);
  await tunnel.close();
  expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(fdsBefore);
});
