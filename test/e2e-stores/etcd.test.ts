import { expect, vi } from 'vitest';
import { startEtcd } from '../support/etcd.js';
import { startDaemon } from '../support/lab-daemon.js';
import { etcdLabs, eventually, HOST_GW } from './etcd-lab.js';

// Servers go and come back, and what waits for them backs off.
vi.setConfig({ testTimeout: 90_000 });

const test = etcdLabs();
const viaB = '10.5.2.0/24 via 192.168.10.2 dev eth0';
const viaC = '10.5.3.0/24 via 192.168.10.3 dev eth0';
const SHORT = ['--lease-ttl', '3s', '--lease-renew-margin', '2s'];

test('acquires, publishes, renews, and ends well with everything in place', { config: HOST_GW }, async (lab) => {
  await lab.put('10.5.2.0/24', '192.168.10.2');
  const node = lab.node();
  const daemon = await lab.ready(node, SHORT);
  const held = await daemon.until('lease');
  const key = held.lease.key;
  expect((await lab.stored())[key]).toEqual({
    ...{ PublicIP: '192.168.10.1', PublicIPv6: null, BackendType: 'host-gw' },
    ...{ NodeName: 'node-a', NodeID: 'id-a' },
  });
  expect(await node.routes()).toEqual([viaB]);
  // Three renewals take longer than the lease lasts: it stands because it is renewed.
  for (let i = 0; i < 3; i++) await daemon.until('lease', ({ why }) => why === 'renewed', daemon.mark());
  expect(Object.keys(await lab.stored())).toContain(key);
  expect(await lab.permanent()).toEqual(['10.5.2.0-24']);
  expect(daemon.events.filter(({ type }) => type === 'lease-lost' || type === 'failed')).toEqual([]);
  expect(await daemon.stop()).toMatchObject({ code: 0, stderr: '' });
  expect(await node.routes()).toEqual([viaB]);
  expect(node.subnetEnv()).toMatch(/^FLANNEL_SUBNET=10\.5\./m);
});

test('restarted, it has the same subnet, and removes what went meanwhile', { config: HOST_GW }, async (lab) => {
  await lab.put('10.5.2.0/24', '192.168.10.2');
  await lab.put('10.5.3.0/24', '192.168.10.3');
  const node = lab.node();
  const first = await lab.ready(node);
  await first.stop();
  const env = node.subnetEnv();
  await lab.removeKey('subnets/10.5.2.0-24');
  expect(await node.routes()).toEqual([viaB, viaC]);
  const second = await lab.ready(node);
  expect(await node.routes()).toEqual([viaC]);
  expect(node.subnetEnv()).toBe(env);
  await second.stop();
});

test('another node takes the lease: nothing more is done, nothing is undone, exit 9', {
  config: HOST_GW,
}, async (lab) => {
  await lab.put('10.5.2.0/24', '192.168.10.2');
  const node = lab.node();
  const daemon = await lab.ready(node);
  const { lease } = await daemon.until('lease');
  await lab.put(lease.ipv4?.subnet ?? '', '192.168.10.9', { node: 'node-z', nodeId: 'id-z' });
  const lost = await daemon.until('lease-lost');
  expect(lost.error).toMatchObject({ code: 'E_LEASE_LOST', message: expect.stringContaining('node-z') });
  const end = await daemon.ended;
  expect(end.code).toBe(9);
  expect(end.stderr).toMatch(/^Error E_LEASE_LOST: .*node-z/);
  await lab.put('10.5.3.0/24', '192.168.10.3');
  expect(await node.routes()).toEqual([viaB]);
  expect(node.subnetEnv()).toContain('FLANNEL_SUBNET=');
  expect((await lab.stored())[lease.key]).toMatchObject({ NodeID: 'id-z' });
});

test('the own key deleted and at once taken by another node: the same', { config: HOST_GW }, async (lab) => {
  const daemon = await lab.ready(lab.node());
  const { lease } = await daemon.until('lease');
  lab.proxy.refuse();
  await daemon.until('store', ({ state }) => state === 'disconnected');
  await lab.removeKey(`subnets/${lease.key}`);
  await lab.put(lease.ipv4?.subnet ?? '', '192.168.10.9', { node: 'node-z', nodeId: 'id-z' });
  lab.proxy.resume();
  expect((await daemon.ended).code).toBe(9);
});

test('no network config yet: one line, and on it goes when there is one', {}, async (lab) => {
  const node = lab.node();
  for (const command of ['plan', 'apply', 'lease acquire']) {
    expect(await lab.flan(node, [command])).toMatchObject({
      code: 78,
      stderr: expect.stringMatching(/^Error E_NETWORK_MISSING: .*\/config does not exist\n.*\n.*etcdctl put/),
    });
  }
  const daemon = lab.watch(node);
  const { error } = await daemon.until('waiting');
  expect(error).toMatchObject({ code: 'E_NETWORK_MISSING' });
  await lab.configure(HOST_GW);
  await daemon.until('ready');
  expect(daemon.events.filter(({ type }) => type === 'waiting')).toHaveLength(1);
  expect((await daemon.stop()).code).toBe(0);
});

test('no server yet: told once, SIGTERM is heard, and on it goes when there is one', {}, async (lab) => {
  const node = lab.node();
  const server = await startEtcd();
  lab.onEnd(() => server.close());
  await server.ctl('put', '/coreos.com/network/config', JSON.stringify(HOST_GW));
  await server.kill();
  const flags = ['--store', 'etcd', '--etcd-endpoints', server.endpoint];
  for (const command of ['plan', 'apply', 'validate', 'lease list']) {
    const { code, stderr } = await node.flan([command, ...flags]);
    expect(stderr).toMatch(/^Error E_STORE_UNREACHABLE: /);
    expect(stderr).toContain(server.endpoint);
    expect(code).toBe(69);
  }
  const start = () => {
    const daemon = startDaemon(node.start(['watch', '--json', ...flags]));
    lab.onEnd(() => daemon.kill());
    return daemon;
  };
  const impatient = start();
  await impatient.until('waiting');
  expect(await impatient.stop()).toMatchObject({ code: 0, stderr: '' });
  const daemon = start();
  expect((await daemon.until('waiting')).error.code).toBe('E_STORE_UNREACHABLE');
  await server.start();
  await daemon.until('ready');
  expect(daemon.events.filter(({ type }) => type === 'waiting')).toHaveLength(1);
  expect((await daemon.stop()).code).toBe(0);
});

test('the server goes away: nothing changes, not even at a resync', { config: HOST_GW }, async (lab) => {
  await lab.put('10.5.2.0/24', '192.168.10.2');
  const node = lab.node();
  const daemon = await lab.ready(node, ['--resync-interval', '1s']);
  const from = daemon.mark();
  lab.proxy.refuse();
  await daemon.until('store', ({ state }) => state === 'disconnected', from);
  await daemon.until('resync', () => true, from);
  // Drift is still healed: that takes no store.
  await node.netns.ip('route del 10.5.2.0/24');
  await daemon.until('healed', () => true, from);
  expect(await node.routes()).toEqual([viaB]);
  const back = daemon.mark();
  lab.proxy.resume();
  await daemon.until('store', ({ state }) => state === 'connected', back);
  await lab.put('10.5.3.0/24', '192.168.10.3');
  await eventually(async () => (await node.routes()).length === 2);
  const touched = daemon.events.slice(from).flatMap((event) => (event.type === 'applied' ? event.changes : []));
  expect(touched.map(({ action, key }) => `${action} ${key}`)).toEqual([
    'create route/main/10.5.2.0/24',
    'create route/main/10.5.3.0/24',
  ]);
});
