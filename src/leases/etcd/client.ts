import { status } from '@grpc/grpc-js';
import { FlanError } from '../../errors.js';
import { type ClientOptions, type Connection, connect } from './connection.js';
import { hasTls } from './credentials.js';
import { parseEndpoints } from './endpoint.js';
import { EtcdFailure, hasMeaning } from './failure.js';
import type { Method } from './proto.js';
import { type Call, stream, unary } from './rpc.js';
import { session } from './session.js';

/** Talks to one server of the cluster at a time and turns to the next when it fails. */
export interface EtcdClient {
  readonly name: string;
  /**
   * One request, one answer. Every endpoint is tried once, so a write may have happened though this throws: writes
   * must be conditional. @throws {FlanError} E_STORE_UNREACHABLE, E_STORE_AUTH, E_STORE_PERMISSION, E_STORE_REFUSED
   */
  call<T, I>(method: Method<T, I>, request: I, signal: AbortSignal): Promise<T>;
  /** The same for a method that is a stream by its definition (LeaseKeepAlive). */
  exchange<T, I>(method: Method<T, I>, request: I, signal: AbortSignal): Promise<T>;
  /** Sends one request and yields answers until the server ends or fails. Never retries; the next one goes elsewhere. */
  stream<T, I>(method: Method<T, I>, request: I, signal: AbortSignal): AsyncGenerator<T>;
  /** A failure of the server in use, told by an answer instead of by gRPC. */
  failure(code: number, details: string): EtcdFailure;
  close(): void;
}

/** @throws {FlanError} E_CONFIG */
export function etcdClient(options: ClientOptions): EtcdClient {
  const endpoints = parseEndpoints(options.endpoints, hasTls(options.tls ?? {}) ? 'https' : 'http');
  const { user, dialTimeoutMs = 5_000, requestTimeoutMs: timeoutMs = 10_000 } = options;
  const lifetime = new AbortController();
  const login = session({ user, timeoutMs, lifetime: lifetime.signal });
  let index = 0;
  let current: Connection | undefined;

  const endpoint = () => endpoints[index % endpoints.length] ?? endpoints[0];
  const connection = (): Connection => {
    lifetime.signal.throwIfAborted();
    current ??= connect(endpoint(), options);
    return current;
  };
  /** Leaves a connection that failed; calls that others have on it go on. */
  const leave = (failed: Connection): void => {
    if (current !== failed) return;
    index++;
    current = undefined;
    failed.client.close();
  };

  type Prepared = Omit<Call<never>, 'request'>;

  /** Runs `work` on one endpoint after the other until one can answer; logs in once more if the token has expired. */
  async function visit<T>(work: (call: Prepared) => Promise<T>, signal: AbortSignal): Promise<T> {
    // A connection that stood before this call may have died unnoticed: its failure does not count as a visit.
    let left = endpoints.length + (current?.used === true ? 1 : 0);
    let renewed = user === undefined;
    for (;;) {
      signal.throwIfAborted();
      const on = connection();
      let token: string | undefined;
      try {
        await on.ready(dialTimeoutMs, signal);
        token = await login.token(on, signal);
        const result = await work({ on, token, signals: [signal, lifetime.signal], timeoutMs, user: user?.name });
        on.used = true;
        return result;
      } catch (error) {
        if (hasMeaning(error, 'token') && !renewed) {
          renewed = true;
          login.forget(token);
        } else if (hasMeaning(error, 'unreachable')) {
          leave(on);
          if (--left <= 0) throw error;
        } else throw error;
      }
    }
  }

  return {
    name: `etcd ${endpoints.map((one) => one.name).join(',')}`,
    call: (method, request, signal) => visit((call) => unary(method, { ...call, request }), signal),
    exchange: (method, request, signal) =>
      visit(async (call) => {
        for await (const answer of stream(method, { ...call, request })) return answer;
        const details = 'the server ended the call without an answer';
        const endpoint = call.on.endpoint.name;
        throw new EtcdFailure({ code: status.UNAVAILABLE, details, endpoint, user: user?.name });
      }, signal),
    async *stream(method, request, signal) {
      const on = connection();
      let token: string | undefined;
      try {
        await on.ready(dialTimeoutMs, signal);
        token = await login.token(on, signal);
        const signals = [signal, lifetime.signal];
        for await (const answer of stream(method, { on, request, token, signals, user: user?.name })) {
          on.used = true;
          yield answer;
        }
      } catch (error) {
        if (hasMeaning(error, 'unreachable')) leave(on);
        if (hasMeaning(error, 'token')) login.forget(token);
        throw error;
      }
    },
    failure: (code, details) => new EtcdFailure({ code, details, endpoint: endpoint().name, user: user?.name }),
    close() {
      lifetime.abort(new FlanError('E_STORE_CLOSED', 'the connection to etcd has been closed'));
      current?.client.close();
      current = undefined;
    },
  };
}
