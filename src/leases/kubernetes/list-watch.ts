import { asFlanError, FlanError } from '../../errors.js';
import type { StoreState } from '../store.js';
import { ApiError, isExpired } from './api-error.js';
import { backoffMs, type Clock } from './clock.js';
import type { ApiClient, ApiRequest } from './http.js';
import type { Span } from './json-bytes.js';
import { list } from './list.js';
import { after, type Happened, type Position, start } from './position.js';
import { watchStream } from './watch-stream.js';

export interface Item {
  readonly name: string;
  readonly resourceVersion: string;
}

export type ItemEvent<T extends Item> =
  | { readonly type: 'snapshot'; readonly items: readonly T[] }
  | { readonly type: 'put' | 'delete'; readonly item: T };

export interface WatchTiming {
  /** How long the server is asked to keep a watch open; up to a third is added, so that watches do not end together. */
  readonly lengthSeconds: number;
  /** Silence after which a connection counts as dead. Servers send a bookmark each minute, give or take. */
  readonly idleTimeoutMs: number;
  /** A watch that ended sooner, saying nothing, counts as a failure. */
  readonly shortMs: number;
}

export const WATCH_TIMING: WatchTiming = { lengthSeconds: 240, idleTimeoutMs: 120_000, shortMs: 1000 };

export interface ListWatchOptions<T extends Item> {
  readonly client: ApiClient;
  readonly path: string;
  /** Resource name, for the hint when RBAC refuses. */
  readonly resource: string;
  readonly fieldSelector?: string;
  readonly read: (bytes: Buffer, object: Span) => T;
  readonly clock: Clock;
  readonly timing: WatchTiming;
  readonly onState?: ((state: StoreState) => void) | undefined;
}

/**
 * Follows a collection for ever: a snapshot, then changes, and another snapshot whenever the server lost the history.
 * Failures of any kind are told by `onState` and waited out; only the signal ends it.
 */
export async function* listWatch<T extends Item>(
  options: ListWatchOptions<T>,
  signal: AbortSignal,
): AsyncGenerator<ItemEvent<T>> {
  let position = start('maybe');
  const move = (happened: Happened): void => {
    position = after(position, happened);
  };
  const tell = teller(options.onState);
  while (!signal.aborted) {
    try {
      if (position.next === 'list') yield await firstState(options, { position, move, signal });
      else yield* changes(options, { position, move, signal, tell: () => tell({ state: 'connected' }) });
      tell({ state: 'connected' });
    } catch (cause) {
      if (signal.aborted) return;
      const refusedStream = position.next === 'stream';
      move({ type: 'failed', error: cause });
      if (refusedStream && position.next === 'list') continue;
      // The first 410 after progress is ordinary: list again at once. One after another is not.
      if (isExpired(cause) && position.failures === 1) continue;
      const error = asFlanError(cause);
      const asked = error instanceof ApiError ? error.retryAfterMs : undefined;
      const retryInMs = backoffMs(position.failures, options.clock, asked);
      tell({ state: 'disconnected', error, retryInMs });
      await options.clock.sleep(retryInMs, signal).catch(() => {});
    }
  }
}

/** Says `connected` once, `disconnected` at every failed attempt. */
function teller(onState: ((state: StoreState) => void) | undefined): (state: StoreState) => void {
  let connected = false;
  return (state) => {
    if (state.state === 'connected' && connected) return;
    connected = state.state === 'connected';
    onState?.(state);
  };
}

interface Turn {
  readonly position: Position;
  readonly move: (happened: Happened) => void;
  readonly signal: AbortSignal;
}

const requestFor = <T extends Item>(options: ListWatchOptions<T>, verb: 'list' | 'watch'): ApiRequest => ({
  method: 'GET',
  path: options.path,
  needs: `${verb} ${options.resource}`,
  ...(options.fieldSelector !== undefined && { query: { fieldSelector: options.fieldSelector } }),
});

async function firstState<T extends Item>(
  options: ListWatchOptions<T>,
  { position, move, signal }: Turn,
): Promise<ItemEvent<T>> {
  const { client, read } = options;
  const resourceVersion = position.version === '0' ? '0' : '';
  const listing = await list({ client, read, resourceVersion, request: requestFor(options, 'list') }, signal);
  move({ type: 'snapshot', version: listing.resourceVersion });
  return { type: 'snapshot', items: listing.items };
}

/** One watch, with or without the first state in front. */
async function* changes<T extends Item>(
  options: ListWatchOptions<T>,
  { position, move, signal, tell }: Turn & { readonly tell: () => void },
): AsyncGenerator<ItemEvent<T>> {
  const { client, read, clock, timing } = options;
  let initial = position.next === 'stream' ? new Map<string, T>() : undefined;
  const asked = requestFor(options, 'watch');
  const request: ApiRequest = {
    ...asked,
    idleTimeoutMs: timing.idleTimeoutMs,
    query: {
      ...asked.query,
      watch: 'true',
      allowWatchBookmarks: 'true',
      timeoutSeconds: String(Math.ceil(timing.lengthSeconds * (1 + clock.random() / 3))),
      ...(initial
        ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', resourceVersion: '' }
        : { resourceVersion: position.version }),
    },
  };
  const openedAtMs = clock.nowMs();
  let said = false;
  // Until the first state is complete there is nothing to be connected to.
  const onOpen = (): void => {
    if (!initial) tell();
  };
  for await (const event of watchStream({ client, request, read, onOpen }, signal)) {
    said = true;
    if (initial) {
      if (event.type !== 'bookmark') {
        if (event.type === 'put') initial.set(event.item.name, event.item);
        else initial.delete(event.item.name);
      } else if (event.initialEnd === 'yes') {
        const items = [...initial.values()];
        initial = undefined;
        move({ type: 'snapshot', version: event.resourceVersion });
        tell();
        yield { type: 'snapshot', items };
      }
    } else if (event.type === 'bookmark') move({ type: 'progress', version: event.resourceVersion });
    else {
      move({ type: 'progress', version: event.item.resourceVersion });
      yield event;
    }
  }
  if (signal.aborted) return;
  if (initial) throw endedEarly(client, 'before the first state was complete');
  if (!said && clock.nowMs() - openedAtMs < timing.shortMs) throw endedEarly(client, 'at once');
  move({ type: 'ended' });
}

const endedEarly = (client: ApiClient, when: string): FlanError =>
  new FlanError('E_STORE_UNREACHABLE', `${client.server} ended the watch ${when}`, {
    retry: true,
    hint: 'The API server may be restarting; flan goes on by itself',
  });
