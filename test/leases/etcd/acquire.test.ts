import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EtcdStoreOptions } from '../../../src/leases/etcd/index.js';
import type { LeaseStore } from '../../../src/leases/store.js';
import { overlaps } from '../../../src/model/ip.js';
import { type Lease, subnetsOf } from '../../../src/model/lease.js';
import { type EtcdServer, startEtcd } from '../../support/etcd.js';
import { type LeaseParts, network, prefix, request, stack } from '../support.js';
import { freshPrefix, storeOf } from './bed.js';

let server: EtcdServer;
const open: LeaseStore[] = [];
beforeAll(async () => {
  server = await startEtcd();
});
afterAll(async () => {
  for (const store of open) await store.close();
  await server.close();
});

const never = new AbortController().signal;

function place(options: Partial<EtcdStoreOptions> = {}) {
  const root = freshPrefix();
  const key = (name: string) => `${root}/subnets/${name}`;
  return {
    root,
    key,
    store: (more: Partial<EtcdStoreOptions> = {}): LeaseStore => {
      const store = storeOf({ endpoints: [server.endpoint], prefix: root, ...options, ...more });
      open.push(store);
      return store;
    },
    put: (name: string, value: string, ...args: string[]) => server.ctl('put', key(name), value, ...args),
    value: async (name: string) => (await server.ctl('get', '--print-value-only', key(name))).trim(),
    stored: async (name: string) => {
      const text = await server.ctl('get', key(name), '-w', 'json');
      // A lease id has more digits than a JavaScript number.
      return {
        revision: Number(/"mod_revision":(\d+)/.exec(text)?.[1]),
        lease: BigInt(/"lease":(\d+)/.exec(text)?.[1] ?? 0),
      };
    },
    names: async () =>
      (await server.ctl('get', '--prefix', '--keys-only', key('')))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.slice(key('').length)),
  };
}

const wide = network({ ipv4: stack('10.20.0.0/16', 24, '10.20.1.0', '10.20.254.0') });
const two = { ipv4: stack('10.3.0.0/16', 24, '10.3.1.0', '10.3.2.0') };
const sixes = { ipv6: stack('fd00:3::/48', 64, 'fd00:3:0:1::', 'fd00:3:0:fe::') };

/** No two of them have an address in common. */
function expectDistinct(leases: readonly Lease[]): void {
  const all = leases.flatMap(subnetsOf);
  expect(new Set(all).size).toBe(all.length);
  const clash = all.flatMap((a, i) => all.slice(i + 1).filter((b) => overlaps(a, b)));
  expect(clash).toEqual([]);
}

const herd = (stores: readonly LeaseStore[], count: number, of: LeaseParts & { network: typeof wide }) =>
  Promise.all(
    Array.from({ length: count }, (_, i) => {
      const parts = { network: of.network, node: `n${i}`, nodeId: `id${i}` };
      const ips = of.network.ipv4 ? { ip: `192.0.2.${i % 250}` } : { ip6: `fd00:9::${i + 1}` };
      const store = stores[i % stores.length];
      return (store as LeaseStore).acquire(request({ ...parts, ...ips }), never);
    }),
  );

test('200 nodes at once on 254 subnets get 200 distinct leases', async () => {
  const at = place();
  const stores = Array.from({ length: 10 }, () => at.store());
  const leases = await herd(stores, 200, { network: wide });
  expectDistinct(leases);
  expect((await at.names()).sort()).toEqual(leases.map((lease) => lease.key as string).sort());
});

test('dual-stack nodes that start at once share neither half', async () => {
  const at = place();
  const stores = Array.from({ length: 6 }, () => at.store());
  const leases = await herd(stores, 40, { network: network({ ...(wide.ipv4 && { ipv4: wide.ipv4 }), ...sixes }) });
  expectDistinct(leases);
  const [first] = leases;
  expect(first?.key).toBe(`${first?.ipv4?.subnet.replace('/', '-')}&${first?.ipv6?.subnet.replace('/', '-')}`);
});

test('nodes that know one family and nodes that know both, at once: no subnet twice', async () => {
  const at = place();
  const few = stack('10.20.0.0/16', 24, '10.20.1.0', '10.20.30.0');
  const stores = Array.from({ length: 6 }, () => at.store());
  const [four, both] = [network({ ipv4: few }), network({ ipv4: few, ...sixes })];
  const ask = (n: number) => request({ network: n % 2 ? four : both, node: `n${n}`, nodeId: `id${n}` });
  const leases = await Promise.all(
    Array.from({ length: 30 }, (_, n) => (stores[n % 6] as LeaseStore).acquire(ask(n), never)),
  );
  expectDistinct(leases);
  expect(await at.names()).toHaveLength(30);
});

