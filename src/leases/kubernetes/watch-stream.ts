import { isJsonObject } from '../../model/json.js';
import { ApiError, statusOf } from './api-error.js';
import type { ApiClient, ApiRequest } from './http.js';
import { parseAnswer } from './http.js';
import { eachMember, type Span, valueIn } from './json-bytes.js';
import { watchLine } from './node-bytes.js';

/** The largest event that is held; etcd refuses larger objects by far. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

export type WatchEvent<T> =
  | { readonly type: 'put' | 'delete'; readonly item: T }
  /** Nothing before this version will come any more. `initialEnd`: with it the first state is complete. */
  | { readonly type: 'bookmark'; readonly resourceVersion: string; readonly initialEnd: 'yes' | 'no' };

export interface WatchStream<T> {
  readonly client: ApiClient;
  readonly request: ApiRequest;
  readonly read: (bytes: Buffer, object: Span) => T;
  readonly onOpen: () => void;
}

/**
 * One watch, until the server ends it. A line that was cut off is dropped with its connection.
 * @throws {FlanError} ApiError also for errors that come inside the stream (410 Expired above all)
 */
export async function* watchStream<T>(stream: WatchStream<T>, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
  const { client, request, read } = stream;
  const chunks = await client.open(request, signal);
  stream.onOpen();
  for await (const line of linesOf(chunks)) {
    const event = parseAnswer(request, client.server, (): WatchEvent<T> | undefined => {
      const { type, object } = watchLine(line);
      if (type === 'ADDED' || type === 'MODIFIED') return { type: 'put', item: read(line, object) };
      if (type === 'DELETED') return { type: 'delete', item: read(line, object) };
      if (type === 'BOOKMARK') return bookmark(line, object);
      if (type === 'ERROR') throw refusal(request, valueIn(line, object));
      return undefined; // a type of a later API: says nothing to us
    });
    if (event !== undefined) yield event;
  }
}

function bookmark(bytes: Buffer, object: Span): WatchEvent<never> {
  let resourceVersion = '';
  let initialEnd: 'yes' | 'no' = 'no';
  eachMember(bytes, object, (part, inside) => {
    if (part !== 'metadata') return;
    eachMember(bytes, inside, (name, value) => {
      if (name === 'resourceVersion') resourceVersion = String(valueIn(bytes, value));
      else if (name === 'annotations') {
        const annotations = valueIn(bytes, value);
        if (isJsonObject(annotations) && annotations['k8s.io/initial-events-end'] === 'true') initialEnd = 'yes';
      }
    });
  });
  return { type: 'bookmark', resourceVersion, initialEnd };
}

function refusal(request: ApiRequest, object: unknown): ApiError {
  const { code, ...told } = statusOf(object);
  return new ApiError({
    request: `${request.method} ${request.path} (watch)`,
    needs: request.needs,
    status: code,
    ...told,
  });
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let pieces: Buffer[] = [];
  let held = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      const last = chunk.subarray(from, end);
      const line = pieces.length === 0 ? last : Buffer.concat([...pieces, last]);
      pieces = [];
      held = 0;
      from = end + 1;
      if (line.length > 0) yield line;
    }
    if (from === chunk.length) continue;
    held += chunk.length - from;
    if (held > MAX_LINE_BYTES) throw new SyntaxError(`an event is larger than ${MAX_LINE_BYTES} bytes`);
    pieces.push(chunk.subarray(from));
  }
}
