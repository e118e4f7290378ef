import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { balanceOf } from '../../src/dataplane/counters.js';
import { startTunnel, type Tunnel, type TunnelOptions } from '../../src/dataplane/tunnel.js';
import { isInstalled } from '../../src/drivers/run-tool.js';
import type { Address, Prefix } from '../../src/model/ip.js';
import { keepTun } from '../../src/sys/tun.js';
import { type KernelContext, kernelTest } from '../support/kernel.js';
import { joinByVeth, type TestNetns } from '../support/netns.js';
import { transfer } from './transfer.js';

const NEEDS = { needs: ['tun', 'veth'] } as const;

interface Pair {
  readonly spaces: readonly [TestNetns, TestNetns];
  /** Starts the n-th node's tunnel, with an address and the route, and the other node as its peer. */
  start(n: 1 | 2, options?: Partial<TunnelOptions>): Promise<Tunnel>;
}

async function pair({ netns, makeNetns, onEnd }: KernelContext): Promise<Pair> {
  const spaces = [netns, makeNetns('b')] as const;
  await joinByVeth(
    { netns: spaces[0], name: 'eth0', addresses: ['192.168.10.1/24'] },
    { netns: spaces[1], name: 'eth0', addresses: ['192.168.10.2/24'] },
  );
  return {
    spaces,
    start: async (n, options = {}) => {
      const space = spaces[n - 1] ?? netns;
      const other = 3 - n;
      const tunnel = await startTunnel({
        name: 'flannel0',
        netns: space.name,
        endpoint: { addresses: [`192.168.10.${n}` as Address], port: 8285 },
        queues: 1,
        prepare: () => undefined,
        onLost: () => undefined,
        ...options,
      });
      onEnd(() => tunnel.close());
      await tunnel.change({ put: [entry(other)], remove: [] });
      await space.sh(`ip addr replace 10.244.${n}.0/32 dev flannel0; ip link set flannel0 mtu 1472 up`);
      await space.sh('ip route replace 10.244.0.0/16 dev flannel0');
      return tunnel;
    },
  };
}

const entry = (n: number, port = 8285) => ({
  subnet: `10.244.${n}.0/24` as Prefix,
  endpoint: `192.168.10.${n}` as Address,
  port,
});

const pings = (from: TestNetns, to: string, flags = '-c 1'): Promise<string> =>
  from.sh(`ping -n -q -W 2 ${flags} ${to} || true`);

kernelTest('several queues share the work, on a device made for several', NEEDS, async (context) => {
  const { spaces, start } = await pair(context);
  const many = await start(1, { queues: 3 });
  const one = await start(2);
  expect([many.queues, one.queues]).toEqual([3, 1]);
  const flows = Array.from({ length: 12 }, (_, i) => `echo ${i} > /dev/udp/10.244.2.0/${4000 + i}`);
  await spaces[0].sh(`bash -c '${flows.join('; ')}'`);
  expect(await pings(spaces[0], '10.244.2.0', '-c 20 -i 0.01')).toContain(' 0% packet loss');
  expect(await pings(spaces[1], '10.244.1.0', '-c 20 -i 0.01')).toContain(' 0% packet loss');
  for (const tunnel of [many, one]) expect(balanceOf(tunnel.totals())).toEqual({ out: 0, in: 0 });
  expect(many.countsOf(entry(2).subnet)?.sentPackets).toBeGreaterThanOrEqual(40);
});

kernelTest('a device that stays keeps its kind of queues, whatever is asked for later', NEEDS, async (context) => {
  const { start } = await pair(context);
  const prepare = (fd: number): void => keepTun(fd, 'yes');
  await (await start(1, { queues: 2, prepare })).close();
  const again = await start(1, { queues: 1, prepare });
  expect(again.queues).toBe(1);
  await again.close();
  await (await start(2, { queues: 1, prepare })).close();
  expect((await start(2, { queues: 2, prepare })).queues).toBe(1);
});

kernelTest('moves to another port without a new device', NEEDS, async (context) => {
  const { spaces, start } = await pair(context);
  const [a, b] = [await start(1), await start(2)];
  expect(await pings(spaces[0], '10.244.2.0')).toContain(' 0% packet loss');
  await b.rebind({ addresses: ['192.168.10.2' as Address], port: 9000 });
  await a.change({ put: [entry(2, 9000)], remove: [] });
  expect(await pings(spaces[0], '10.244.2.0')).toContain(' 0% packet loss');
  expect(await spaces[1].sh('cat /proc/net/udp')).not.toContain('0A0AA8C0:205D'); // 192.168.10.2:8285 in the kernel's words
});

