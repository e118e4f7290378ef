import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { etcdClient } from '../../../src/leases/etcd/client.js';
import type { EtcdStoreOptions } from '../../../src/leases/etcd/index.js';
import { toBytes } from '../../../src/leases/etcd/keys.js';
import { TXN } from '../../../src/leases/etcd/proto.js';
import type { LeaseEvent, LeaseStore } from '../../../src/leases/store.js';
import { encodeLeaseValue } from '../../../src/leases/value.js';
import { type Following, follow, peer } from '../../contracts/lease-store.js';
import { type EtcdServer, freePorts, startEtcd, startProxy, type TcpProxy } from '../../support/etcd.js';
import { request } from '../support.js';
import { freshPrefix, storeOf } from './bed.js';

let server: EtcdServer;
const cleanups: (() => unknown)[] = [];
const later = (cleanup: () => unknown): void => {
  cleanups.push(cleanup);
};
beforeAll(async () => {
  // Lets clients send HTTP/2 PINGs every 100 ms, so that a dead link is found within the test's patience.
  server = await startEtcd({ args: ['--grpc-keepalive-min-time', '50ms'] });
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});
afterAll(() => server.close());

const never = new AbortController().signal;

interface Bed {
  readonly prefix: string;
  readonly proxy: TcpProxy;
  readonly store: LeaseStore;
  readonly watch: Following;
  key(name: string): string;
}

/** A watch that has told its first snapshot, through a proxy. */
async function watching(options: Partial<EtcdStoreOptions> = {}, on = server): Promise<Bed> {
  const prefix = freshPrefix();
  const proxy = await startProxy(on.port);
  later(() => proxy.close());
  const store = storeOf({ endpoints: [proxy.endpoint], prefix, ...options });
  later(() => store.close());
  const stop = new AbortController();
  const watch = follow(store, stop.signal);
  later(async () => {
    stop.abort();
    await watch.ended;
  });
  await watch.until(() => watch.events.length > 0);
  return { prefix, proxy, store, watch, key: (name) => `${prefix}/subnets/${name}` };
}

const connected = ({ watch }: Bed): boolean => watch.states.at(-1)?.state === 'connected';
const disconnected = ({ watch }: Bed): boolean => watch.states.at(-1)?.state === 'disconnected';

/** Key and revision of everything put, in the order told. */
const puts = (events: readonly LeaseEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'put' ? [`${event.lease.key} ${event.lease.origin}`] : []));

const name = (n: number): string => `10.${10 + (n >> 8)}.${n & 255}.0-24`;

interface Bulk {
  readonly count: number;
  readonly perTransaction: number;
  readonly value?: (n: number) => string;
}

/** Writes leases 0 to `count` in transactions; returns what a watch must tell. */
async function write(
  bed: Bed,
  { count, perTransaction, value = () => '{"PublicIP":"192.0.2.1"}' }: Bulk,
): Promise<string[]> {
  const client = etcdClient({ endpoints: [server.endpoint] });
  later(() => client.close());
  const told: string[] = [];
  for (let first = 0; first < count; first += perTransaction) {
    const batch = Array.from({ length: Math.min(perTransaction, count - first) }, (_, i) => first + i);
    const success = batch.map((n) => ({ put: { key: toBytes(bed.key(name(n))), value: toBytes(value(n)) } }));
    const { header } = await client.call(TXN, { success }, never);
    for (const n of batch) told.push(`${name(n)} etcd revision ${header?.revision}`);
  }
  return told;
}

test('3000 events while the connection is cut again and again: none lost, none told twice', async () => {
  const bed = await watching();
  bed.proxy.cutAfter(20_000);
  let cuts = 0;
  const again = setInterval(() => {
    if (bed.proxy.cuts() === cuts) return;
    cuts = bed.proxy.cuts();
    // Longer each time: what piles up meanwhile comes as one message, and a cut message is no progress.
    bed.proxy.cutAfter(20_011 * 2 ** cuts);
  }, 5);
  later(() => clearInterval(again));
  const expected = await write(bed, { count: 3000, perTransaction: 7 });
  await bed.watch.until(() => puts(bed.watch.events).length >= 3000);
  expect(puts(bed.watch.events)).toEqual(expected);
  expect(bed.proxy.cuts()).toBeGreaterThan(2);
  expect(bed.watch.events.filter((event) => event.type === 'snapshot')).toHaveLength(1);
});

