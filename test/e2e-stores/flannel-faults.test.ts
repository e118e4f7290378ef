import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { Lab, LabNode } from '../support/lab.js';
import { type EtcdLab, etcdLabs, eventually, HOST_GW, VXLAN } from './etcd-lab.js';

// What flanneld 0.28 does wrong, case by case, and what flan does in its place. Beside these:
// 200 nodes at once on 254 subnets, and five behind one address: test/leases/etcd/acquire.test.ts;
// events while the connection is cut again and again: test/leases/etcd/faults.test.ts.
const test = etcdLabs();

async function withPeers(lab: EtcdLab, count: number): Promise<void> {
  for (let n = 2; n < 2 + count; n++) await lab.put(`10.5.${n}.0/24`, `192.168.10.${n}`);
}

describe('entries that are no leases', () => {
  test('a value that is not JSON costs its own lease alone, not all 50', { config: HOST_GW }, async (lab) => {
    await withPeers(lab, 50);
    const node = lab.node();
    const daemon = await lab.ready(node);
    expect(await node.routes()).toHaveLength(50);
    await lab.putKey('subnets/10.5.99.0-24', 'not json');
    const { entry, error } = await daemon.until('quarantined');
    expect(entry).toContain('10.5.99.0-24');
    expect(error).toMatchObject({ code: 'E_LEASE', message: expect.stringContaining('not JSON') });
    await lab.put('10.5.60.0/24', '192.168.10.60');
    await daemon.until('applied', ({ changes }) => changes.some(({ key }) => key.includes('10.5.60.0')));
    expect(await node.routes()).toHaveLength(51);
    expect(daemon.events.filter(({ type }) => type === 'quarantined')).toHaveLength(1);
    await daemon.stop();
    // And so it is at a start.
    const again = await lab.ready(node);
    expect(await node.routes()).toHaveLength(51);
    await again.stop();
  });

  test('a key that merely begins like the folder is nothing', { config: HOST_GW }, async (lab) => {
    await withPeers(lab, 3);
    const node = lab.node();
    const daemon = await lab.ready(node);
    const from = daemon.mark();
    await lab.putKey('subnets-note', 'hello');
    await lab.putKey('subnets', 'hello');
    await lab.put('10.5.60.0/24', '192.168.10.60');
    await daemon.until('applied', () => true, from);
    expect(await node.routes()).toHaveLength(4);
    expect(daemon.events.filter(({ type }) => type === 'quarantined')).toEqual([]);
  });
});

test('cut off while a lease goes, one changes, one comes and history is compacted', {
  config: HOST_GW,
}, async (lab) => {
  await withPeers(lab, 4);
  const node = lab.node();
  const daemon = await lab.ready(node);
  const before = await node.routes();
  lab.proxy.refuse();
  await daemon.until('store', ({ state }) => state === 'disconnected');
  await lab.removeKey('subnets/10.5.2.0-24');
  await lab.put('10.5.3.0/24', '192.168.10.33');
  await lab.put('10.5.60.0/24', '192.168.10.60');
  await lab.compact();
  expect(await node.routes()).toEqual(before);
  const from = daemon.mark();
  lab.proxy.resume();
  await daemon.until('applied', () => true, from);
  expect([...(await node.routes())].sort()).toEqual([
    '10.5.3.0/24 via 192.168.10.33 dev eth0',
    '10.5.4.0/24 via 192.168.10.4 dev eth0',
    '10.5.5.0/24 via 192.168.10.5 dev eth0',
    '10.5.60.0/24 via 192.168.10.60 dev eth0',
  ]);
  const applied = daemon.events.slice(from).flatMap((event) => (event.type === 'applied' ? event.changes : []));
  expect(applied.map(({ action, key }) => `${action} ${key}`).sort()).toEqual([
    'create route/main/10.5.60.0/24',
    'delete route/main/10.5.2.0/24',
    'update route/main/10.5.3.0/24',
  ]);
  expect(daemon.events.filter(({ type }) => type === 'lease-lost')).toEqual([]);
});

test('the own key deleted: it is back, and everything goes on', { config: HOST_GW }, async (lab) => {
  await withPeers(lab, 1);
  const daemon = await lab.ready(lab.node());
  const { lease } = await daemon.until('lease');
  const from = daemon.mark();
  await lab.removeKey(`subnets/${lease.key}`);
  await daemon.until('lease', (event) => event.why === 'renewed' && event.lease.key === lease.key, from);
  expect((await lab.stored())[lease.key]).toMatchObject({ NodeID: 'id-a' });
  await lab.put('10.5.60.0/24', '192.168.10.60');
  await daemon.until('applied', () => true, from);
  expect((await daemon.stop()).code).toBe(0);
});

