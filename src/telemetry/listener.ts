import { chmodSync, lstatSync, rmSync } from 'node:fs';
import http from 'node:http';
import { connect } from 'node:net';
import { asFlanError, FlanError } from '../errors.js';

export type Place =
  | { readonly type: 'port'; readonly ip: string; readonly port: number }
  | { readonly type: 'socket'; readonly path: string };

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** What there is to be read, by path. */
export type Pages = Readonly<Record<string, () => Answer | Promise<Answer>>>;

export interface Listener {
  readonly place: Place;
  close(): Promise<void>;
}

/** Whoever connects more often is no monitoring. */
const MAX_CONNECTIONS = 64;
const REQUEST_TIMEOUT_MS = 10_000;

const HEADERS = {
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  // The page brings its own style and runs nothing.
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
} as const;

/** Serves pages to read. @throws {FlanError} E_LISTEN when nobody may listen there */
export async function listen(place: Place, pages: Pages): Promise<Listener> {
  const server = http.createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS });
  server.maxConnections = MAX_CONNECTIONS;
  server.keepAliveTimeout = REQUEST_TIMEOUT_MS;
  server.on('request', (request, response) => void serve(pages, request, response));
  if (place.type === 'socket') await clearTheWay(place.path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(refused(place, cause)));
    const done = (): void => resolve();
    if (place.type === 'port') server.listen({ host: place.ip, port: place.port }, done);
    else server.listen(place.path, done);
  });
  // Later errors are of single connections (out of descriptors): others go on.
  server.removeAllListeners('error').on('error', () => {});
  if (place.type === 'socket') chmodSync(place.path, 0o660);
  return {
    place,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(pages: Pages, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  const { status, contentType, body } = await answerTo(pages, request);
  const headers = { ...HEADERS, 'content-type': contentType, 'content-length': Buffer.byteLength(body) };
  response.writeHead(status, status === 405 ? { ...headers, allow: 'GET, HEAD' } : headers);
  response.end(request.method === 'HEAD' ? undefined : body);
}

async function answerTo(pages: Pages, { method, url = '/' }: http.IncomingMessage): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'only GET and HEAD\n');
  const path = url.split('?')[0] ?? '/';
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
  if (page === undefined) return plain(404, `not here; there is ${Object.keys(pages).join(' ')}\n`);
  try {
    return await page();
  } catch (cause) {
    return plain(500, `${asFlanError(cause).message}\n`);
  }
}

export const plain = (status: number, body: string): Answer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body,
});

/** Removes the socket that a run before this one left; not one that somebody listens on, and nothing else. */
async function clearTheWay(path: string): Promise<void> {
  const isSocket = lstatSync(path, { throwIfNoEntry: false })?.isSocket() === true;
  if (!isSocket) return;
  const isServed = await new Promise<boolean>((resolve) => {
    const client = connect(path, () => resolve(true)).on('error', () => resolve(false));
    client.on('connect', () => client.destroy());
  });
  if (!isServed) rmSync(path, { force: true });
}

export const placeName = (place: Place): string => {
  if (place.type === 'socket') return place.path;
  return place.ip.includes(':') ? `[${place.ip}]:${place.port}` : `${place.ip}:${place.port}`;
};

const WHY: Readonly<Record<string, { readonly words: string; readonly hint: string }>> = {
  EADDRINUSE: {
    words: 'somebody listens there',
    hint: 'Find out who with `ss -lptn`, or choose another --healthz-port.',
  },
  EADDRNOTAVAIL: {
    words: 'the address is not one of this host',
    hint: 'Choose an address of this host with --healthz-ip.',
  },
  EACCES: { words: 'not permitted', hint: 'Choose a port from 1024 on, or a socket in a directory of your own.' },
  ENOENT: { words: 'its directory does not exist', hint: 'Make the directory, or choose another --healthz-socket.' },
};

function refused(place: Place, cause: NodeJS.ErrnoException): FlanError {
  const { words, hint } = WHY[cause.code ?? ''] ?? {
    words: cause.code ?? cause.message,
    hint: 'Choose another place.',
  };
  return new FlanError('E_LISTEN', `cannot serve health and metrics on ${placeName(place)}: ${words}`, { hint, cause });
}