test('a backlog so large that etcd sends it in fragments, cut in the middle', async () => {
  const bed = await watching();
  bed.proxy.refuse();
  const pad = 'x'.repeat(9_000);
  const value = () => `{"PublicIP":"192.0.2.1","BackendData":"${pad}"}`;
  const expected = await write(bed, { count: 600, perTransaction: 100, value });
  bed.proxy.resume();
  bed.proxy.cutAfter(2_500_000);
  await bed.watch.until(() => puts(bed.watch.events).length >= 600);
  expect(puts(bed.watch.events)).toEqual(expected);
  expect(bed.proxy.cuts()).toBe(1);
});

test('a link that is dead without a word is noticed, and what happened meanwhile is told after', async () => {
  const bed = await watching({ keepaliveTimeMs: 200, keepaliveTimeoutMs: 200 });
  bed.proxy.pause();
  await bed.watch.until(() => disconnected(bed));
  const expected = await write(bed, { count: 3, perTransaction: 1 });
  bed.proxy.resume();
  await bed.watch.until(() => puts(bed.watch.events).length === 3);
  expect(puts(bed.watch.events)).toEqual(expected);
  expect(connected(bed)).toBe(true);
});

test('a server that never answers is an error and not a hang', async () => {
  const bed = await watching();
  bed.proxy.pause();
  const store = storeOf({ endpoints: [bed.proxy.endpoint], dialTimeoutMs: 200 });
  later(() => store.close());
  await expect(store.list(never)).rejects.toMatchObject({ code: 'E_STORE_UNREACHABLE', retry: true });
  const patient = storeOf({ endpoints: [bed.proxy.endpoint], dialTimeoutMs: 200, requestTimeoutMs: 300 });
  later(() => patient.close());
  bed.proxy.resume();
  await patient.list(never);
  bed.proxy.pause();
  await expect(patient.list(never)).rejects.toMatchObject({ code: 'E_STORE_UNREACHABLE', retry: true });
});

test('an endpoint where nobody listens is passed over', async () => {
  const [dead] = await freePorts(1);
  const bed = await watching();
  const store = storeOf({ endpoints: [`http://127.0.0.1:${dead}`, bed.proxy.endpoint], prefix: bed.prefix });
  later(() => store.close());
  const lease = await store.acquire(request({ ip: '192.0.2.1' }), never);
  await bed.watch.until(() => bed.watch.view().length === 1);
  expect(bed.watch.view()).toEqual([`${lease.key} 192.0.2.1 host-gw`]);
  const alone = storeOf({ endpoints: [`http://127.0.0.1:${dead}`] });
  later(() => alone.close());
  await expect(alone.list(never)).rejects.toMatchObject({
    code: 'E_STORE_UNREACHABLE',
    message: expect.stringContaining(`http://127.0.0.1:${dead}`),
    hint: expect.stringContaining('etcd-endpoints'),
  });
});

test('an established connection that was cut does not fail the next call', async () => {
  const bed = await watching();
  const lease = await bed.store.acquire(request(), never);
  bed.proxy.cut();
  expect((await bed.store.renew(lease, request(), never)).key).toBe(lease.key);
});

test('the server restarts: nothing is told twice, nothing is missed', async () => {
  const own = await startEtcd();
  later(() => own.close());
  const bed = await watching({}, own);
  await own.ctl('put', bed.key(name(1)), '{"PublicIP":"192.0.2.1"}');
  await bed.watch.until(() => bed.watch.view().length === 1);
  await own.kill();
  await bed.watch.until(() => disconnected(bed));
  await own.start();
  await own.ctl('put', bed.key(name(2)), '{"PublicIP":"192.0.2.2"}');
  await bed.watch.until(() => bed.watch.view().length === 2);
  expect(puts(bed.watch.events).map((line) => line.split(' ')[0])).toEqual([name(1), name(2)]);
});