describe('many at once', () => {
  const SIX = { ...HOST_GW, SubnetMin: '10.5.1.0', SubnetMax: '10.5.6.0' };

  test('8 on 6 subnets: 6 have one each, 2 say what is full', { config: SIX }, async (lab) => {
    const names = Array.from({ length: 8 }, (_, i) => `node-${i}`);
    const ends = await Promise.all(names.map((name) => lab.flanAs(name, ['lease', 'acquire'])));
    const won = ends.filter(({ code }) => code === 0).map(({ stdout }) => JSON.parse(stdout).lease.ipv4.subnet);
    expect(new Set(won).size).toBe(6);
    const lost = ends.filter(({ code }) => code !== 0);
    expect(lost.map(({ code, stdout }) => [code, JSON.parse(stdout).error.code])).toEqual([
      [1, 'E_SUBNETS_EXHAUSTED'],
      [1, 'E_SUBNETS_EXHAUSTED'],
    ]);
  });

  test('behind one public address: each has its own', { config: HOST_GW }, async (lab) => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const ends = await Promise.all(names.map((name) => lab.flanAs(name, ['lease', 'acquire'])));
    const leases = ends.map(({ stdout }) => JSON.parse(stdout).lease);
    expect(new Set(leases.map(({ key }) => key)).size).toBe(5);
    expect(new Set(leases.map(({ ipv4 }) => ipv4.publicIp))).toEqual(new Set(['192.168.10.1']));
  });
});

const subnetOf = (node: LabNode, name = 'FLANNEL_SUBNET'): string =>
  new RegExp(`^${name}=(.*)$`, 'm').exec(node.subnetEnv() ?? '')?.[1] ?? '';

const V6 = { EnableIPv6: true, IPv6Network: 'fd00:10:5::/48' };

test('IPv6 only: two nodes, two subnets, and packets between them', {
  nodes: 2,
  families: '6',
  config: { EnableIPv4: false, ...V6, Backend: { Type: 'host-gw' } },
}, async (lab) => {
  const daemons = await Promise.all(lab.nodes.map((node) => lab.ready(node)));
  const [a, b] = [lab.node(0), lab.node(1)];
  const keys = Object.keys(await lab.stored());
  expect(keys).toHaveLength(2);
  for (const key of keys) expect(key).toMatch(/^0\.0\.0\.0-0&fd00:10:5:[0-9a-f]+::-64$/);
  await bothReach(lab);
  await Promise.all([a.addPods(), b.addPods()]);
  const [from, to] = [a, b].map((node) => subnetOf(node, 'FLANNEL_IPV6_SUBNET').replace(/\/.*/, ''));
  expect(await a.ping(to ?? '', from ?? '')).toBe('answer');
  await Promise.all(daemons.map((daemon) => daemon.stop()));
});

/** Each of the two nodes has its routes to the other. */
const bothReach = ({ nodes }: Pick<Lab, 'nodes'>): Promise<void> =>
  eventually(async () => {
    const counts = await Promise.all(nodes.map(async (node) => (await node.routes()).length));
    return counts.every((count) => count === 1);
  });

test('dual stack: one key for both halves, six lines in subnet.env', {
  families: '46',
  config: { ...HOST_GW, ...V6 },
}, async (lab) => {
  await lab.ready(lab.node());
  const [key] = Object.keys(await lab.stored());
  expect(key).toMatch(/^10\.5\.\d+\.0-24&fd00:10:5:[0-9a-f]+::-64$/);
  expect(
    lab
      .node()
      .subnetEnv()
      ?.trim()
      .split('\n')
      .map((line) => line.split('=')[0]),
  ).toEqual([
    'FLANNEL_NETWORK',
    'FLANNEL_SUBNET',
    'FLANNEL_IPV6_NETWORK',
    'FLANNEL_IPV6_SUBNET',
    'FLANNEL_MTU',
    'FLANNEL_IPMASQ',
  ]);
});

test('a reservation that is used stays a reservation', { config: HOST_GW }, async (lab) => {
  await lab.put('10.5.7.0/24', '192.168.10.1');
  const daemon = await lab.ready(lab.node(), ['--lease-ttl', '3s', '--lease-renew-margin', '2s']);
  expect(subnetOf(lab.node())).toBe('10.5.7.1/24');
  expect(await lab.permanent()).toEqual(['10.5.7.0-24']);
  await daemon.stop();
  expect(await lab.permanent()).toEqual(['10.5.7.0-24']);
});

const peerData = (n: number) => ({ VNI: 1, VtepMAC: `0e:00:00:00:00:0${n}` });
const putVxlan = (lab: EtcdLab, n: number) => {
  const value = { PublicIP: `192.168.10.${n}`, PublicIPv6: null, BackendType: 'vxlan', BackendData: peerData(n) };
  return lab.putKey(`subnets/10.5.${n}.0-24`, JSON.stringify(value));
};

