import type http from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';

/** What goes wrong with a request that matches. Each is used up `times` times; tests assert `left` is 0. */
export interface Fault {
  readonly matches: (call: {
    readonly verb: string;
    readonly path: string;
    readonly query: URLSearchParams;
  }) => boolean;
  readonly what:
    | {
        readonly type: 'status';
        readonly status: number;
        readonly headers?: Record<string, string>;
        readonly body: string;
      }
    /** No answer at all. */
    | { readonly type: 'hang' }
    /** The connection breaks after so many bytes of body. */
    | { readonly type: 'cut'; readonly afterBytes: number }
    /** Nothing more comes after so many bytes of body, and the connection stays. */
    | { readonly type: 'stall'; readonly afterBytes: number }
    /** Bytes come a few at a time. */
    | { readonly type: 'slow'; readonly pieceBytes: number };
  left: number;
}

/** The body of one answer, on its way through a fault. */
export interface Sink {
  write(text: string): Promise<void>;
  end(): Promise<void>;
}

export function sinkFor(response: http.ServerResponse, fault: Fault | undefined): Sink {
  const what = fault?.what;
  let sent = 0;
  let dead = false;
  const put = (bytes: Buffer): Promise<void> =>
    new Promise((resolve) => {
      if (response.destroyed) resolve();
      else if (response.write(bytes)) resolve();
      else {
        const on = () => {
          response.off('drain', on).off('close', on);
          resolve();
        };
        response.once('drain', on).once('close', on);
      }
    });
  return {
    async write(text) {
      if (dead) return;
      const bytes = Buffer.from(text);
      if (what?.type === 'cut' || what?.type === 'stall') {
        const room = what.afterBytes - sent;
        sent += bytes.length;
        if (bytes.length < room) return put(bytes);
        dead = true;
        if (room > 0) await put(bytes.subarray(0, room));
        // What is written must have left before the connection breaks, or the cut comes sooner than asked.
        if (what.type === 'cut') setTimeout(() => response.destroy(), 20);
        return;
      }
      if (what?.type !== 'slow') return put(bytes);
      for (let i = 0; i < bytes.length; i += what.pieceBytes) {
        await put(bytes.subarray(i, i + what.pieceBytes));
        await turn();
      }
    },
    async end() {
      if (!dead) response.end();
    },
  };
}
