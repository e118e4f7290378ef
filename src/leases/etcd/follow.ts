import { setTimeout as sleep } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { FlanError } from '../../errors.js';
import type { StoreState } from '../store.js';
import { backoffMs, MAX_BACKOFF_MS } from './backoff.js';
import type { EtcdClient } from './client.js';
import type { EtcdFailure } from './failure.js';
import { type Layout, toBytes } from './keys.js';
import { type Event, RANGE, WATCH, type WatchResponse } from './proto.js';
import type { Reading } from './readings.js';

export interface Follow {
  readonly client: EtcdClient;
  readonly layout: Layout;
  /** All leases as they are now, or were a moment ago. */
  readonly read: () => Promise<Reading>;
  readonly signal: AbortSignal;
  readonly onState: (state: StoreState) => void;
  readonly now: () => number;
  /** Uniform in [0, 1): spreads reconnecting nodes. */
  readonly random: () => number;
}

export type Seen =
  /** `isRewound`: the cluster that answers does not know what it told before. */
  | { readonly type: 'reading'; readonly reading: Reading; readonly isRewound: boolean }
  | { readonly type: 'events'; readonly events: readonly Event[] };

/**
 * The folder, then every change to it, in order, none lost and none invented: a cut stream resumes at the revision
 * after the last event delivered, and where etcd no longer has the history the folder is read again. Goes on until
 * `signal`. @throws {FlanError} before the first folder, for what waiting does not mend (no login, no permission)
 */
export async function* follow(input: Follow): AsyncGenerator<Seen> {
  const { signal, onState, now } = input;
  let at: Position | undefined;
  let isRewound = false;
  let started = false;
  let connected = false;
  let failures = 0;
  let createdAt = Number.NaN;
  let probed = false;
  const tellConnected = (): void => {
    if (!connected) onState({ state: 'connected' });
    connected = true;
  };

  resume: while (!signal.aborted) {
    try {
      if (at === undefined) {
        const reading = await input.read();
        const { folder } = reading;
        at = { next: folder.revision + 1, clusterId: folder.clusterId };
        started = true;
        tellConnected();
        yield { type: 'reading', reading, isRewound };
      }
      const fragments: Event[] = [];
      for await (const response of watchFrom(input, at)) {
        if (isLostHistory(response, at)) {
          // What was only compacted is known to it still.
          isRewound = !response.canceled;
          at = undefined;
          continue resume;
        }
        if (response.canceled) {
          const error = refusal(input.client, response);
          if ((error.meaning !== 'token' && error.meaning !== 'permission') || probed) throw error;
          // The login has expired (some versions say so, some speak of permission): an ordinary call renews it.
          probed = true;
          await input.client.call(RANGE, { key: toBytes(input.layout.folder), limit: 1 }, signal);
          continue resume;
        }
        if (response.created) {
          createdAt = now();
          probed = false;
          tellConnected();
          continue;
        }
        for (const event of response.events) fragments.push(event);
        // The rest of the same revision may follow, so this is no place to resume after.
        if (response.fragment) continue;
        failures = 0;
        at = { ...at, next: nextAfter(fragments, response, at.next) };
        if (fragments.length > 0) yield { type: 'events', events: fragments.splice(0) };
      }
      throw input.client.failure(status.UNAVAILABLE, 'the server ended the watch');
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof FlanError) || error.code === 'E_STORE_CLOSED') throw error;
      if (!started && !error.retry) throw error;
      // A stream that stood for a while was healthy: what broke it is a new trouble.
      if (now() - createdAt > MAX_BACKOFF_MS) failures = 0;
      createdAt = Number.NaN;
      const retryInMs = backoffMs(failures++, input.random);
      connected = false;
      onState({ state: 'disconnected', error, retryInMs });
      await sleep(retryInMs, undefined, { signal }).catch(() => {});
    }
  }
}

interface Position {
  /** The first revision not seen yet. */
  readonly next: number;
  readonly clusterId: bigint;
}

const watchFrom = ({ client, layout, signal }: Follow, { next }: Position): AsyncGenerator<WatchResponse> => {
  const [key, rangeEnd] = [toBytes(layout.folder), toBytes(layout.folderEnd)];
  return client.stream(
    WATCH,
    { create: { key, rangeEnd, startRevision: next, progressNotify: true, fragment: true } },
    signal,
  );
};

/** Compacted; another cluster; or one restored from a backup, whose revisions are behind ours. */
function isLostHistory({ header, created, canceled, compactRevision }: WatchResponse, at: Position): boolean {
  if (canceled) return compactRevision > 0;
  return created && header !== undefined && (header.clusterId !== at.clusterId || header.revision < at.next - 1);
}

/** Without events it is a progress notification: everything up to the header's revision has been sent. */
function nextAfter(events: readonly Event[], { header }: WatchResponse, next: number): number {
  const last = events.at(-1)?.kv?.modRevision ?? header?.revision ?? 0;
  return Math.max(next, last + 1);
}

const refusal = (client: EtcdClient, { cancelReason }: WatchResponse): EtcdFailure =>
  client.failure(
    status.UNAVAILABLE,
    cancelReason.replace(/^rpc error: code = \w+ desc = /, '') || 'the watch was cancelled',
  );
