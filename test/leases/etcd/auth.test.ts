import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { EtcdStoreOptions, EtcdUser } from '../../../src/leases/etcd/index.js';
import type { LeaseStore } from '../../../src/leases/store.js';
import { follow } from '../../contracts/lease-store.js';
import { type EtcdServer, scratch, startEtcd, startProxy, type TcpProxy } from '../../support/etcd.js';
import { request } from '../support.js';
import { storeOf } from './bed.js';

const PASSWORD = 'correct-horse-battery';
const ROOT = ['--user', 'root:root-password'];
let server: EtcdServer;
let proxy: TcpProxy;
const files = scratch();
beforeAll(async () => {
  // Tokens end after one second without use.
  server = await startEtcd({ args: ['--auth-token-ttl', '1', '--bcrypt-cost', '4'] });
  proxy = await startProxy(server.port);
  await server.ctl('user', 'add', ROOT[1] ?? '');
  await server.ctl('user', 'grant-role', 'root', 'root');
  await server.ctl('user', 'add', `flan:${PASSWORD}`);
  await server.ctl('role', 'add', 'flan');
  await server.ctl('role', 'grant-permission', 'flan', '--prefix=true', 'readwrite', '/flan/');
  await server.ctl('user', 'grant-role', 'flan', 'flan');
  await server.ctl('auth', 'enable');
});
afterAll(async () => {
  await proxy?.close();
  await server?.close();
  files.close();
});

const stores: LeaseStore[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});
const never = new AbortController().signal;
function storeAs(user: EtcdUser | undefined, options: Partial<EtcdStoreOptions> = {}): LeaseStore {
  const store = storeOf({ endpoints: [proxy.endpoint], user, prefix: '/flan', ...options });
  stores.push(store);
  return store;
}
const FLAN: EtcdUser = { name: 'flan', password: PASSWORD };
/** Nothing to wait for: a token ends in silence. */
const tokenEnds = () => new Promise((resolve) => setTimeout(resolve, 2_500));
const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => expect.unreachable('it was permitted'),
    (error: unknown) => error,
  );
const reveals = (thing: unknown): boolean => inspect(thing, { depth: 20, showHidden: true }).includes(PASSWORD);

test('logs in, and logs in again when the token has ended', async () => {
  const store = storeAs(FLAN);
  const lease = await store.acquire(request({ node: 'one', nodeId: 'one' }), never);
  await tokenEnds();
  expect((await store.renew(lease, request({ node: 'one', nodeId: 'one' }), never)).key).toBe(lease.key);
  await tokenEnds();
  expect((await store.list(never)).leases.map(({ key }) => key)).toContain(lease.key);
});

test('a watch that is cut after its token has ended logs in and goes on where it was', async () => {
  const store = storeAs(FLAN);
  const stop = new AbortController();
  const watch = follow(store, stop.signal);
  await watch.until(() => watch.events.length === 1);
  await tokenEnds();
  proxy.refuse();
  await watch.until(() => watch.states.at(-1)?.state === 'disconnected');
  await server.ctl(...ROOT, 'put', '/flan/subnets/10.3.77.0-24', '{"PublicIP":"192.0.2.77"}');
  proxy.resume();
  await watch.until(() => watch.events.length === 2);
  expect(watch.events[1]).toMatchObject({ type: 'put', lease: { key: '10.3.77.0-24' } });
  expect(watch.states.filter(({ state }) => state === 'connected')).toHaveLength(2);
  stop.abort();
  await watch.ended;
});

test('the password may stand in a file, which is read at every login', async () => {
  const passwordFile = join(files.dir, 'password');
  writeFileSync(passwordFile, 'old\n');
  const store = storeAs({ name: 'flan', passwordFile });
  await expect(store.list(never)).rejects.toHaveProperty('code', 'E_STORE_AUTH');
  writeFileSync(passwordFile, `${PASSWORD}\n`);
  await store.list(never);
});

test('a password file that is missing is a configuration error', async () => {
  const error = await errorOf(storeAs({ name: 'flan', passwordFile: '/nonexistent/password' }).list(never));
  expect(error).toMatchObject({ code: 'E_CONFIG', message: expect.stringContaining('/nonexistent/password') });
});

test.each([
  ['a wrong password', { name: 'flan', password: `${PASSWORD}-wrong` }],
  ['an unknown user', { name: 'nobody', password: PASSWORD }],
  ['no user', undefined],
])('%s is E_STORE_AUTH, at once and without the password', async (_, user) => {
  const store = storeAs(user);
  const error = await errorOf(store.list(never));
  expect(error).toMatchObject({ code: 'E_STORE_AUTH', retry: false, hint: expect.stringContaining('etcd-username') });
  expect(reveals(error)).toBe(false);
  const watch = follow(store, never);
  await expect(watch.ended).rejects.toHaveProperty('code', 'E_STORE_AUTH');
});

test('another prefix is E_STORE_PERMISSION, in every call', async () => {
  const store = storeAs(FLAN, { prefix: '/other' });
  const calls = [() => store.list(never), () => store.network(never), () => store.acquire(request(), never)];
  for (const call of calls) {
    const error = await errorOf(call());
    expect(error).toMatchObject({ code: 'E_STORE_PERMISSION', retry: false, hint: expect.stringContaining('role') });
    expect(reveals(error)).toBe(false);
  }
});

test('an unreachable server does not make the password appear', async () => {
  proxy.refuse();
  try {
    const error = await errorOf(storeAs(FLAN, { dialTimeoutMs: 300 }).list(never));
    expect(error).toHaveProperty('code', 'E_STORE_UNREACHABLE');
    expect(reveals(error)).toBe(false);
  } finally {
    proxy.resume();
  }
});

test('a user where authentication is off is no trouble', async () => {
  const free = await startEtcd();
  try {
    const store = storeOf({ endpoints: [free.endpoint], user: FLAN });
    stores.push(store);
    expect((await store.list(never)).leases).toEqual([]);
  } finally {
    await free.close();
  }
});

test('a store that is printed does not print the password', () => {
  const store = storeAs(FLAN);
  expect(reveals(store)).toBe(false);
  expect(reveals(store.name)).toBe(false);
});
