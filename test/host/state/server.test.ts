import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { askServer, certificatesIn } from '../../../src/host/state/server.js';

const { signal } = new AbortController();
let dir = '';
const path = (name: string): string => join(dir, name);

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'flan-server-'));
  const about = ['-subj', '/CN=server', '-days', '3', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  execFileSync('openssl', ['req', '-x509', '-nodes', ...about, '-keyout', path('key'), '-out', path('cert')], {
    stdio: 'pipe',
  });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const DATE = 'Wed, 21 Oct 2015 07:28:00 GMT';
const refuse: RequestListener = (_request, response) => {
  response.sendDate = false;
  response.writeHead(401, { date: DATE }).end('who are you?');
};

it("tells a server's certificate and clock from any answer, whoever signed it", async () => {
  const server = createTlsServer({ key: readFileSync(path('key')), cert: readFileSync(path('cert')) }, refuse);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { certificates, clock } = await askServer({ url, signal });
    expect(clock).toMatchObject({ server: url, theirMs: Date.parse(DATE) });
    const [own] = certificatesIn(path('cert'), 'client certificate');
    expect(own?.what).toBe(`client certificate ${path('cert')}`);
    expect(certificates).toEqual([{ ...own, what: `server certificate of ${url}` }]);
    expect((own?.validToMs ?? 0) - (own?.validFromMs ?? 0)).toBe(3 * 86_400_000);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it('tells the clock over plain HTTP, and nothing when there is nobody', async () => {
  const server = createServer(refuse);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect((await askServer({ url, signal })).clock?.theirMs).toBe(Date.parse(DATE));
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  expect(await askServer({ url, signal })).toEqual({ certificates: [] });
  expect(certificatesIn('/nowhere', 'x')).toEqual([]);
  expect(certificatesIn(path('key'), 'x')).toEqual([]);
});