test('IPv6 only: each node gets a subnet of its own, under the key that flannel uses', async () => {
  const at = place();
  const leases = await herd([at.store(), at.store()], 10, { network: network(sixes) });
  expectDistinct(leases);
  expect(leases[0]?.key).toMatch(/^0\.0\.0\.0-0&fd00:3:0:[0-9a-f]+::-64$/);
  expect(await at.value(leases[0]?.key ?? '')).toContain('"PublicIP":"0.0.0.0","PublicIPv6":"fd00:9::1"');
});

test('five nodes behind one public address get five subnets', async () => {
  const at = place();
  const ask = (n: number) => request({ nodeId: `id-${n}`, node: `node-${n}`, ip: '192.0.2.1' });
  const leases = await Promise.all([1, 2, 3, 4, 5].map((n) => at.store().acquire(ask(n), never)));
  expectDistinct(leases);
  const again = await Promise.all([1, 2, 3, 4, 5].map((n) => at.store().acquire(ask(n), never)));
  expect(again.map((lease) => lease.key)).toEqual(leases.map((lease) => lease.key));
});

test('value, order of members and etcd lease are flannel’s', async () => {
  const at = place();
  const ask = request({ ip: '192.0.2.1' });
  const lease = await at
    .store()
    .acquire({ ...ask, published: { 4: { ...ask.published[4], backendData: { VtepMAC: 'x' } } } }, never);
  expect(await at.value(lease.key)).toBe(
    '{"PublicIP":"192.0.2.1","PublicIPv6":null,"BackendType":"host-gw","BackendData":{"VtepMAC":"x"},"NodeName":"node-a","NodeID":"id-a"}',
  );
  const { lease: id } = await at.stored(lease.key);
  const ttl = await server.ctl('lease', 'timetolive', id.toString(16), '--keys');
  expect(ttl).toContain('granted with TTL(86400s)');
  expect(ttl).toContain(`attached keys([${at.key(lease.key)}])`);
});

test('a lease that flanneld wrote is taken over with its address, its subnet and its place in etcd', async () => {
  const at = place();
  await at.put('10.3.7.0-24', '{"PublicIP":"192.0.2.1","PublicIPv6":null,"BackendType":"vxlan"}');
  await at.put('10.3.8.0-24', '{"PublicIP":"192.0.2.2"}');
  expect((await at.store().acquire(request({ ip: '192.0.2.1' }), never)).key).toBe('10.3.7.0-24');
  expect(await at.value('10.3.7.0-24')).toContain('"NodeID":"id-a"');
  const other = await at.store().acquire(request({ ip: '192.0.2.1', nodeId: 'id-b', node: 'node-b' }), never);
  expect(other.key).not.toBe('10.3.7.0-24');
  expect(other.key).not.toBe('10.3.8.0-24');
});

test('a reservation stays one, when taken and when renewed', async () => {
  const at = place();
  await at.put('10.3.7.0-24', '{"PublicIP":"192.0.2.1"}');
  const store = at.store();
  const lease = await store.acquire(request({ ip: '192.0.2.1' }), never);
  expect(lease).toMatchObject({ key: '10.3.7.0-24' });
  expect(lease.expiresAtMs).toBeUndefined();
  await store.renew(lease, request({ ip: '192.0.2.9' }), never);
  expect(await at.stored('10.3.7.0-24')).toHaveProperty('lease', 0n);
  expect(await at.value('10.3.7.0-24')).toContain('192.0.2.9');
});

test('reserve: free subnets get an entry, held ones lose their end, parts and overlaps are refused', async () => {
  const at = place();
  const store = at.store();
  const free = await store.reserve?.({ ipv4: prefix('10.3.5.0/24') }, never);
  expect(free?.key).toBe('10.3.5.0-24');
  expect(await at.stored('10.3.5.0-24')).toHaveProperty('lease', 0n);
  const held = await store.acquire(request({ ip: '192.0.2.1' }), never);
  const before = await at.value(held.key);
  await store.reserve?.({ ipv4: held.ipv4?.subnet ?? prefix('10.3.1.0/24') }, never);
  expect(await at.stored(held.key)).toHaveProperty('lease', 0n);
  expect(await at.value(held.key)).toBe(before);
  await expect(store.reserve?.({ ipv4: prefix('10.3.4.0/23') }, never)).rejects.toHaveProperty(
    'code',
    'E_SUBNET_TAKEN',
  );
});

