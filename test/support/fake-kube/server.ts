import type http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';
import { type Certificates, makeCertificates } from './certs.js';
import { type Fault, sinkFor } from './faults.js';
import { type ListOptions, listPage, selection } from './list.js';
import type { KubeObject } from './objects.js';
import { patchObject } from './patch-object.js';
import { type Attributes, allows, forbidden, type Rule } from './rbac.js';
import { badRequest, conflict, notFound, StatusError, unauthorized } from './status.js';
import { keyOf, Storage } from './storage.js';
import { serveWatch, type WatchBehaviour } from './watch.js';

/** A request as the authorizer saw it. */
export interface Call extends Attributes {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType: string | undefined;
  status: number;
}

export interface FakeKubeOptions extends Partial<WatchBehaviour> {
  /** What the service account may do; everything when absent. Holders of a client certificate may always do all. */
  readonly rules?: readonly Rule[];
}

/** An API server over real HTTPS with the resources that flan touches, written from the API's documentation. */
export interface FakeKube {
  readonly url: string;
  readonly certificates: Certificates;
  readonly nodes: Storage;
  readonly pods: Storage;
  readonly events: Storage;
  readonly calls: Call[];
  readonly faults: Fault[];
  /** The bearer tokens that are good now. Take one out to expire it. */
  readonly tokens: Map<string, string>;
  readonly behaviour: WatchBehaviour;
  /** Open watches. */
  watches(): number;
  /** Ends all connections; new ones are welcome. */
  cut(): void;
  /** Nobody listens any more. */
  stop(): Promise<void>;
  /** Listens again, at the same address. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export const SERVICE_ACCOUNT = 'system:serviceaccount:kube-flannel:flannel';

/** A TLS session that is resumed counts as authorized without any certificate. */
const isCertified = (socket: TLSSocket): boolean =>
  socket.authorized && socket.getPeerCertificate().subject !== undefined;

export async function fakeKube(options: FakeKubeOptions = {}): Promise<FakeKube> {
  const certificates = makeCertificates();
  const storages: Readonly<Record<string, Storage>> = {
    nodes: new Storage(),
    pods: new Storage(),
    events: new Storage(),
  };
  const calls: Call[] = [];
  const faults: Fault[] = [];
  const tokens = new Map([['token-1', SERVICE_ACCOUNT]]);
  const behaviour: WatchBehaviour = {
    streams: options.streams ?? true,
    expiry: options.expiry ?? 'in-stream',
    bookmarkMs: options.bookmarkMs ?? 200,
  };
  const open = new Set<TLSSocket>();
  let watching = 0;

  const authenticate = (request: http.IncomingMessage): string => {
    const socket = request.socket as TLSSocket;
    if (isCertified(socket)) return String(socket.getPeerCertificate().subject.CN);
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const user = token === undefined ? undefined : tokens.get(token);
    if (user === undefined) throw unauthorized();
    return user;
  };

  const handle = async (request: http.IncomingMessage, response: http.ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'https://localhost');
    const query = url.searchParams;
    const target = parsePath(url.pathname);
    const verb = verbOf(request.method ?? 'GET', target, query);
    const fault = faults.find((known) => known.left > 0 && known.matches({ verb, path: url.pathname, query }));
    if (fault) fault.left--;
    if (fault?.what.type === 'hang') return;
    if (fault?.what.type === 'status') {
      response
        .writeHead(fault.what.status, { 'content-type': 'text/plain', ...fault.what.headers })
        .end(fault.what.body);
      return;
    }
    const user = authenticate(request);
    const resource = target.subresource ? `${target.resource}/${target.subresource}` : target.resource;
    const contentType = request.headers['content-type'];
    const call: Call = {
      user,
      verb,
      resource,
      namespace: target.namespace,
      path: url.pathname,
      query,
      contentType,
      status: 200,
    };
    calls.push(call);
    try {
      const mayAll = isCertified(request.socket as TLSSocket) || options.rules === undefined;
      if (!mayAll && !allows(options.rules ?? [], call)) throw forbidden(call);
      const storage = storages[target.resource];
      if (storage === undefined)
        throw new StatusError(404, 'NotFound', 'the server could not find the requested resource');
      const sink = sinkFor(response, fault);
      if (verb === 'watch') {
        watching++;
        const ready = () => response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
        const closed = new Promise<void>((resolve) => response.once('close', resolve));
        await serveWatch({ storage, query, behaviour, sink, ready, closed }).finally(() => {
          watching--;
        });
        return;
      }
      const body = await answer({ verb, target, storage, query, request });
      response.writeHead(verb === 'create' ? 201 : 200, { 'content-type': 'application/json' });
      // The real one, too, encodes a whole list before it writes it.
      await sink.write([...body].join(''));
      await sink.end();
    } catch (error) {
      if (error instanceof StatusError) call.status = error.code;
      throw error;
    }
  };