test('another cluster at the same address, younger or older than the old one: its leases are told, not silence', async () => {
  const own = await startEtcd();
  later(() => own.close());
  for (let i = 0; i < 5; i++) await own.ctl('put', '/elsewhere', String(i));
  const bed = await watching({}, own);
  await own.ctl('put', bed.key(name(1)), '{"PublicIP":"192.0.2.1"}');
  await bed.watch.until(() => bed.watch.view().length === 1);
  await own.kill();
  own.wipe();
  await own.start();
  await own.ctl('put', bed.key(name(2)), '{"PublicIP":"192.0.2.2"}');
  await bed.watch.until(() => bed.watch.view().join() === `${name(2)} 192.0.2.2 `);
});

test('compaction in the past of a quiet watch costs it nothing', async () => {
  const own = await startEtcd({ args: ['--experimental-watch-progress-notify-interval', '200ms'] });
  later(() => own.close());
  const bed = await watching({}, own);
  for (let i = 0; i < 5; i++) await own.ctl('put', '/elsewhere', String(i));
  const [status] = JSON.parse(await own.ctl('endpoint', 'status', '-w', 'json'));
  // Progress has been told when the interval has passed once more; there is no event to wait for.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  bed.proxy.refuse();
  await bed.watch.until(() => disconnected(bed));
  await own.ctl('compact', String(status.Status.header.revision));
  bed.proxy.resume();
  await bed.watch.until(() => connected(bed));
  await own.ctl('put', bed.key(name(1)), '{"PublicIP":"192.0.2.1"}');
  await bed.watch.until(() => bed.watch.view().length === 1);
  expect(bed.watch.events.map(({ type }) => type)).toEqual(['snapshot', 'put']);
});

test('keys and values that poison flanneld hurt nobody but themselves', async () => {
  const bed = await watching();
  const fifty = await write(bed, { count: 50, perTransaction: 50 });
  await bed.watch.until(() => puts(bed.watch.events).length === fifty.length);
  const subnets = bed.key('').slice(0, -1);
  await server.ctl('put', `${subnets}-note`, 'hello');
  await server.ctl('put', bed.key('10.9.9.0-24'), 'not json');
  await server.ctl('put', bed.key('note'), '{}');
  await server.ctl('put', bed.key('10.10.1.0-24/more'), '{"PublicIP":"192.0.2.1"}');
  await server.ctl('put', bed.key('10.10.1.0-24'), '[1]');
  await server.ctl('del', bed.key('note'));
  await server.ctl('put', bed.key(peer(1).key), encodeLeaseValue(peer(1)));
  await bed.watch.until(() => bed.watch.view().length === 51);
  expect(bed.watch.events.filter(({ type }) => type === 'delete')).toEqual([]);
  const rejected = bed.watch.rejected().map(({ entry }) => entry);
  expect(rejected).toEqual(['10.9.9.0-24', 'note', '10.10.1.0-24/more', '10.10.1.0-24'].map(bed.key));
  const listing = await bed.store.list(never);
  expect(listing.leases).toHaveLength(50);
  expect(listing.rejected.map(({ entry }) => entry).sort()).toEqual(
    ['10.9.9.0-24', '10.10.1.0-24/more', '10.10.1.0-24'].map(bed.key).sort(),
  );
});

test('a lease that expires is told as deleted', async () => {
  const bed = await watching({ ttlSeconds: 2 });
  const lease = await bed.store.acquire(request(), never);
  await bed.watch.until(() => bed.watch.view().length === 1);
  await bed.watch.until(() => bed.watch.view().length === 0);
  expect(bed.watch.events.at(-1)).toEqual({ type: 'delete', key: lease.key });
});

test('a store that is closed says so, its watch too', async () => {
  const bed = await watching();
  await bed.store.close();
  await expect(bed.store.list(never)).rejects.toHaveProperty('code', 'E_STORE_CLOSED');
  await expect(bed.watch.ended).rejects.toHaveProperty('code', 'E_STORE_CLOSED');
  cleanups.pop();
});
