import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type HttpRequest, send } from '../../../src/drivers/cloud/http.js';
import { type FakeServer, serve } from '../../support/fake-cloud/server.js';

const never = new AbortController().signal;
const SECRET = 'IQoJb3JpZ2luX2VjE+secret/session==';

describe('a request to a cloud', () => {
  const open: Pick<FakeServer, 'close'>[] = [];
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });
  const request = (url: string, rest: Partial<HttpRequest> = {}): HttpRequest => ({
    ...{ what: 'EC2 CreateRoute', method: 'GET', url, timeoutMs: 2000 },
    ...rest,
  });
  const failure = (asked: HttpRequest) =>
    send(asked, never).then(
      () => expect.unreachable(),
      (error: unknown) => error as Error & { code: string; retry: boolean; hint: string },
    );

  it.each(['not an address', '169.254.169.254', 'localhost:4566', 'file:///etc/passwd', ''])(
    'says that nobody can be asked at %j, and does not try again',
    async (url) => {
      const error = await failure(request(url));
      expect(error).toMatchObject({ code: 'E_CLOUD_UNREACHABLE', retry: false });
      expect(error.hint).toContain('https://');
    },
  );

  it('sends no password that stands in an address, and does not say it', async () => {
    const error = await failure(request('http://flan:hunter22@127.0.0.1:1/'));
    expect(error).toMatchObject({ code: 'E_CLOUD_UNREACHABLE', retry: false });
    expect(String(error)).not.toContain('hunter22');
  });

  it.each(['x-amz-security-token', 'authorization'])('does not quote a %s that cannot be sent', async (name) => {
    const error = await failure(request('http://127.0.0.1:1/', { headers: { [name]: 'broken\nhunter22' } }));
    expect(error).toMatchObject({ code: 'E_CLOUD_AUTH', retry: false });
    expect(error.cause).toBeUndefined();
    expect(error.message).toContain(name);
    expect(`${error} ${error.stack}`).not.toContain('hunter22');
  });

  it('takes its own token out of an answer that quotes the request', async () => {
    const server = await serve(({ headers }) => ({
      status: 403,
      body: `should have been ${headers['x-acs-security-token']} or ${encodeURIComponent(SECRET)}, and ${headers.authorization?.slice(7)}`,
    }));
    open.push(server);
    const headers = { 'x-acs-security-token': SECRET, authorization: 'Bearer ya29.hunter22' };
    const { text } = await send(request(server.url, { headers }), never);
    expect(text).toBe('should have been … or …, and …');
  });

  it('waits for no answer that trickles', async () => {
    const server = createServer((_, response) => {
      response.write('<');
      const timer = setInterval(() => response.write(' '), 20);
      response.on('close', () => clearInterval(timer));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open.push({
      close: async () => {
        server.closeAllConnections();
        server.close();
      },
    });
    const { port } = server.address() as AddressInfo;
    const error = await failure(request(`http://127.0.0.1:${port}/`, { timeoutMs: 200 }));
    expect(error).toMatchObject({ code: 'E_CLOUD_UNREACHABLE', retry: true });
    expect(error.message).toContain('no answer within 200 ms');
  });
});
