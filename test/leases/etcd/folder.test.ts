import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EtcdClient, etcdClient } from '../../../src/leases/etcd/client.js';
import { readFolder } from '../../../src/leases/etcd/folder.js';
import { layout, toText } from '../../../src/leases/etcd/keys.js';
import { follow, requestOf } from '../../contracts/lease-store.js';
import { type EtcdServer, startEtcd } from '../../support/etcd.js';
import { freshPrefix, storeOf } from './bed.js';

let server: EtcdServer;
let client: EtcdClient;
beforeAll(async () => {
  server = await startEtcd();
  client = etcdClient({ endpoints: [server.endpoint] });
});
afterAll(async () => {
  client.close();
  await server.close();
});

/** The same client, with something that happens before its n-th call. */
function interrupted(at: number, happen: () => Promise<void>): EtcdClient & { calls(): number } {
  let calls = 0;
  return {
    ...client,
    async call(method, request, signal) {
      if (++calls === at) await happen();
      return client.call(method, request, signal);
    },
    calls: () => calls,
  };
}

async function read(happen: (key: (name: string) => string) => Promise<void>) {
  const where = layout(freshPrefix());
  const key = (name: string) => `${where.folder}${name}`;
  for (const name of ['a', 'b', 'c', 'd']) await server.ctl('put', key(name), 'old');
  const through = interrupted(2, () => happen(key));
  const signal = new AbortController().signal;
  const { entries } = await readFolder({ client: through, layout: where, pageSize: 2, signal });
  const text = entries.map((kv) => `${toText(kv.key).slice(where.folder.length)}=${toText(kv.value)}`);
  return { text, calls: through.calls() };
}

test('what is written between two pages is not seen in part', async () => {
  const { text, calls } = await read(async (key) => {
    await server.ctl('put', key('d'), 'new');
    await server.ctl('put', key('e'), 'new');
    await server.ctl('del', key('a'));
  });
  expect(text).toEqual(['a=old', 'b=old', 'c=old', 'd=old']);
  expect(calls).toBe(2);
});

test('compaction between two pages: read again, of one later moment', async () => {
  const { text, calls } = await read(async (key) => {
    await server.ctl('del', key('a'));
    await server.ctl('put', key('d'), 'new');
    const [status] = JSON.parse(await server.ctl('endpoint', 'status', '-w', 'json'));
    await server.ctl('compact', String(status.Status.header.revision));
  });
  expect(text).toEqual(['b=old', 'c=old', 'd=new']);
  expect(calls).toBe(4);
});

/** Calls that the server has begun, by method. */
async function callsTo(at: EtcdServer): Promise<(method: string) => number> {
  const metrics = await (await fetch(`${at.endpoint}/metrics`)).text();
  return (method) =>
    Number(new RegExp(`^grpc_server_started_total\\{grpc_method="${method}".*\\} (\\d+)$`, 'm').exec(metrics)?.[1]);
}

test('leases are read in pages, and none is asked for its time to live', async () => {
  const own = await startEtcd();
  const prefix = freshPrefix();
  const stores = [1, 2, 3, 4].map(() => storeOf({ endpoints: [own.endpoint], prefix, pageSize: 2 }));
  const [store] = stores;
  const stop = new AbortController();
  try {
    if (store === undefined) throw new Error('no store');
    for (const [i, other] of stores.entries()) await other.acquire(requestOf(i + 1), stop.signal);
    const before = await callsTo(own);
    expect((await store.list(stop.signal)).leases).toHaveLength(4);
    const after = await callsTo(own);
    expect(after('Range') - before('Range')).toBe(2);
    const watch = follow(store, stop.signal);
    await watch.until(() => watch.view().length === 4);
    const [mine] = (await store.list(stop.signal)).leases;
    if (mine !== undefined) await store.release(mine, stop.signal);
    await watch.until(() => watch.view().length === 3);
    stop.abort();
    await watch.ended;
    expect((await callsTo(own))('LeaseTimeToLive')).toBe(0);
  } finally {
    stop.abort();
    for (const one of stores) await one.close();
    await own.close();
  }
});
