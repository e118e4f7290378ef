import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { type Listener, listen, type Pages, plain } from '../../src/telemetry/listener.js';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'flan-listen-'));
  cleanUps.push(() => rmSync(dir, { recursive: true }));
  return dir;
}
const PAGES: Pages = {
  '/healthz': () => plain(200, 'ok\n'),
  '/broken': () => {
    throw new Error('no page');
  },
};
async function serve(path: string): Promise<Listener> {
  const made = await listen({ type: 'socket', path }, PAGES);
  cleanUps.push(() => made.close());
  return made;
}

interface Got {
  readonly status: number | undefined;
  readonly body: string;
  readonly headers: http.IncomingHttpHeaders;
}
const ask = (socketPath: string, path: string, method = 'GET'): Promise<Got> =>
  new Promise((resolve, reject) => {
    http
      .request({ socketPath, path, method }, async (response) => {
        resolve({ status: response.statusCode, body: await text(response), headers: response.headers });
      })
      .on('error', reject)
      .end();
  });

describe('the listener', () => {
  it('serves what there is, to be read only', async () => {
    const path = join(folder(), 'health');
    await serve(path);
    const got = await ask(path, '/healthz?verbose');
    expect([got.status, got.body]).toEqual([200, 'ok\n']);
    expect(got.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    expect(got.headers['content-security-policy']).toContain("default-src 'none'");
    expect(await ask(path, '/healthz', 'HEAD')).toMatchObject({ status: 200, body: '' });
    expect(await ask(path, '/healthz', 'POST')).toMatchObject({ status: 405 });
    for (const other of ['/constructor', '/__proto__', '/healthz/', '//healthz']) {
      expect(await ask(path, other)).toMatchObject({ status: 404 });
    }
  });

  it('survives a page that cannot be made', async () => {
    const path = join(folder(), 'health');
    await serve(path);
    expect(await ask(path, '/broken')).toMatchObject({ status: 500, body: 'no page\n' });
    expect(await ask(path, '/healthz')).toMatchObject({ status: 200 });
  });

  it('takes the place of a socket that a killed run left, and of none that is served', async () => {
    const path = join(folder(), 'health');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    expect(spawnSync(process.execPath, ['-e', script]).signal).toBe('SIGKILL');
    expect(statSync(path).isSocket()).toBe(true);
    await serve(path);
    expect(await ask(path, '/healthz')).toMatchObject({ status: 200 });
    await expect(listen({ type: 'socket', path }, PAGES)).rejects.toMatchObject({ code: 'E_LISTEN' });
    expect(await ask(path, '/healthz')).toMatchObject({ status: 200 });
  });

  it('removes no file that is not a socket', async () => {
    const path = join(folder(), 'precious');
    writeFileSync(path, 'keep');
    await expect(listen({ type: 'socket', path }, PAGES)).rejects.toMatchObject({ code: 'E_LISTEN' });
    expect(statSync(path).size).toBe(4);
  });

  it('says in one clear error why it cannot listen', async () => {
    const taken = createServer();
    cleanUps.push(() => taken.close());
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await expect(listen({ type: 'port', ip: '127.0.0.1', port }, PAGES)).rejects.toMatchObject({
      code: 'E_LISTEN',
      message: `cannot serve health and metrics on 127.0.0.1:${port}: somebody listens there`,
      hint: expect.stringContaining('--healthz-port'),
    });
    await expect(listen({ type: 'port', ip: '192.0.2.1', port }, PAGES)).rejects.toMatchObject({
      message: expect.stringContaining('not one of this host'),
    });
  });
});
