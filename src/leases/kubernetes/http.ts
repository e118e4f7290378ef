import http from 'node:http';
import https from 'node:https';
import { asFlanError, FlanError } from '../../errors.js';
import { isJsonObject, type JsonObject } from '../../model/json.js';
import { ApiError, readStatus, unreachable } from './api-error.js';
import { type ApiBody, bodyOf, collect } from './body.js';
import type { ApiAccess, Credentials } from './credentials.js';

export interface ApiRequest {
  readonly method: 'GET' | 'PATCH' | 'POST';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
  readonly contentType?: string;
  /** The RBAC rule it needs, `patch nodes/status`: told when it is refused. */
  readonly needs: string;
  /** How long the body may pause; the client's own limit when absent. */
  readonly idleTimeoutMs?: number;
}

export interface ApiClient {
  readonly server: string;
  /** Resolves with the body of a 2xx answer, still arriving. */
  open(request: ApiRequest, signal: AbortSignal): Promise<ApiBody>;
  bytes(request: ApiRequest, signal: AbortSignal): Promise<Buffer>;
  json(request: ApiRequest, signal: AbortSignal): Promise<JsonObject>;
  close(): void;
}

/** @throws {FlanError} E_STORE_UNREACHABLE, E_STORE_AUTH, E_STORE_PERMISSION; the signal's reason once it aborts */
export function apiClient(options: { readonly credentials: Credentials; readonly timeoutMs: number }): ApiClient {
  const { credentials, timeoutMs } = options;

  const open = async (request: ApiRequest, signal: AbortSignal): Promise<ApiBody> => {
    try {
      return await attempt(request, signal);
    } catch (error) {
      signal.throwIfAborted();
      // A token may have been rotated, and a kept connection closed, since they were used last: both once more.
      if (error instanceof ApiError && error.status === 401) credentials.invalidate();
      else if (!(error instanceof StaleConnection)) throw error;
      return await attempt(request, signal);
    }
  };

  const attempt = async (request: ApiRequest, signal: AbortSignal): Promise<ApiBody> => {
    signal.throwIfAborted();
    const access = await credentials.access(signal);
    const response = await send({ access, request, timeoutMs, signal });
    const what = `${nameOf(request)} got half an answer`;
    const idleTimeoutMs = request.idleTimeoutMs ?? timeoutMs;
    const body = bodyOf({ response, what, server: access.server, idleTimeoutMs, signal });
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return body;
    const told = readStatus((await collect(body, 64 * 1024)).toString('utf8'));
    const seconds = Number(response.headers['retry-after']);
    throw new ApiError({
      request: nameOf(request),
      needs: request.needs,
      ...told,
      status,
      retryAfterMs: seconds > 0 ? seconds * 1000 : told.retryAfterMs,
    });
  };

  const bytes = async (request: ApiRequest, signal: AbortSignal): Promise<Buffer> =>
    collect(await open(request, signal), 16 * 1024 * 1024);

  return {
    server: credentials.server,
    open,
    bytes,
    async json(request, signal) {
      const body = await bytes(request, signal);
      const value = parseAnswer(request, credentials.server, () => JSON.parse(body.toString('utf8')));
      return parseAnswer(request, credentials.server, () => {
        if (!isJsonObject(value)) throw new SyntaxError('not an object');
        return value;
      });
    },
    close: () => credentials.close(),
  };
}

const nameOf = ({ method, path, query }: ApiRequest): string => `${method} ${path}${query?.watch ? ' (watch)' : ''}`;

/** Runs a parser over an answer; what it cannot read was not sent by an API server, or not whole. */
export function parseAnswer<T>(
  request: Pick<ApiRequest, 'method' | 'path' | 'query'>,
  server: string,
  parse: () => T,
): T {
  try {
    return parse();
  } catch (cause) {
    if (cause instanceof FlanError) throw cause;
    const why = asFlanError(cause).message;
    throw new FlanError(
      'E_STORE_UNREACHABLE',
      `${nameOf(request as ApiRequest)}: the answer of ${server} is not what a Kubernetes API server sends: ${why}`,
      {
        retry: true,
        hint: 'Check that the address is that of a Kubernetes API server and that nothing between rewrites answers',
        cause,
      },
    );
  }
}

/** The server closed a kept connection in the moment it was used again. */
class StaleConnection extends FlanError {}

interface Sending {
  readonly access: ApiAccess;
  readonly request: ApiRequest;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

function send({ access, request, timeoutMs, signal }: Sending): Promise<http.IncomingMessage> {
  const url = new URL(access.server);
  url.pathname = `${url.pathname.replace(/\/$/, '')}${request.path}`;
  url.search = new URLSearchParams(request.query).toString();
  const body = request.body && JSON.stringify(request.body);
  const headers = {
    accept: 'application/json',
    'user-agent': 'flan',
    ...access.headers,
    ...(body !== undefined && {
      'content-type': request.contentType ?? 'application/json',
      'content-length': String(Buffer.byteLength(body)),
    }),
  };
  return new Promise((resolve, reject) => {
    const module = url.protocol === 'http:' ? http : https;
    const sent = module.request(url, { method: request.method, headers, agent: access.agent });
    const timer = setTimeout(() => {
      sent.destroy(new Error(`no response within ${timeoutMs} ms`));
    }, timeoutMs);
    const abort = () => sent.destroy();
    signal.addEventListener('abort', abort, { once: true });
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
    sent.once('response', (response) => {
      settle();
      resolve(response);
    });
    sent.once('error', (cause: NodeJS.ErrnoException) => {
      settle();
      const stale = sent.reusedSocket && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE');
      const error = unreachable({ what: `${nameOf(request)} got no answer`, server: access.server, cause });
      reject(signal.aborted ? signal.reason : stale ? new StaleConnection(error.code, error.message, error) : error);
    });
    sent.on('error', () => {}); // destroyed later, by the body's reader: it has the error already
    sent.end(body);
  });
}