kernelTest('keeps the old socket when the new one cannot be had', NEEDS, async (context) => {
  const { spaces, start } = await pair(context);
  const [, b] = [await start(1), await start(2)];
  await expect(b.rebind({ addresses: ['192.168.10.77' as Address], port: 8285 })).rejects.toMatchObject({
    code: 'E_BACKEND',
    retry: true,
  });
  expect(b.endpoint.addresses).toEqual(['192.168.10.2']);
  expect(await pings(spaces[0], '10.244.2.0')).toContain(' 0% packet loss');
});

kernelTest('moves with all of its queues or with none', NEEDS, async (context) => {
  const { spaces, start } = await pair(context);
  const tunnel = await start(1, { queues: 2 });
  await start(2);
  const before = readdirSync('/proc/self/fd').length;
  await expect(tunnel.rebind({ addresses: ['192.168.10.77' as Address], port: 9000 })).rejects.toMatchObject({
    code: 'E_BACKEND',
  });
  expect(readdirSync('/proc/self/fd').length).toBe(before);
  await tunnel.rebind({ addresses: ['192.168.10.1' as Address], port: 9000 });
  expect(readdirSync('/proc/self/fd').length).toBe(before);
  expect(await spaces[0].sh('grep -c ":2328" /proc/net/udp')).toBe('2\n');
  expect(await spaces[0].sh('grep -c ":205D" /proc/net/udp || true')).toBe('0\n');
});

kernelTest('has room for 65536 peers, and keeps those it has when there are more', NEEDS, async (context) => {
  const { start } = await pair(context);
  const tunnel = await start(1);
  const peer = (n: number) => ({
    ...entry(2),
    subnet: `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}/32` as Prefix,
  });
  const many = Array.from({ length: 65_536 }, (_, n) => peer(n));
  const error = { code: 'E_BACKEND', message: expect.stringContaining('65536') };
  await expect(tunnel.change({ put: many, remove: [] })).rejects.toMatchObject(error);
  expect(tunnel.peers()).toHaveLength(1);
  await tunnel.change({ put: many.slice(0, -1), remove: [] });
  expect(tunnel.peers()).toHaveLength(65_536);
  await expect(tunnel.change({ put: many, remove: [] })).rejects.toMatchObject(error);
  await tunnel.change({ put: [], remove: [entry(2).subnet] });
  await tunnel.change({ put: many, remove: [] });
  expect(tunnel.peers()).toHaveLength(65_536);
});

kernelTest('tells when the device is gone, once, and leaves nothing behind', NEEDS, async (context) => {
  const { spaces, start } = await pair(context);
  const before = readdirSync('/proc/self/fd').length;
  const lost: string[] = [];
  let heard: () => void = () => undefined;
  const told = new Promise<void>((resolve) => {
    heard = resolve;
  });
  const tunnel = await start(1, {
    queues: 2,
    onLost: (why) => {
      lost.push(why);
      heard();
    },
  });
  await spaces[0].ip('link delete flannel0');
  await told;
  await expect(tunnel.change({ put: [entry(2)], remove: [] })).rejects.toMatchObject({ retry: true });
  await tunnel.close();
  expect(lost).toEqual([expect.stringContaining('the device is gone')]);
  expect(readdirSync('/proc/self/fd').length).toBe(before);
});

kernelTest('two devices of one name cannot be open at once', NEEDS, async (context) => {
  const { start } = await pair(context);
  await start(1);
  await expect(start(1)).rejects.toMatchObject({ code: 'E_CONFLICT' });
});

kernelTest('gives the counters of a peer that left to nobody', NEEDS, async (context) => {
  const { spaces, start } = await pair(context);
  const [a] = [await start(1), await start(2)];
  await pings(spaces[0], '10.244.2.0', '-c 3 -i 0.01');
  expect(a.countsOf(entry(2).subnet)?.sentPackets).toBe(3);
  await a.change({ put: [], remove: [entry(2).subnet] });
  expect(a.countsOf(entry(2).subnet)).toBeUndefined();
  await a.change({ put: [entry(7)], remove: [] });
  expect(a.countsOf(entry(7).subnet)).toMatchObject({ sentPackets: 0, sentBytes: 0, receivedPackets: 0 });
});

const canSwitch = isInstalled('ethtool', {});
if (!canSwitch) process.stderr.write('SKIPPED an underlay without offloads: there is no ethtool\n');

