import { rmSync, writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { type LabFamilies, labTest, peerLease } from '../support/lab.js';

const ADDRESSES = {
  '4': ['10.244.1.1', '10.244.2.1'],
  '6': ['fd00:10:244:1::1', 'fd00:10:244:2::1'],
} as const;

const ROUTE_TO_B = {
  '4': '10.244.2.0/24 via 192.168.10.2 dev eth0',
  '6': 'fd00:10:244:2::/64 via fd00:192:168:10::2 dev eth0',
} as const;

const ENV = {
  '4': 'FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.1.1/24\n',
  '6': 'FLANNEL_IPV6_NETWORK=fd00:10:244::/48\nFLANNEL_IPV6_SUBNET=fd00:10:244:1::1/64\n',
} as const;

const each = (families: LabFamilies): ('4' | '6')[] => [...families] as ('4' | '6')[];
const envOf = (families: LabFamilies, mtu = 1500): string =>
  [...each(families).map((family) => ENV[family]), `FLANNEL_MTU=${mtu}\nFLANNEL_IPMASQ=false\n`].join('');

describe('host-gw', () => {
  for (const families of ['4', '6', '46'] as const) {
    const name = `carries packets between two nodes over IPv${each(families).join(' and IPv')}`;
    labTest(name, { nodes: 2, families }, async (lab) => {
      const [a, b] = [lab.node(0), lab.node(1)];
      const before = await a.foreignRoutes();
      for (const node of [a, b]) {
        const applied = await node.flan(['apply', '--yes']);
        expect(applied).toMatchObject({ code: 0, stderr: '' });
        expect(applied.stdout).toMatch(/^Applied: .*verified\.$/m);
      }
      expect(await a.routes()).toEqual(each(families).map((family) => ROUTE_TO_B[family]));
      expect(await a.foreignRoutes()).toBe(before);
      expect(a.subnetEnv()).toBe(envOf(families));
      await Promise.all([a.addPods(), b.addPods()]);
      for (const family of each(families)) {
        const [source, target] = ADDRESSES[family];
        expect(await a.ping(target, source)).toBe('answer');
      }
    });
  }

  labTest('follows its peers from one apply to the next, and destroy leaves what it found', {}, async (lab) => {
    const a = lab.node();
    await a.netns.sh(
      'ip route add 10.244.77.0/24 via 192.168.10.77 proto static; ip route add 10.9.0.0/16 via 192.168.10.9 proto 70; ip route add blackhole 10.244.2.0/24 metric 9 proto bird',
    );
    const found = await a.netns.ip('-N route show table all');
    const before = await a.foreignRoutes();
    for (const letter of ['b', 'c', 'd']) lab.put(`node-${letter}.yaml`, peerLease(letter));
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    lab.put('node-c.yaml', { ...peerLease('c'), publicIP: '192.168.10.33' });
    lab.remove('node-d.yaml');
    const plan = await a.flan(['plan']);
    expect(plan.stdout).toMatch(/- +delete +route\/main\/10\.244\.4\.0\/24 .*\n +no lease asks for it any more\n/);
    expect(plan.stdout).toMatch(/~ +update +route\/main\/10\.244\.3\.0\/24 +via 192\.168\.10\.3 → 192\.168\.10\.33\n/);
    expect(plan.stdout).toMatch(/^Plan: 1 to delete, 1 to update; 2 unchanged;/m);
    expect((await a.flan(['apply', '--yes'])).stdout).toMatch(/^Applied: 1 deleted, 1 updated; verified\.$/m);
    // The one with our mark lies outside the network: another flan's.
    expect(await a.routes()).toEqual([
      '10.9.0.0/16 via 192.168.10.9 dev eth0',
      '10.244.2.0/24 via 192.168.10.2 dev eth0',
      '10.244.3.0/24 via 192.168.10.33 dev eth0',
    ]);
    expect(await a.foreignRoutes()).toBe(before);
    const destroyed = await a.flan(['destroy', '--yes', '--json']);
    expect(destroyed.code).toBe(0);
    expect(JSON.parse(destroyed.stdout)).toMatchObject({ verified: true, left: [] });
    expect(await a.netns.ip('-N route show table all')).toBe(found);
    expect(a.subnetEnv()).toBeUndefined();
    expect((await a.flan(['destroy', '--yes'])).stdout).toMatch(/^No changes;/m);
  });

  labTest('removes what an earlier network left, known from subnet.env', { families: '46' }, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b', '46'));
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    lab.remove('node-a.yaml');
    lab.remove('node-b.yaml');
    lab.put('network.yaml', { Network: '10.245.0.0/16', Backend: { Type: 'host-gw' } });
    lab.put('node-b.yaml', { node: 'node-b', subnet: '10.245.2.0/24', publicIP: '192.168.10.2' });
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    expect(await a.routes()).toEqual(['10.245.2.0/24 via 192.168.10.2 dev eth0']);
    expect(a.subnetEnv()).toMatch(/^FLANNEL_NETWORK=10\.245\.0\.0\/16\nFLANNEL_SUBNET=10\.245\.\d+\.1\/24\n/);
  });
});