describe('vxlan', () => {
  test('one neighbour removed by hand, that lease deleted: the next lease does not wait for it', {
    config: VXLAN,
    needs: ['vxlan'],
  }, async (lab) => {
    for (const n of [2, 3]) await putVxlan(lab, n);
    const node = lab.node();
    const daemon = await lab.ready(node);
    const from = daemon.mark();
    await node.netns.ip('neigh del 10.5.2.0 dev flannel.1');
    await lab.removeKey('subnets/10.5.2.0-24');
    await putVxlan(lab, 4);
    await daemon.until('applied', ({ changes }) => changes.some(({ key }) => key.includes('10.5.4.0')), from);
    await eventually(async () => (await node.routes()).every((route) => !route.startsWith('10.5.2.0')));
    const neighbours = (await node.netns.ip('neigh show dev flannel.1')).trim().split('\n');
    expect(neighbours.map((line) => line.split(' ')[0]).sort()).toEqual(['10.5.3.0', '10.5.4.0']);
    expect(daemon.events.filter(({ type }) => type === 'failed')).toEqual([]);
  });

  test('behind 1:1 NAT the device sends from the address that the host has', {
    config: VXLAN,
    needs: ['vxlan'],
  }, async (lab) => {
    const node = lab.node();
    await lab.ready(node, ['--public-ip=192.168.99.1', '--iface=eth0']);
    const [link] = (await node.netns.ipJson('-d link show dev flannel.1')) as {
      linkinfo: { info_data: { local: string } };
    }[];
    expect(link?.linkinfo.info_data.local).toBe('192.168.10.1');
    expect(Object.values(await lab.stored()).map(({ PublicIP }) => PublicIP)).toEqual(['192.168.99.1']);
  });

  test('two nodes that start together find each other', { nodes: 2, config: VXLAN, needs: ['vxlan'] }, async (lab) => {
    await Promise.all(lab.nodes.map((node) => lab.ready(node)));
    await bothReach(lab);
    const [a, b] = [lab.node(0), lab.node(1)];
    await Promise.all([a.addPods(), b.addPods()]);
    const [from, to] = [a, b].map((node) => subnetOf(node).replace(/\/.*/, ''));
    expect(await a.ping(to ?? '', from ?? '')).toBe('answer');
  });
});

describe('what nobody can wait for', () => {
  for (const [what, config] of [
    ['config that is no JSON', '{"Network":'],
    ['SubnetMin outside of Network', { ...HOST_GW, SubnetMin: '10.6.0.0' }],
    ['SubnetMin after SubnetMax', { ...HOST_GW, SubnetMin: '10.5.9.0', SubnetMax: '10.5.3.0' }],
  ] as const) {
    test(`${what}: says so and ends`, { config }, async (lab) => {
      const { code, stderr } = await lab.watch(lab.node()).ended;
      expect(stderr).toMatch(/^Error E_NETWORK_CONFIG: /);
      expect(stderr).toContain(`${lab.prefix}/config`);
      expect(code).toBe(78);
    });
  }

  test('an unknown flag: exit 64', { config: HOST_GW }, async (lab) => {
    const { code, stderr } = await lab.flan(lab.node(), ['watch', '--etcd-endpoint', 'x']);
    expect(stderr).toMatch(/Did you mean --etcd-endpoints\?/);
    expect(code).toBe(64);
  });
});

describe('the own lease', () => {
  test('written over by anybody is published anew at once', { config: VXLAN }, async (lab) => {
    const daemon = await lab.ready(lab.node());
    const [[key = '', mine] = []] = Object.entries(await lab.stored());
    const isMine = async () => JSON.stringify((await lab.stored())[key]) === JSON.stringify(mine);
    const wrong = [
      'garbage',
      JSON.stringify({ ...mine, BackendData: { VNI: 1, VtepMAC: '0e:00:00:00:00:99' } }),
      JSON.stringify({ ...mine, PublicIP: '192.168.10.99' }),
    ];
    for (const value of wrong) {
      const mark = daemon.mark();
      await lab.putKey(`subnets/${key}`, value);
      await daemon.until('warning', ({ warning }) => warning.code === 'W_LEASE_OVERWRITTEN', mark);
      expect(await isMine()).toBe(true);
    }
    await daemon.stop();
  });

  test('comes back, and no route goes, when etcd has lost everything', { nodes: 3, config: HOST_GW }, async (lab) => {
    const daemons = await Promise.all(lab.nodes.map((node) => lab.ready(node)));
    const allRoutes = () => Promise.all(lab.nodes.map(async (node) => (await node.routes()).join()));
    await eventually(async () => (await allRoutes()).every((routes) => routes.split(',').length === 2));
    const before = [await allRoutes(), Object.keys(await lab.stored()).sort()];
    const log = (node: LabNode) => join(lab.dir, `${node.name}.monitor`);
    for (const node of lab.nodes) {
      await node.netns.sh(`ip monitor route > ${log(node)} 2>&1 & echo $! > ${log(node)}.pid; sleep 0.2`);
      lab.onEnd(() => node.netns.sh(`kill $(cat ${log(node)}.pid) || true`));
    }
    await lab.server.kill();
    lab.server.wipe();
    await lab.server.start();
    await lab.configure(HOST_GW);
    await eventually(async () => Object.keys(await lab.stored()).length === 3);
    await eventually(async () =>
      (await Promise.all(lab.nodes.map(async (node) => (await lab.flan(node, ['status', '--json'])).stdout))).every(
        (text) => !text.includes('"guard"'),
      ),
    );
    expect([await allRoutes(), Object.keys(await lab.stored()).sort()]).toEqual(before);
    for (const node of lab.nodes) expect(readFileSync(log(node), 'utf8')).not.toContain('Deleted');
    for (const daemon of daemons) await daemon.stop();
  });
});