test('an entry that cannot be read keeps its subnet from others', async () => {
  const at = place();
  await at.put('10.3.1.0-24', 'not json');
  const lease = await at.store().acquire(request({ network: network(two) }), never);
  expect(lease.key).toBe('10.3.2.0-24');
  const next = at.store().acquire(request({ network: network(two), nodeId: 'id-b' }), never);
  await expect(next).rejects.toHaveProperty('code', 'E_SUBNETS_EXHAUSTED');
});

test('exhaustion leaves no etcd lease behind', async () => {
  const at = place();
  const store = at.store();
  const leases = async () => (await server.ctl('lease', 'list')).trim().split('\n').slice(1).length;
  const results = await Promise.allSettled(
    Array.from({ length: 8 }, (_, i) =>
      store.acquire(request({ network: network(two), nodeId: `id${i}`, node: `n${i}` }), never),
    ),
  );
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  const attached = (await at.names()).length;
  const before = await leases();
  await expect(store.acquire(request({ network: network(two), nodeId: 'late' }), never)).rejects.toThrow();
  expect(await leases()).toBe(before);
  expect(attached).toBe(2);
});

test('a lease outside a changed network is replaced in one step', async () => {
  const at = place();
  const store = at.store();
  const old = await store.acquire(request({ network: wide }), never);
  const now = await store.acquire(request({ network: network(two) }), never);
  expect(now.key).toMatch(/^10\.3\.[12]\.0-24$/);
  expect(await at.names()).toEqual([now.key]);
  expect(old.key).not.toBe(now.key);
});

test('a family that joins keeps the half that is held', async () => {
  const at = place();
  const store = at.store();
  const four = await store.acquire(request({ network: wide }), never);
  const both = await store.acquire(
    request({ network: network({ ...(wide.ipv4 && { ipv4: wide.ipv4 }), ...sixes }) }),
    never,
  );
  expect(both.ipv4?.subnet).toBe(four.ipv4?.subnet);
  expect(await at.names()).toEqual([both.key]);
});

test('renewal prolongs without writing, and writes what has changed', async () => {
  const at = place({ ttlSeconds: 60 });
  let now = 1_000_000;
  const store = at.store({ now: () => now });
  const lease = await store.acquire(request({ ip: '192.0.2.1' }), never);
  expect(lease.expiresAtMs).toBe(1_060_000);
  const before = await at.stored(lease.key);
  now = 1_040_000;
  const renewed = await store.renew(lease, request({ ip: '192.0.2.1' }), never);
  expect(renewed.expiresAtMs).toBe(1_100_000);
  expect((await at.stored(lease.key)).revision).toBe(before.revision);
  await store.renew(renewed, request({ ip: '192.0.2.5' }), never);
  const after = await at.stored(lease.key);
  expect(after.revision).toBeGreaterThan(before.revision);
  expect(after.lease).toBe(before.lease);
  expect((await store.list(never)).leases).toMatchObject([{ expiresAtMs: 1_100_000, ipv4: { publicIp: '192.0.2.5' } }]);
});

test('a time shorter than etcd grants does not make every renewal a write', async () => {
  const at = place({ ttlSeconds: 1 });
  const store = at.store();
  const lease = await store.acquire(request(), never);
  const before = await at.stored(lease.key);
  await store.renew(lease, request(), never);
  expect(await at.stored(lease.key)).toEqual(before);
});

test('a lease of another length is exchanged for one of the configured length', async () => {
  const at = place();
  const old = await at.store({ ttlSeconds: 60 }).acquire(request(), never);
  const id = (await at.stored(old.key)).lease;
  await at.store({ ttlSeconds: 90 }).acquire(request(), never);
  const now = await at.stored(old.key);
  expect(now.lease).not.toBe(id);
  expect(await server.ctl('lease', 'timetolive', now.lease.toString(16))).toContain('granted with TTL(90s)');
});

test('a lease that ended is lost; acquired anew it is the same subnet', async () => {
  const at = place();
  const store = at.store();
  const lease = await store.acquire(request(), never);
  const { lease: id } = await at.stored(lease.key);
  await server.ctl('lease', 'revoke', id.toString(16));
  await expect(store.renew(lease, request(), never)).rejects.toHaveProperty('code', 'E_LEASE_LOST');
  const again = await store.acquire(
    { ...request(), previous: { ipv4: lease.ipv4?.subnet ?? prefix('10.3.1.0/24') } },
    never,
  );
  expect(again.key).toBe(lease.key);
});