describe('alloc', () => {
  labTest(
    'holds a lease of both families, writes subnet.env and carries nothing',
    {
      families: '46',
      network: {
        Network: '10.244.0.0/16',
        EnableIPv6: true,
        IPv6Network: 'fd00:10:244::/48',
        Backend: { Type: 'alloc' },
      },
    },
    async (lab) => {
      lab.put('node-b.yaml', peerLease('b', '46'));
      const a = lab.node();
      expect((await a.flan(['apply', '--yes'])).code).toBe(0);
      expect(await a.routes()).toEqual([]);
      expect(a.subnetEnv()).toBe(envOf('46'));
    },
  );
});

describe('the own lease', () => {
  labTest(
    'is acquired once, and the subnet in subnet.env is taken back when the lease is gone',
    { subnets: 'drawn' },
    async (lab) => {
      const a = lab.node();
      const shown = await a.flan(['plan']);
      expect(shown.stdout).toContain('(known after apply) for 192.168.10.1');
      expect((await a.flan(['show leases', '--json'])).stdout).not.toContain('id-a');
      expect((await a.flan(['apply', '--yes'])).code).toBe(0);
      const env = a.subnetEnv();
      expect(env).toMatch(/^FLANNEL_SUBNET=10\.244\.\d+\.1\/24$/m);
      const again = await a.flan(['apply', '--yes']);
      expect(again).toMatchObject({ code: 0, stdout: expect.stringMatching(/^No changes; /m) });
      const file = `${/SUBNET=(.*)\.1\/24/.exec(env ?? '')?.[1]}.0-24.json`;
      lab.remove(file);
      expect((await a.flan(['apply', '--yes'])).code).toBe(0);
      expect(a.subnetEnv()).toBe(env);
      const { subnet, nodeId } = JSON.parse((await a.netns.sh(`cat ${lab.leases}/${file}`)) || '{}');
      expect({ subnet, nodeId }).toEqual({ subnet: file.replace('-24.json', '/24'), nodeId: 'id-a' });
    },
  );

  labTest('gives nodes that start at once a subnet each', { nodes: 3, subnets: 'drawn' }, async (lab) => {
    const runs = await Promise.all(lab.nodes.map((node) => node.flan(['apply', '--yes'])));
    expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
    const subnets = lab.nodes.map((node) => /^FLANNEL_SUBNET=(.*)$/m.exec(node.subnetEnv() ?? '')?.[1]);
    expect(new Set(subnets).size).toBe(3);
  });
});

describe('subnet.env', () => {
  labTest(
    'is put right by apply when somebody edits it, changes its mode or the MTU, or takes it away',
    {},
    async (lab) => {
      const a = lab.node();
      expect((await a.flan(['apply', '--yes'])).code).toBe(0);
      for (const disturb of [
        async () => writeFileSync(a.subnetFile, 'FLANNEL_SUBNET=1.2.3.4/5\nFLANNEL_MTU=lots\n\0'),
        () => a.netns.sh(`chmod 600 ${a.subnetFile}`),
        async () => rmSync(a.subnetFile),
      ]) {
        await disturb();
        expect((await a.flan(['plan', '--detailed-exitcode'])).code).toBe(2);
        expect((await a.flan(['apply', '--yes'])).stdout).toMatch(/^Applied: 1 (created|updated); verified\.$/m);
        expect(a.subnetEnv()).toBe(envOf('4'));
      }
      await a.netns.ip('link set eth0 mtu 1400');
      expect((await a.flan(['apply', '--yes'])).code).toBe(0);
      expect(a.subnetEnv()).toBe(envOf('4', 1400));
      expect((await a.netns.sh(`stat -c %a ${a.subnetFile}`)).trim()).toBe('644');
    },
  );
});