  const listener = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    handle(request, response).catch((error: unknown) => {
      const status = error instanceof StatusError ? error : new StatusError(500, 'InternalError', String(error));
      if (response.headersSent) response.destroy();
      else {
        const seconds = status.details.retryAfterSeconds;
        const later = seconds === undefined ? {} : { 'retry-after': String(seconds) };
        response
          .writeHead(status.code, { 'content-type': 'application/json', ...later })
          .end(JSON.stringify(status.body()));
      }
    });
  };

  const { cert, key } = certificates.server;
  const make = () => {
    const server = https.createServer(
      { cert, key, ca: certificates.ca, requestCert: true, rejectUnauthorized: false },
      listener,
    );
    server.on('secureConnection', (socket) => {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      socket.on('error', () => {});
    });
    return server;
  };
  let server = make();
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      cut();
    });

  return {
    url: `https://127.0.0.1:${port}`,
    certificates,
    nodes: storages.nodes as Storage,
    pods: storages.pods as Storage,
    events: storages.events as Storage,
    calls,
    faults,
    tokens,
    behaviour,
    watches: () => watching,
    cut,
    stop,
    async start() {
      server = make();
      await listen(port);
    },
    async close() {
      await stop();
      certificates.remove();
    },
  };
}

interface Target {
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string | undefined;
}

function parsePath(pathname: string): Target {
  const match = /^\/api\/v1(?:\/namespaces\/([^/]+))?\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(pathname);
  if (!match) return { resource: '', namespace: undefined, name: undefined, subresource: undefined };
  const [, namespace, resource = '', name, subresource] = match.map((part) => part && decodeURIComponent(part));
  return { resource, namespace, name, subresource };
}

function verbOf(method: string, target: Target, query: URLSearchParams): string {
  if (method === 'PATCH') return 'patch';
  if (method === 'POST') return 'create';
  if (method !== 'GET') return method.toLowerCase();
  if (target.name !== undefined) return 'get';
  return ['true', '1'].includes(query.get('watch') ?? '') ? 'watch' : 'list';
}

interface Creating {
  readonly body: string;
  readonly storage: Storage;
  readonly namespace: string | undefined;
}

/** A POST to a collection. */
function created({ body, storage, namespace }: Creating): KubeObject {
  const object = JSON.parse(body) as KubeObject;
  if (object.metadata.namespace !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  const { name } = object.metadata;
  if (storage.get(keyOf(object))) throw conflict('events', name, 'the object exists already');
  return storage.put(object);
}

interface Answering extends Pick<ListOptions, 'storage' | 'query'> {
  readonly verb: string;
  readonly target: Target;
  readonly request: http.IncomingMessage;
}

/** The body, in parts: a list comes one object at a time. */
async function answer({ verb, target, storage, query, request }: Answering): Promise<Iterable<string>> {
  const { name = '', namespace, resource, subresource } = target;
  if (verb === 'create') return [JSON.stringify(created({ body: await text(request), storage, namespace }))];
  if (verb === 'list') return listPage({ storage, query, selects: selection(query) });
  if (verb !== 'get' && verb !== 'patch')
    throw new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
  const key = namespace ? `${namespace}/${name}` : name;
  const before = storage.get(key);
  if (verb === 'get') {
    if (!before) throw notFound(resource, name);
    return [JSON.stringify(before)];
  }
  const body = await text(request);
  const type = (request.headers['content-type'] ?? '').split(';')[0] ?? '';
  const patched: KubeObject = patchObject({ before, resource, name, subresource, type, body });
  if (keyOf(patched) !== key) throw badRequest('the name of the object does not match the name on the URL');
  return [JSON.stringify(storage.put(patched))];
}
