import { asFlanError, type FlanError } from '../errors.js';
import type { Clock } from './clock.js';
import type { WatchEvent } from './events.js';
import type { Rounds } from './rounds.js';
import type { State } from './state.js';
import type { Timers } from './timers.js';

export interface RoundScheduleInit {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly signal: AbortSignal;
  readonly state: State;
  readonly rounds: Rounds;
  readonly tell: (event: WatchEvent) => void;
  /** All that was due was tried, or could not be (`broken`); so many steps failed. */
  readonly onSettled: (failed: number) => void;
}

/** Under load flushes are this far apart, so that a burst costs a few plans instead of one per event. */
const BURST_INTERVAL_MS = 10;
/** After a driver could not be read: each pause twice as long as the one before. */
const UNREAD_MS = 1000;
const LONGEST_UNREAD_MS = 30_000;
/** How long an end waits for the round in hand. */
const END_MS = 5000;

/** Says when rounds run: when something is due, in bursts, and again after what failed. */
export class RoundSchedule {
  readonly #init: RoundScheduleInit;
  /** Whether there was a first lease snapshot: nothing is deleted, or made, before it. */
  #open = false;
  #isFlushing = false;
  #lastFlush: Promise<void> = Promise.resolve();
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  /** Since when work is due and none of it got done. */
  #dueSinceMs: number | undefined;
  #unreadMs = UNREAD_MS;
  #broken: FlanError | undefined;
  #ended: Promise<void> | undefined;

  constructor(init: RoundScheduleInit) {
    this.#init = init;
  }

  /** From now on rounds may run. */
  open(): void {
    this.#open = true;
  }

  /** See `WatchView.stalledMs`. */
  get stalledMs(): number {
    return this.#dueSinceMs === undefined ? 0 : this.#init.clock.nowMs() - this.#dueSinceMs;
  }

  /** What the last round ended with that is nobody's fault but flan's. */
  get broken(): FlanError | undefined {
    return this.#broken;
  }

  /** Something got done. */
  progressed(): void {
    this.#dueSinceMs = this.#init.clock.nowMs();
  }

  /** Something may be pending: at once when it was quiet, a little later in a burst. */
  wake(): void {
    const { clock, timers } = this.#init;
    if (!this.#open || this.#isFlushing) return;
    this.#dueSinceMs ??= clock.nowMs();
    const sinceMs = clock.nowMs() - this.#lastFlushMs;
    timers.ensure('flush', Math.max(0, BURST_INTERVAL_MS - sinceMs), () => {
      this.#lastFlush = this.#flush();
    });
  }

  /** Resolves when no round is in hand any more, or when that takes too long. */
  ended(): Promise<void> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #end(): Promise<void> {
    let cancel = (): void => {};
    const late = new Promise<void>((resolve) => {
      cancel = this.#init.clock.after(END_MS, resolve);
    });
    await Promise.race([this.#lastFlush, late]);
    cancel();
  }

  async #flush(): Promise<void> {
    const { clock, timers, signal, state, rounds, tell, onSettled } = this.#init;
    this.#isFlushing = true;
    this.#dueSinceMs ??= clock.nowMs();
    let failed = 0;
    this.#broken = undefined;
    try {
      // Two rounds settle a race; what is still unsettled then waits its turn instead of spinning here.
      for (let round = 0; round < 3 && state.hasWork(clock.nowMs()) && !signal.aborted; round++) {
        failed = await rounds.run();
      }
    } catch (cause) {
      this.#broken = asFlanError(cause);
      if (!signal.aborted) tell({ type: 'failed', key: 'observe', error: this.#broken, more: 0 });
    } finally {
      this.#isFlushing = false;
      this.#lastFlushMs = clock.nowMs();
      this.#dueSinceMs = undefined;
      this.#tellNews();
    }
    if (signal.aborted) return;
    onSettled(failed);
    if (this.#broken !== undefined) {
      timers.cancel('retry');
      this.#lookAgain();
      return;
    }
    if (rounds.unread.length > 0) this.#lookAgain();
    else {
      this.#unreadMs = UNREAD_MS;
      timers.cancel('look again');
    }
    this.#scheduleRetry();
    if (state.hasWork(clock.nowMs())) this.wake();
  }

  #lookAgain(): void {
    const { timers, state } = this.#init;
    timers.ensure('look again', this.#unreadMs, () => {
      this.#unreadMs = Math.min(LONGEST_UNREAD_MS, 2 * this.#unreadMs);
      state.doubtEverything('not everything could be read');
      this.wake();
    });
  }

  #scheduleRetry(): void {
    const { clock, timers, state } = this.#init;
    const nextMs = state.nextRetryMs();
    if (nextMs === undefined) timers.cancel('retry');
    else timers.set('retry', Math.max(1, nextMs - clock.nowMs()), () => this.wake());
  }

  #tellNews(): void {
    const { timers, rounds } = this.#init;
    if (rounds.tellSome() === 'more') timers.ensure('news', 0, () => this.#tellNews());
  }
}