test('the own key deleted and given to another node is not taken back', async () => {
  const at = place();
  const store = at.store();
  const lease = await store.acquire(request({ ip: '192.0.2.1' }), never);
  await server.ctl('del', at.key(lease.key));
  const thief = request({ ip: '192.0.2.2', nodeId: 'id-b', node: 'node-b' });
  await at.store().acquire({ ...thief, previous: { ipv4: lease.ipv4?.subnet ?? prefix('10.3.1.0/24') } }, never);
  await expect(store.renew(lease, request({ ip: '192.0.2.1' }), never)).rejects.toThrow(/node-b/);
  await store.release(lease, never);
  expect(await at.value(lease.key)).toContain('"NodeID":"id-b"');
  const other = await store.acquire(
    { ...request({ ip: '192.0.2.1' }), previous: { ipv4: lease.ipv4?.subnet ?? prefix('10.3.1.0/24') } },
    never,
  );
  expect(other.key).not.toBe(lease.key);
});

test('the own value made unreadable is repaired on renewal', async () => {
  const at = place();
  const store = at.store();
  const lease = await store.acquire(request({ ip: '192.0.2.1' }), never);
  const { lease: id } = await at.stored(lease.key);
  await at.put(lease.key, 'not json', '--lease', id.toString(16));
  await store.renew(lease, request({ ip: '192.0.2.1' }), never);
  expect(await at.value(lease.key)).toContain('"NodeID":"id-a"');
});

test('an unreadable value that somebody else wrote is repaired by who holds the lease, and not removed', async () => {
  const at = place();
  const store = at.store();
  const lease = await store.acquire(request({ ip: '192.0.2.1' }), never);
  await at.put(lease.key, 'not json');
  expect(await store.renew(lease, request({ ip: '192.0.2.1' }), never)).toMatchObject({ key: lease.key });
  expect(await at.value(lease.key)).toContain('192.0.2.1');
  await at.put(lease.key, 'not json');
  await store.release(lease, never);
  expect(await at.value(lease.key)).toBe('not json');
});

test('release gives back key and etcd lease', async () => {
  const at = place();
  const store = at.store();
  const lease = await store.acquire(request(), never);
  const { lease: id } = await at.stored(lease.key);
  await store.release(lease, never);
  expect(await at.names()).toEqual([]);
  expect(await server.ctl('lease', 'timetolive', id.toString(16))).toContain('already expired');
});

test('SubnetMin after SubnetMax is a configuration error', async () => {
  const backwards = network({ ipv4: stack('10.3.0.0/16', 24, '10.3.9.0', '10.3.2.0') });
  const asked = place()
    .store()
    .acquire(request({ network: backwards }), never);
  await expect(asked).rejects.toHaveProperty('code', 'E_NETWORK_CONFIG');
});

test('a listing is of one moment, whatever its pages', async () => {
  const at = place();
  const puts = Array.from({ length: 23 }, (_, i) => at.put(`10.3.${i + 1}.0-24`, `{"PublicIP":"192.0.2.${i + 1}"}`));
  await Promise.all(puts);
  const whole = (await at.store().list(never)).leases;
  for (const pageSize of [1, 2, 22, 23, 24]) {
    expect((await at.store({ pageSize }).list(never)).leases).toEqual(whole);
  }
  expect(whole).toHaveLength(23);
});

test('no network: the error shows how to make one, and a broken one says where', async () => {
  const at = place();
  const store = at.store();
  await expect(store.network(never)).rejects.toMatchObject({
    code: 'E_NETWORK_MISSING',
    hint: expect.stringContaining(`etcdctl put ${at.root}/config`),
  });
  await server.ctl('put', `${at.root}/config`, '{"Network":');
  const where = expect.stringMatching(/config:1:12$/);
  await expect(store.network(never)).rejects.toMatchObject({ code: 'E_NETWORK_CONFIG', where });
  await server.ctl(
    'put',
    `${at.root}/config`,
    '{"Network":"10.3.0.0/16","Backend":{"Type":"wireguard","PSK":hunter2}}',
  );
  const broken = await store.network(never).catch((error: unknown) => error);
  expect(broken).toMatchObject({ code: 'E_NETWORK_CONFIG', where: expect.stringMatching(/config$/) });
  expect(String(broken) + String((broken as Error).cause)).not.toContain('hunt');
});
