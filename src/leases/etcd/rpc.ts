import { type Client, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { onAbort } from './abort.js';
import type { Connection } from './connection.js';
import { EtcdFailure, isServiceError } from './failure.js';
import type { Method } from './proto.js';

export interface Call<I> {
  readonly on: Connection;
  readonly request: I;
  /** Session token of the login; absent without one. */
  readonly token?: string | undefined;
  /** Any of them cancels the call. */
  readonly signals: readonly AbortSignal[];
  /** Absent: as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** For messages. */
  readonly user?: string | undefined;
}

/** One request, one answer. @throws {EtcdFailure}, or a signal's reason */
export function unary<T, I>(method: Method<T, I>, call: Call<I>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const ongoing = start(call, (client) =>
      client.makeUnaryRequest(
        method.path,
        (value: I) => asBuffer(method.request.encode(value)),
        (bytes: Buffer) => method.response.decode(bytes),
        call.request,
        metadata(call),
        deadline(call),
        (error, value) => {
          unhook();
          const aborted = call.signals.find((signal) => signal.aborted);
          if (aborted) reject(aborted.reason);
          else if (error) reject(failed(error, call));
          else resolve(value as T);
        },
      ),
    );
    const unhook = onAbort(call.signals, () => ongoing.cancel());
  });
}

/** One request, answers until the server ends the stream. @throws {EtcdFailure}, or a signal's reason */
export async function* stream<T, I>(method: Method<T, I>, call: Call<I>): AsyncGenerator<T> {
  const ongoing = start(call, (client) =>
    client.makeBidiStreamRequest(
      method.path,
      (value: I) => asBuffer(method.request.encode(value)),
      (bytes: Buffer) => method.response.decode(bytes),
      metadata(call),
      deadline(call),
    ),
  );
  const unhook = onAbort(call.signals, () => ongoing.cancel());
  const throwIfAborted = () => {
    for (const signal of call.signals) signal.throwIfAborted();
  };
  ongoing.write(call.request);
  try {
    for await (const message of ongoing) yield message as T;
  } catch (error) {
    throwIfAborted();
    throw isServiceError(error) ? failed(error, call) : error;
  } finally {
    unhook();
    // Cancelling answers with an error event of its own, which nobody listens for any more.
    ongoing.on('error', () => {});
    ongoing.cancel();
  }
  throwIfAborted();
}

/** grpc-js throws at once when somebody else has found the connection broken and closed it. */
function start<R>(call: Call<unknown>, begin: (client: Client) => R): R {
  try {
    return begin(call.on.client);
  } catch (cause) {
    for (const signal of call.signals) signal.throwIfAborted();
    const details = cause instanceof Error ? cause.message : String(cause);
    throw new EtcdFailure({
      code: status.UNAVAILABLE,
      details,
      endpoint: call.on.endpoint.name,
      user: call.user,
      cause,
    });
  }
}

function metadata({ token }: Call<unknown>): Metadata {
  const result = new Metadata();
  // A member that has lost its leader must say so instead of keeping silent (rpctypes.MetadataRequireLeaderKey).
  result.set('hasleader', 'true');
  if (token !== undefined) result.set('token', token);
  return result;
}

const deadline = ({ timeoutMs }: Call<unknown>) =>
  timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };

const failed = (error: ServiceError, { on, user }: Call<unknown>): EtcdFailure =>
  new EtcdFailure({ code: error.code, details: tidy(error.details), endpoint: on.endpoint.name, user, cause: error });

/** grpc-js ends some of its messages with a line break, a time and an empty note. */
const tidy = (details: string): string =>
  details
    .replace(/\s+/g, ' ')
    .replace(/( \([0-9TZ:.-]+\)\.)? Resolution note: $/, '')
    .trim();

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
