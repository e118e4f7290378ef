import { ApiError, isExpired } from './api-error.js';

/** Where a follower of the API server stands, and what it does next. Pure: see `after`. */
export interface Position {
  /** `stream`: first state and changes in one watch; `list`: the first state by itself; `watch`: changes since `version`. */
  readonly next: 'stream' | 'list' | 'watch';
  /** Nothing older is asked for. `0`: anything the server's cache holds; empty: the newest. */
  readonly version: string;
  /** Whether the server streams lists; found out by trying. */
  readonly streams: 'maybe' | 'no';
  /** Attempts without progress, in a row. */
  readonly failures: number;
}

export type Happened =
  | { readonly type: 'snapshot'; readonly version: string }
  | { readonly type: 'progress'; readonly version: string }
  /** The server ended a watch, as it does every few minutes. */
  | { readonly type: 'ended' }
  | { readonly type: 'failed'; readonly error: unknown };

export const start = (streams: Position['streams']): Position => ({
  next: streams === 'maybe' ? 'stream' : 'list',
  version: streams === 'maybe' ? '' : '0',
  streams,
  failures: 0,
});

export function after(position: Position, happened: Happened): Position {
  switch (happened.type) {
    case 'snapshot':
      return { ...position, next: 'watch', version: happened.version };
    case 'progress':
      return { ...position, version: happened.version || position.version, failures: 0 };
    case 'ended':
      return position;
    case 'failed': {
      const failures = position.failures + 1;
      if (position.next === 'stream') {
        if (refusesStreams(happened.error)) return start('no');
        // Servers before 1.20 neither refuse nor ever complete such a watch.
        return failures < 2 ? { ...position, failures } : { ...start('no'), failures };
      }
      if (!isExpired(happened.error)) return { ...position, failures };
      // History is lost: only the newest state is sure not to be older than what was told already.
      return { ...position, next: position.streams === 'maybe' ? 'stream' : 'list', version: '', failures };
    }
  }
}

/** 422 is what servers answer that do not stream lists (sendInitialEvents), 400 what stricter proxies make of it. */
const refusesStreams = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 422 || error.status === 400);
