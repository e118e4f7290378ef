import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { labTest, peerLease } from '../support/lab.js';
import {
  becomes,
  DEVICE,
  each,
  GATEWAY,
  moveBehindRouter,
  overlayState,
  putLeases,
  SUBNET,
  vxlanNetwork,
} from './overlay.js';

const FAMILIES = '46';
const OPTIONS = { families: FAMILIES, network: vxlanNetwork(FAMILIES), needs: ['vxlan'], timeoutMs: 60_000 } as const;

const macOf = async ({ netns }: { netns: { ipJson(words: string): Promise<unknown> } }, dev: string): Promise<string> =>
  ((await netns.ipJson(`link show dev ${dev}`)) as { address: string }[])[0]?.address ?? '';

describe('vxlan when the world changes', () => {
  labTest('follows a new underlay address and publishes it', { nodes: 2, ...OPTIONS }, async (lab) => {
    putLeases(lab, FAMILIES);
    const [a, b] = [lab.node(0), lab.node(1)];
    await Promise.all([a.watch(), b.watch()]);
    await Promise.all([a.addPods(), b.addPods()]);
    const indexOf = () => a.netns.sh('cat /sys/class/net/flannel.1/ifindex /sys/class/net/flannel-v6.1/ifindex');
    const before = await indexOf();
    // With the last IPv4 address of a link its routes go too.
    await a.netns.sh(`ip addr del 192.168.10.1/24 dev eth0; ip addr add 192.168.10.101/24 dev eth0
      ip route add default via 192.168.10.254
      ip addr add fd00:192:168:10::101/64 dev eth0 nodad; ip addr del fd00:192:168:10::1/64 dev eth0`);
    const lease = () => readFileSync(join(lab.leases, 'node-a.yaml'), 'utf8');
    await becomes(async () => /192\.168\.10\.101/.test(lease()) && /fd00:192:168:10::101/.test(lease()), true);
    for (const family of each(FAMILIES)) {
      const local = family === '4' ? '192.168.10.101' : 'fd00:192:168:10::101';
      await becomes(
        async () => (await a.netns.ip(`-d link show dev ${DEVICE[family]}`)).includes(`local ${local} `),
        true,
      );
      await becomes(
        async () => (await b.netns.sh(`bridge fdb show dev ${DEVICE[family]}`)).includes(`dst ${local} `),
        true,
      );
      await becomes(() => a.ping(GATEWAY[family](2), GATEWAY[family](1)), 'answer');
    }
    // Changed in place: nothing that stands on the devices had to go.
    expect(await indexOf()).toBe(before);
  });

  labTest('follows the MTU of the underlay, into subnet.env too', { nodes: 1, ...OPTIONS }, async (lab) => {
    const a = lab.node();
    await a.watch();
    await a.netns.ip('link set eth0 mtu 1400');
    await becomes(async () => /FLANNEL_MTU=1330/.test(a.subnetEnv() ?? ''), true);
    expect(await a.netns.ip('link show dev flannel.1')).toContain('mtu 1350 ');
    expect(await a.netns.ip('link show dev flannel-v6.1')).toContain('mtu 1330 ');
  });

  labTest(
    'keeps its MACs across restarts, and devices and leases that are lost',
    { nodes: 1, ...OPTIONS },
    async (lab) => {
      const a = lab.node();
      const macs = () => Promise.all([macOf(a, DEVICE['4']), macOf(a, DEVICE['6'])]);
      await (await a.watch()).stop();
      const before = await macs();
      await a.netns.sh('ip link del flannel.1; ip link del flannel-v6.1');
      await (await a.watch()).stop();
      expect(await macs()).toEqual(before);
      // The lease remembers what peers have learned, whatever somebody made of the device meanwhile.
      await a.netns.sh(
        'ip link set flannel.1 address 02:00:00:00:00:07; ip link set flannel-v6.1 address 02:00:00:00:00:08',
      );
      expect(await a.flan(['apply', '--yes'])).toMatchObject({ code: 0 });
      expect(await macs()).toEqual(before);
      for (const mac of before) expect(readFileSync(join(lab.leases, 'node-a.yaml'), 'utf8')).toContain(mac);
    },
  );

  labTest('carries each family over an interface of its own', { nodes: 2, ...OPTIONS }, async (lab) => {
    putLeases(lab, FAMILIES);
    const [a, b] = [lab.node(0), lab.node(1)];
    for (const [i, { netns }] of lab.nodes.entries()) {
      await lab.wire.sh(`ip link add second${i} type veth peer name eth1 netns ${netns.name}
        ip link set second${i} master br0 up`);
      await netns.sh(`ip -6 addr flush dev eth0 scope global; ip link set eth1 up
        ip addr add fd00:192:168:10::${i + 1}/64 dev eth1 nodad; ip -6 route replace default via fd00:192:168:10::254 dev eth1`);
    }
    await Promise.all([a.watch(), b.watch()]);
    await Promise.all([a.addPods(), b.addPods()]);
    for (const family of each(FAMILIES)) {
      const way = family === '4' ? 'local 192.168.10.1 dev eth0 ' : 'local fd00:192:168:10::1 dev eth1 ';
      expect(await a.netns.ip(`-d link show dev ${DEVICE[family]}`)).toContain(way);
      await becomes(() => a.ping(GATEWAY[family](2), GATEWAY[family](1)), 'answer');
    }
    // What happens to one of them is nothing to the other.
    await a.netns.ip('link set eth1 down');
    expect(await a.ping(GATEWAY['4'](2), GATEWAY['4'](1))).toBe('answer');
    await a.netns.sh(`ip link set eth1 up; ip -6 addr replace fd00:192:168:10::1/64 dev eth1 nodad
      ip -6 route replace default via fd00:192:168:10::254 dev eth1`);
    for (const family of each(FAMILIES)) await becomes(() => a.ping(GATEWAY[family](2), GATEWAY[family](1)), 'answer');
  });

  labTest(
    'sets the MAC that it published again when udev gives the device another, and refuses router advertisements',
    { nodes: 1, ...OPTIONS },
    async (lab) => {
      const a = lab.node();
      await a.watch(['--resync-interval', '1s']);
      const lease = () => readFileSync(join(lab.leases, 'node-a.yaml'), 'utf8');
      const before = lease();
      for (const family of each(FAMILIES)) {
        const [dev, mac] = [DEVICE[family], await macOf(a, DEVICE[family])];
        expect(before).toContain(mac);
        const acceptRa = () => a.netns.sh(`cat /proc/sys/net/ipv6/conf/${dev}/accept_ra`);
        expect(await acceptRa()).toBe('0\n');
        // As MACAddressPolicy=persistent does, at its own time; and twice, as its rules may run again.
        for (const other of ['02:00:00:00:00:07', '02:00:00:00:00:08']) {
          await a.netns.ip(`link set ${dev} address ${other}`);
          await becomes(() => macOf(a, dev), mac);
        }
        // Of this no event tells: it is found by looking.
        await a.netns.sh(`echo 1 > /proc/sys/net/ipv6/conf/${dev}/accept_ra`);
        await becomes(acceptRa, '0\n');
      }
      // What peers have learned was right all the time.
      expect(lease()).toBe(before);
    },
  );

  labTest(
    "drops the old FDB entry with a peer's old MAC, and reads leases without VNI",
    { nodes: 1, ...OPTIONS },
    async (lab) => {
      const a = lab.node();
      const lease = (mac: string, more: object) => ({
        ...peerLease('b', FAMILIES),
        ...{ backendType: 'vxlan', backendData: { ...more, VtepMAC: mac }, backendV6Data: { ...more, VtepMAC: mac } },
      });
      lab.put('node-b.yaml', lease('02:00:00:00:00:01', {}));
      await a.watch();
      const entries = async (dev: string) => (await a.netns.sh(`bridge fdb show dev ${dev} | cut -d' ' -f1`)).trim();
      for (const family of each(FAMILIES)) expect(await entries(DEVICE[family])).toBe('02:00:00:00:00:01');
      lab.put('node-b.yaml', lease('02:00:00:00:00:02', { VNI: 1 }));
      for (const family of each(FAMILIES)) {
        await becomes(() => entries(DEVICE[family]), '02:00:00:00:00:02');
        expect(await a.netns.ip(`neigh show dev ${DEVICE[family]} nud permanent`)).toContain('02:00:00:00:00:02');
      }
    },
  );

  labTest(
    'leaves a device of somebody else under its name alone until told to adopt it',
    { nodes: 1, ...OPTIONS },
    async (lab) => {
      const a = lab.node();
      await a.netns.sh('ip link add flannel.1 type vxlan id 7 dstport 4789 dev eth0; ip link set flannel.1 up');
      const before = await a.netns.ip('-d link show dev flannel.1');
      const refused = await a.flan(['apply', '--yes']);
      expect(refused.code).not.toBe(0);
      expect(refused.stderr).toContain('E_CONFLICT');
      expect(refused.stderr).toContain('link/flannel.1');
      expect(await a.netns.ip('-d link show dev flannel.1')).toBe(before);
      expect(await a.flan(['apply', '--yes', '--adopt'])).toMatchObject({ code: 0 });
      expect(await a.netns.ip('-d link show dev flannel.1')).toMatch(/vxlan id 1 .*dstport 8472/);
      expect((await a.flan(['plan', '--detailed-exitcode'])).code).toBe(0);
    },
  );

  labTest(
    'changes port, VNI and GBP by making the devices anew with all that is on them',
    { nodes: 2, ...OPTIONS },
    async (lab) => {
      putLeases(lab, FAMILIES);
      const [a, b] = [lab.node(0), lab.node(1)];
      for (const node of [a, b, a]) expect(await node.flan(['apply', '--yes'])).toMatchObject({ code: 0 });
      await Promise.all([a.addPods(), b.addPods()]);
      for (const backend of [
        { Port: 4789 },
        { port: 4789, vni: 5 },
        { PORT: 4789, Vni: 5, gbp: true, Learning: true },
      ]) {
        lab.put('network.yaml', vxlanNetwork(FAMILIES, backend));
        for (const node of [a, b, a]) expect(await node.flan(['apply', '--yes'])).toMatchObject({ code: 0 });
        for (const node of [a, b]) expect((await node.flan(['plan', '--detailed-exitcode'])).code).toBe(0);
        for (const family of each(FAMILIES))
          expect(await a.ping(GATEWAY[family](2), GATEWAY[family](1))).toBe('answer');
      }
      expect(await a.netns.ip('-d link show dev flannel.5')).toMatch(/vxlan id 5 .*dstport 4789 (?!nolearning).* gbp/);
      // The devices of the other VNI are gone.
      expect(await a.netns.ip('-br link show type vxlan')).not.toMatch(/\.1 /);
    },
  );

  labTest(
    'DirectRouting: plain routes on the same link, the tunnel across a router, decided again when the underlay changes',
    {
      nodes: 3,
      ...OPTIONS,
      needs: ['vxlan', 'iptables', 'ip6tables'],
      network: vxlanNetwork(FAMILIES, { DirectRouting: true }),
    },
    async (lab) => {
      const [a, b] = [lab.node(0), lab.node(1)];
      const { moved } = await moveBehindRouter(lab);
      putLeases(lab, FAMILIES);
      lab.put('node-c.yaml', {
        ...peerLease('c', FAMILIES),
        publicIP: '192.168.20.3',
        publicIPv6: 'fd00:192:168:20::3',
      });
      await Promise.all([a, b, moved].map((node) => node.watch()));
      await Promise.all([a, b, moved].map((node) => node.addPods()));
      const kindTo = async (family: '4' | '6', n: number) =>
        / dev eth0 /.test(await a.netns.ip(`-${family} route show ${SUBNET[family](n)}`)) ? 'direct' : 'tunnel';
      const check = async (expected: readonly string[]) => {
        for (const family of each(FAMILIES)) {
          for (const [i, kind] of expected.entries()) {
            await becomes(() => kindTo(family, i + 2), kind);
            await becomes(() => a.ping(GATEWAY[family](i + 2), GATEWAY[family](1)), 'answer');
          }
          const tunnels = expected.filter((kind) => kind === 'tunnel').length;
          const count = async (command: string) =>
            (await a.netns.sh(command))
              .trim()
              .split('\n')
              .filter((line) => line !== '').length;
          await becomes(() => count(`bridge fdb show dev ${DEVICE[family]}`), tunnels);
          await becomes(() => count(`ip neigh show dev ${DEVICE[family]} nud permanent`), tunnels);
        }
      };
      await check(['direct', 'tunnel']);
      // Somebody routes b by way of the router, and then c over the link itself.
      await a.netns.sh(
        'ip route add 192.168.10.2/32 via 192.168.10.254; ip -6 route add fd00:192:168:10::2/128 via fd00:192:168:10::254',
      );
      await check(['tunnel', 'tunnel']);
      await a.netns.sh('ip route del 192.168.10.2/32; ip -6 route del fd00:192:168:10::2/128');
      await a.netns.sh('ip route add 192.168.20.0/24 dev eth0; ip -6 route add fd00:192:168:20::/64 dev eth0');
      await moved.netns.sh('ip route add 192.168.10.0/24 dev eth0; ip -6 route add fd00:192:168:10::/64 dev eth0');
      await check(['direct', 'direct']);
      expect(await overlayState(a, FAMILIES)).toContain('via 192.168.20.3 dev eth0');
    },
  );
});
