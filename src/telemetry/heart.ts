import type { Clock } from '../reconcile/clock.js';
import type { WatchEvent } from '../reconcile/events.js';
import type { WatchView } from '../reconcile/view.js';
import type { Vitals } from './health.js';

export interface HeartInit {
  readonly clock: Pick<Clock, 'nowMs' | 'after'>;
  readonly tickMs: number;
  readonly onTick: () => void;
}

/** Keeps asking the kernel for an echo, and knows which run there is now. */
export interface Heart {
  tell(event: WatchEvent): void;
  /** There is another run from now on. */
  look(view: WatchView): void;
  readonly view: () => WatchView | undefined;
  vitals(): Vitals;
  close(): void;
}

export function heart({ clock, tickMs, onTick }: HeartInit): Heart {
  let now: WatchView | undefined;
  let idle = 'starting';
  let heardMs = clock.nowMs();
  const listen = (): void => {
    now?.echo(AbortSignal.timeout(tickMs)).then(
      () => {
        heardMs = clock.nowMs();
      },
      // What was not heard shows by its age.
      () => {},
    );
  };
  const tick = (): void => {
    cancel = clock.after(tickMs, tick);
    listen();
    onTick();
  };
  let cancel = clock.after(tickMs, tick);
  return {
    view: () => now,
    look(view) {
      now = view;
      heardMs = clock.nowMs();
    },
    tell(event) {
      if (event.type === 'waiting') idle = `waiting: ${event.error.message}`;
      else if (event.type === 'lease-lost') {
        idle = event.error.message;
        now = undefined;
      }
    },
    vitals() {
      const { stalledMs, condition } = now ?? {};
      return {
        ...(now === undefined && { idle }),
        stalledMs: stalledMs?.() ?? 0,
        unheardMs: now === undefined ? 0 : clock.nowMs() - heardMs,
        condition: condition?.() ?? { state: 'broken', why: idle },
      };
    },
    close: () => cancel(),
  };
}
