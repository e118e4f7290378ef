import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, systemClock } from '../../src/reconcile/clock.js';
import type { WatchEvent } from '../../src/reconcile/events.js';
import type { Session } from '../../src/reconcile/session.js';
import type { WatchView } from '../../src/reconcile/view.js';
import { watch } from '../../src/reconcile/watch.js';
import type { LabNode } from '../support/lab.js';
import { type Between, openLabSession } from '../support/lab-session.js';

export interface Watching {
  readonly events: readonly WatchEvent[];
  readonly until: (matches: (event: WatchEvent) => boolean) => Promise<void>;
  /** Undefined before the lease is held. */
  readonly view: () => WatchView | undefined;
  /** Asks the run to end, and waits until it has. */
  readonly stop: () => Promise<void>;
}

export interface Disturbance extends Between {
  readonly clock?: Clock;
  /** The session that is watched through. */
  readonly session?: (session: Session) => Session;
}

/** Runs watch in this process, with something between it and its drivers, until `body` is through. */
export async function watching(
  node: LabNode,
  between: Disturbance,
  body: (watching: Watching) => Promise<void>,
): Promise<void> {
  const opened = await openLabSession(node.flags, between);
  const session = between.session?.(opened) ?? opened;
  const end = new AbortController();
  const events: WatchEvent[] = [];
  let view: WatchView | undefined;
  const done = watch({
    ...{ session, adopt: 'no', signal: end.signal, clock: between.clock ?? systemClock },
    tell: (event) => events.push(event),
    onView: (one) => {
      view = one;
    },
    ...{ resyncIntervalMs: 36_000_000, renewMarginMs: 1000, backoff: { firstMs: 20, maxMs: 40, forgetMs: 1000 } },
  });
  const until = async (matches: (event: WatchEvent) => boolean): Promise<void> => {
    for (let waited = 0; !events.some(matches); waited++) {
      if (waited > 2000) throw new Error(`it never came: ${events.map((event) => JSON.stringify(event)).join('\n')}`);
      await sleep(5);
    }
  };
  let isAsked = false;
  const stop = async (): Promise<void> => {
    isAsked = true;
    end.abort();
    await done;
  };
  const running = body({ events, until, view: () => view, stop });
  try {
    const ended = done.then(() => (isAsked ? running : Promise.reject(new Error('watch ended by itself'))));
    await Promise.race([running, ended]);
  } finally {
    await stop();
    await session.close();
  }
}
