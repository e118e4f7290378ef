import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { EtcdStoreOptions } from '../../../src/leases/etcd/index.js';
import type { LeaseStore } from '../../../src/leases/store.js';
import { type Authority, certificateAuthority, type EtcdServer, startEtcd } from '../../support/etcd.js';
import { request } from '../support.js';
import { freshPrefix, storeOf } from './bed.js';

let authority: Authority;
let stranger: Authority;
let open: EtcdServer;
let strict: EtcdServer;
beforeAll(async () => {
  authority = certificateAuthority();
  stranger = certificateAuthority();
  const server = authority.issue('server', ['IP:127.0.0.1', 'DNS:localhost']);
  const tls = { server, caFile: authority.caFile };
  open = await startEtcd({ tls: { ...tls, clientCerts: 'ignored' } });
  strict = await startEtcd({ tls: { ...tls, clientCerts: 'required' } });
});
afterAll(async () => {
  await open?.close();
  await strict?.close();
  authority?.close();
  stranger?.close();
});

const stores: LeaseStore[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});
const never = new AbortController().signal;
function storeAt(endpoint: string, tls: EtcdStoreOptions['tls'] = {}): LeaseStore {
  const store = storeOf({ endpoints: [endpoint], tls, prefix: freshPrefix(), dialTimeoutMs: 2_000 });
  stores.push(store);
  return store;
}
const works = async (store: LeaseStore) => expect((await store.acquire(request(), never)).nodeId).toBe('id-a');

test('a CA alone is enough', () => works(storeAt(open.endpoint, { caFile: authority.caFile })));

test('a name is checked as well as an address, and needs no scheme when TLS is set', async () => {
  await works(storeAt(`https://localhost:${open.port}`, { caFile: authority.caFile }));
  await works(storeAt(`localhost:${open.port}`, { caFile: authority.caFile }));
});

test('an address as endpoint makes Node print no warning', async () => {
  const warn = vi.spyOn(process, 'emitWarning');
  await works(storeAt(open.endpoint, { caFile: authority.caFile }));
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

test('a client certificate where the server wants one', async () => {
  const { cert, key } = authority.issue('node-a');
  await works(storeAt(strict.endpoint, { caFile: authority.caFile, certFile: cert, keyFile: key }));
});

const refusal = async (store: LeaseStore) =>
  store.list(never).then(
    () => expect.unreachable('the connection was accepted'),
    (error: unknown) => error,
  );

test('no client certificate where the server wants one', async () => {
  const error = await refusal(storeAt(strict.endpoint, { caFile: authority.caFile }));
  expect(error).toMatchObject({ code: 'E_STORE_UNREACHABLE', hint: expect.any(String) });
});

test.each([
  ['the CA of somebody else', () => stranger.caFile],
  ['no CA', () => undefined],
])('%s: refused, and the hint names the setting', async (_, caFile) => {
  const error = await refusal(storeAt(open.endpoint, { caFile: caFile() }));
  expect(error).toMatchObject({ code: 'E_STORE_UNREACHABLE', hint: expect.stringContaining('etcd-cafile') });
});

test('a certificate for another address is refused', async () => {
  const elsewhere = authority.issue('elsewhere', ['IP:127.0.0.9', 'DNS:other.example']);
  const server = await startEtcd({ tls: { server: elsewhere, caFile: authority.caFile, clientCerts: 'ignored' } });
  try {
    const error = await refusal(storeAt(server.endpoint, { caFile: authority.caFile }));
    expect(error).toMatchObject({ code: 'E_STORE_UNREACHABLE', hint: expect.stringContaining('etcd-cafile') });
  } finally {
    await server.close();
  }
});

test('http to a server that speaks https', async () => {
  const error = await refusal(storeAt(open.endpoint.replace('https', 'http')));
  expect(error).toMatchObject({ code: 'E_STORE_UNREACHABLE' });
});

test('TLS 1.1 is not spoken', async () => {
  const { cert, key } = authority.issue('old-server');
  const versions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const;
  const server = createServer({ cert: readFileSync(cert), key: readFileSync(key), ALPNProtocols: ['h2'], ...versions });
  const errors: Error[] = [];
  server.on('tlsClientError', (error) => errors.push(error));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await refusal(storeAt(`https://127.0.0.1:${port}`, { caFile: authority.caFile }));
    expect(errors[0]).toMatchObject({ code: 'ERR_SSL_UNSUPPORTED_PROTOCOL' });
  } finally {
    server.close();
  }
});

test('half a pair, a missing file and a file that is no PEM are configuration errors', async () => {
  const { cert, key } = authority.issue('node-b');
  const config = expect.objectContaining({ code: 'E_CONFIG' });
  expect(await refusal(storeAt(open.endpoint, { certFile: cert }))).toEqual(config);
  expect(await refusal(storeAt(open.endpoint, { keyFile: key }))).toEqual(config);
  const missing = await refusal(storeAt(open.endpoint, { caFile: '/nonexistent/ca.pem' }));
  expect(missing).toMatchObject({ code: 'E_CONFIG', message: expect.stringContaining('/nonexistent/ca.pem') });
  expect(await refusal(storeAt(open.endpoint, { certFile: key, keyFile: cert }))).toEqual(config);
});
