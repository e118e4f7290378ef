import { afterAll, beforeAll, expect, test } from 'vitest';
import { follow } from '../../contracts/lease-store.js';
import { type EtcdCluster, startCluster } from '../../support/etcd.js';
import { request } from '../support.js';
import { freshPrefix, storeOf } from './bed.js';

let cluster: EtcdCluster;
beforeAll(async () => {
  cluster = await startCluster(3);
});
afterAll(() => cluster.close());

const never = new AbortController().signal;

test('the leader is killed: calls go on, the watch misses nothing, the lease stays', async () => {
  const leader = await cluster.leader();
  // The first endpoint is the one that dies, so that the client must turn to another.
  const endpoints = [leader.endpoint, ...cluster.endpoints.filter((endpoint) => endpoint !== leader.endpoint)];
  const [survivor] = cluster.servers.filter((server) => server !== leader);
  const prefix = freshPrefix();
  const store = storeOf({ endpoints, prefix });
  const stop = new AbortController();
  const watch = follow(store, stop.signal);
  try {
    const own = await store.acquire(request({ ip: '192.0.2.1' }), never);
    await watch.until(() => watch.view().length === 1);
    await leader.kill();
    await watch.until(() => watch.states.at(-1)?.state === 'disconnected');
    const renewed = await retry(() => store.renew(own, request({ ip: '192.0.2.2' }), never));
    expect(renewed.key).toBe(own.key);
    await survivor?.ctl('put', `${prefix}/subnets/10.3.99.0-24`, '{"PublicIP":"192.0.2.3"}');
    await watch.until(() => watch.view().length === 2);
    expect(watch.view()).toEqual([`${own.key} 192.0.2.2 host-gw`, '10.3.99.0-24 192.0.2.3 '].sort());
    expect(watch.events.filter(({ type }) => type === 'delete')).toEqual([]);

    await leader.start();
    const other = await store.acquire(request({ ip: '192.0.2.4', node: 'node-b', nodeId: 'id-b' }), never);
    expect(other.key).not.toBe(own.key);
    await watch.until(() => watch.view().length === 3);
  } finally {
    stop.abort();
    await watch.ended;
    await store.close();
  }
});

test('without a majority nothing is told and nothing is answered, and with one all goes on', async () => {
  const [alive, ...others] = cluster.servers;
  const prefix = freshPrefix();
  const store = storeOf({ endpoints: [alive?.endpoint ?? ''], prefix, requestTimeoutMs: 2_000 });
  const stop = new AbortController();
  const watch = follow(store, stop.signal);
  try {
    await watch.until(() => watch.events.length === 1);
    for (const other of others) await other.kill();
    await watch.until(() => watch.states.at(-1)?.state === 'disconnected');
    await expect(store.acquire(request(), never)).rejects.toMatchObject({ code: 'E_STORE_UNREACHABLE', retry: true });
    expect(watch.events).toHaveLength(1);
    await Promise.all(others.map((other) => other.start()));
    await watch.until(() => watch.states.at(-1)?.state === 'connected');
    const lease = await retry(() => store.acquire(request({ ip: '192.0.2.9' }), never));
    await watch.until(() => watch.view().includes(`${lease.key} 192.0.2.9 host-gw`));
  } finally {
    stop.abort();
    await watch.ended;
    await store.close();
  }
});

/** As the caller does for errors that say so: an election takes a second or two. */
async function retry<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Error && 'retry' in error && error.retry === true)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