describe.runIf(canSwitch)('an underlay without offloads', () => {
  kernelTest('gets packet by packet what is whole again behind it', NEEDS, async (context) => {
    const { spaces, start } = await pair(context);
    for (const space of spaces) {
      await space.sh('ethtool -K eth0 tx off tx-udp-segmentation off gso off tso off gro off');
    }
    const [a, b] = [await start(1), await start(2)];
    const [sender, receiver] = spaces;
    const content = randomBytes(10_000_001);
    const received = await transfer({ content, to: '10.244.2.0', from: '10.244.1.0', sender, receiver });
    expect(received.equals(content)).toBe(true);
    expect(await receiver.sh('nstat -asz TcpInCsumErrors | tail -1')).toMatch(/\s0\s/);
    for (const tunnel of [a, b]) expect(balanceOf(tunnel.totals())).toEqual({ out: 0, in: 0 });
    // Nothing larger than one datagram was on the wire.
    const [packets, bytes] = (
      await receiver.sh('cat /sys/class/net/eth0/statistics/rx_packets /sys/class/net/eth0/statistics/rx_bytes')
    )
      .split('\n')
      .map(Number);
    expect((bytes ?? 0) / (packets ?? 1)).toBeLessThan(1515);
    expect(packets).toBeGreaterThan(content.length / 1472);
  });
});

kernelTest('learns of a narrow link from the router before it', NEEDS, async ({ netns, makeNetns, onEnd }) => {
  const [router, far] = [makeNetns('router'), makeNetns('far')];
  await joinByVeth(
    { netns, name: 'eth0', addresses: ['192.168.10.1/24'] },
    { netns: router, name: 'near', addresses: ['192.168.10.254/24'] },
  );
  await joinByVeth(
    { netns: router, name: 'narrow', addresses: ['192.168.20.254/24'] },
    { netns: far, name: 'eth0', addresses: ['192.168.20.2/24'] },
  );
  await router.sh('echo 1 > /proc/sys/net/ipv4/ip_forward; ip link set narrow mtu 1200');
  await netns.ip('route add default via 192.168.10.254');
  await far.sh('ip link set eth0 mtu 1200; ip route add default via 192.168.20.254');
  const ends = [
    { space: netns, address: '192.168.10.1', other: '192.168.20.2', n: 1 },
    { space: far, address: '192.168.20.2', other: '192.168.10.1', n: 2 },
  ];
  for (const { space, address, other, n } of ends) {
    const tunnel = await startTunnel({
      ...{ name: 'flannel0', netns: space.name, queues: 1, prepare: () => undefined, onLost: () => undefined },
      endpoint: { addresses: [address as Address], port: 8285 },
    });
    onEnd(() => tunnel.close());
    await tunnel.change({ put: [{ ...entry(3 - n), endpoint: other as Address }], remove: [] });
    // Both think that there is room for 1500 outside.
    await space.sh(`ip addr add 10.244.${n}.0/32 dev flannel0; ip link set flannel0 mtu 1472 up`);
    await space.sh('ip route add 10.244.0.0/16 dev flannel0');
  }
  // The router drops the first one, and says why; what comes after it is cut into fragments.
  expect(await pings(netns, '10.244.2.0', '-c 1 -s 1400')).toContain(' 100% packet loss');
  expect(await netns.sh('ip route get 192.168.20.2')).toContain('mtu 1200');
  expect(await pings(netns, '10.244.2.0', '-c 3 -i 0.05 -s 1400')).toContain(' 0% packet loss');
  expect(await pings(far, '10.244.1.0', '-c 3 -i 0.05 -s 1400')).toContain(' 0% packet loss');
  const content = randomBytes(3_000_000);
  const received = await transfer({ content, to: '10.244.2.0', from: '10.244.1.0', sender: netns, receiver: far });
  expect(received.equals(content)).toBe(true);
});

const HOLDS_ON = `
import { startTunnel } from './src/dataplane/tunnel.ts';
await startTunnel({
  name: 'flannel0', netns: process.argv[1], endpoint: { addresses: ['127.0.0.1'], port: 8285 }, queues: 2,
  prepare: () => undefined, onLost: () => undefined,
});
console.log('running');
if (process.argv[2] === 'exit') process.exit(3);
`;

kernelTest('keeps no process from ending, by itself or at once', { ...NEEDS, timeoutMs: 60_000 }, async ({ netns }) => {
  const ends = (how: string) =>
    new Promise<string>((resolve) => {
      const child = spawn('node_modules/.bin/tsx', ['--input-type=module', '-e', HOLDS_ON, netns.name, how]);
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
      child.on('close', (code, signal) => resolve(`${text.trim()} ${code ?? signal}`));
    });
  expect(await ends('exit')).toBe('running 3');
  expect(await ends('by itself')).toBe('running 0');
});
