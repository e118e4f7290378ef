import type { Sink } from './faults.js';
import { selection } from './list.js';
import type { KubeObject } from './objects.js';
import { expired, invalidOptions, StatusError } from './status.js';
import type { Storage } from './storage.js';

export interface WatchBehaviour {
  /** Feature gate WatchList. */
  streams: boolean;
  /** The watch cache sends 410 inside the stream, the store by HTTP. */
  expiry: 'in-stream' | 'http';
  bookmarkMs: number;
}

export interface ServeWatch {
  readonly storage: Storage;
  readonly query: URLSearchParams;
  readonly behaviour: WatchBehaviour;
  readonly sink: Sink;
  /** Sends the headers. */
  readonly ready: () => void;
  /** Settles when the client has gone. */
  readonly closed: Promise<void>;
}

/** @throws {StatusError} before the headers are sent */
export async function serveWatch({ storage, query, behaviour, sink, ready, closed }: ServeWatch): Promise<void> {
  const selects = selection(query);
  const bookmarks = query.get('allowWatchBookmarks') === 'true';
  const initial = checkInitial(query, behaviour);
  const asked = query.get('resourceVersion') ?? '';
  const from = asked === '' || asked === '0' ? undefined : Number(asked);
  if (from !== undefined && Number.isNaN(from)) throw invalidOptions(`resourceVersion: Invalid value: "${asked}"`);

  let queue: string[] = [];
  let told = storage.version;
  let wake = () => {};
  const say = (type: string, object: unknown): void => {
    queue.push(`${JSON.stringify({ type, object })}\n`);
    wake();
  };
  const bookmark = (annotations?: Readonly<Record<string, string>>): void => {
    const metadata = { resourceVersion: String(told), creationTimestamp: null, ...(annotations && { annotations }) };
    say('BOOKMARK', { kind: 'Node', apiVersion: 'v1', metadata, spec: {}, status: { nodeInfo: {} } });
  };
  const tooOld = from !== undefined && from < storage.compacted;
  if (tooOld) {
    const error = expired(`too old resource version: ${from} (${storage.compacted})`);
    if (behaviour.expiry === 'http') throw error;
    ready();
    say('ERROR', error.body());
    for (const line of queue) await sink.write(line);
    await sink.end();
    return;
  }
  ready();
  if (from === undefined) {
    for (const object of storage.all()) if (selects(object)) say('ADDED', object);
    if (initial) bookmark({ 'k8s.io/initial-events-end': 'true' });
  } else {
    for (const { type, object } of storage.since(from)) if (selects(object)) say(type, object);
  }
  const stop = storage.watch(({ type, object, version }: { type: string; object: KubeObject; version: number }) => {
    told = version;
    if (selects(object)) say(type, object);
  });
  let over = false;
  const end = (): void => {
    over = true;
    wake();
  };
  void closed.then(end);
  const beat = setInterval(() => bookmarks && bookmark(), behaviour.bookmarkMs);
  const limit = setTimeout(
    () => {
      if (bookmarks) bookmark();
      end();
    },
    Number(query.get('timeoutSeconds') ?? 1800) * 1000,
  );
  try {
    while (!over || queue.length > 0) {
      const lines = queue;
      queue = [];
      if (lines.length > 0) await Promise.race([sink.write(lines.join('')), closed]);
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    await sink.end();
  } finally {
    stop();
    clearInterval(beat);
    clearTimeout(limit);
  }
}

/** @returns whether the first state is asked for as a stream. @see KEP-3157 */
function checkInitial(query: URLSearchParams, { streams }: WatchBehaviour): boolean {
  const match = query.get('resourceVersionMatch');
  const wants = query.get('sendInitialEvents');
  if (wants === null) {
    if (match)
      throw invalidOptions(
        'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      );
    return false;
  }
  if (!streams) {
    throw invalidOptions(
      'sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled',
    );
  }
  if (match !== 'NotOlderThan') {
    throw new StatusError(422, 'Invalid', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  return wants === 'true';
}
