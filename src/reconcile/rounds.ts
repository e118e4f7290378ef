import type { Notice, Outcome } from '../drivers/driver.js';
import type { Unread } from '../drivers/drivers.js';
import { asFlanError, FlanError } from '../errors.js';
import { type Key, type Resource, sameValue } from '../planner/kind.js';
import type { Step } from '../planner/plan.js';
import { LISTED_CHANGES } from '../report/history-entry.js';
import { apply } from './apply.js';
import type { Clock } from './clock.js';
import { changeMade } from './drift.js';
import type { AppliedChange, WatchEvent } from './events.js';
import { DEFAULT_FIGHT, Fights } from './fights.js';
import { scopeOf } from './inputs.js';
import type { Session } from './session.js';
import type { StartGuard } from './start-guard.js';
import type { Drift, DuePlan, State } from './state.js';
import type { Round } from './view.js';
import type { Sieve } from './watch-sieve.js';

export interface RoundsInit {
  readonly session: Session;
  readonly state: State;
  readonly clock: Clock;
  readonly adopt: 'yes' | 'no';
  readonly signal: AbortSignal;
  readonly tell: (event: WatchEvent) => void;
  /** Whether another look at everything is news: not before there was a first picture. */
  readonly isNews: () => boolean;
  /** Something got done. */
  readonly onProgress: () => void;
  readonly onRound?: ((round: Round) => void) | undefined;
  readonly guard: StartGuard;
  /** What must not be done though it is asked for. */
  readonly sieve?: Sieve | undefined;
}

type Failure = Exclude<Outcome, { readonly status: 'done' }>;
/** A device with a thousand peers that goes and comes makes thousands of events: other work gets its turn between them. */
const NEWS_PER_TURN = 200;

type StateNotice = Exclude<Notice, { readonly type: 'host' }>;

/** The effect side of `watch`: looks where there is doubt, plans what is pending, applies it, and tells what came of it. */
export class Rounds {
  readonly #init: RoundsInit;
  readonly #fights = new Fights(DEFAULT_FIGHT);
  /** When each drifting key was first heard of, and what was wanted there. */
  readonly #drifting = new Map<Key, { readonly sinceMs: number; readonly wanted: Resource | undefined }>();
  readonly #conflicts = new Set<Key>();
  /** Why each step failed that is still to be done. */
  readonly #errors = new Map<Key, FlanError>();
  #unread: readonly Unread[] = [];
  /** What was heard while everything was being read: the dump may be older than it, so it counts after the dump. */
  #heard: StateNotice[] | undefined;

  /** What happened and was not told yet: putting things right does not wait for that. */
  readonly #news: WatchEvent[] = [];

  constructor(init: RoundsInit) {
    this.#init = init;
  }

  hear(notice: StateNotice): void {
    if (this.#heard !== undefined) {
      this.#heard.push(notice);
      return;
    }
    const drift = this.#init.state.absorb(notice);
    if (drift !== undefined) this.#drifted(drift);
  }

  /** Tells some of what happened, in its order. @returns whether there is more */
  tellSome(): 'more' | 'all' {
    for (const event of this.#news.splice(0, NEWS_PER_TURN)) this.#init.tell(event);
    return this.#news.length > 0 ? 'more' : 'all';
  }

  tellAll(): void {
    while (this.tellSome() === 'more');
  }

  /** The steps that failed and were not done since. */
  get failing(): ReadonlyMap<Key, FlanError> {
    for (const key of this.#errors.keys()) if (!this.#init.state.isFailing(key)) this.#errors.delete(key);
    return this.#errors;
  }

  /** The drivers that could not be read at the last look, and why. */
  get unread(): readonly Unread[] {
    return this.#unread;
  }

  /** @returns how many steps failed */
  async run(): Promise<number> {
    const { clock, onRound } = this.#init;
    const startedMs = clock.nowMs();
    try {
      const errors = await this.#round();
      onRound?.({ result: errors.length === 0 ? 'ok' : 'partial', tookMs: clock.nowMs() - startedMs, errors });
      return errors.length;
    } catch (cause) {
      onRound?.({ result: 'failed', tookMs: clock.nowMs() - startedMs, errors: [asFlanError(cause)] });
      throw cause;
    }
  }

  async #round(): Promise<readonly FlanError[]> {
    const { state, clock, adopt, isNews, onProgress } = this.#init;
    const doubt = state.doubt;
    if (doubt !== undefined) {
      const startedMs = clock.nowMs();
      await this.#lookAtEverything();
      onProgress();
      if (isNews()) this.#news.push({ type: 'resync', why: doubt, tookMs: clock.nowMs() - startedMs });
    }
    const startedMs = clock.nowMs();
    const seen = this.#unread.length === 0 ? 'everything' : 'a part';
    const due = this.#init.guard.sift(state.takePlan({ nowMs: startedMs, adopt }), seen);
    const { steps: planned, conflicts } = due;
    this.#forgetSettled(due);
    const { allowed: steps, refused } = this.#init.sieve?.sort(planned, (step) => this.#isRepair(step)) ?? {
      allowed: planned,
      refused: [],
    };
    for (const conflict of conflicts) {
      if (this.#conflicts.has(conflict.key)) continue;
      this.#conflicts.add(conflict.key);
      this.#news.push({ type: 'conflict', conflict });
    }
    const applied: AppliedChange[] = [];
    const failures: Failure[] = [...refused];
    state.settle(refused, clock.nowMs());
    const waiting = (due.heldUp ?? []).map(
      ({ step, by }): Failure => ({ step, status: 'blocked', error: notOurs(by) }),
    );
    state.settle(waiting, clock.nowMs());
    for (const { step, error } of [...refused, ...waiting]) this.#errors.set(step.key, error);
    for await (const outcomes of apply({ steps, drivers: this.#init.session.drivers, signal: this.#init.signal })) {
      onProgress();
      state.settle(outcomes, clock.nowMs());
      for (const outcome of outcomes) {
        if (outcome.status === 'done') {
          applied.push(this.#done(outcome, applied.length));
          continue;
        }
        this.#errors.set(outcome.step.key, outcome.error);
        if (outcome.status === 'failed') failures.push(outcome);
      }
    }
    if (applied.length > 0) this.#news.push({ type: 'applied', changes: applied, tookMs: clock.nowMs() - startedMs });
    const [first] = failures;
    if (first !== undefined) {
      this.#news.push({ type: 'failed', key: first.step.key, error: first.error, more: failures.length - 1 });
    }
    return [...this.#unread, ...failures].map(({ error }) => error);
  }

  async #lookAtEverything(): Promise<void> {
    const { session, state, signal } = this.#init;
    this.#heard = [];
    try {
      const world = await session.drivers.look(scopeOf(state.inputs, state.desired), session.kinds, signal);
      this.#sayUnread(world.unread);
      for (const drift of state.replaceObserved(world)) this.#drifted(drift);
    } finally {
      const heard = this.#heard;
      this.#heard = undefined;
      for (const notice of heard) this.hear(notice);
    }
  }

  /** Each once, as long as it says the same. */
  #sayUnread(unread: readonly Unread[]): void {
    const before = new Map(this.#unread.map(({ driver, error }) => [driver.name, error.message]));
    const news = unread.filter(({ driver, error }) => before.get(driver.name) !== error.message);
    for (const { error } of news) this.#news.push({ type: 'failed', key: 'observe', error, more: 0 });
    this.#unread = unread;
  }

  /** What came right by itself, or is not wanted any more: what is done there later has nothing to do with it. */
  #forgetSettled({ keys, steps, conflicts }: DuePlan): void {
    if (this.#drifting.size === 0 && this.#conflicts.size === 0) return;
    const left = new Set([...steps, ...conflicts].map(({ key }) => key));
    for (const key of keys) {
      if (left.has(key)) continue;
      this.#drifting.delete(key);
      this.#conflicts.delete(key);
    }
  }

  #done({ step }: Outcome, before: number): AppliedChange {
    const { clock, session } = this.#init;
    this.#conflicts.delete(step.key);
    this.#errors.delete(step.key);
    const drifting = this.#drifting.get(step.key);
    if (drifting !== undefined) {
      const isRepair = this.#isRepair(step);
      this.#drifting.delete(step.key);
      if (isRepair) this.#news.push({ type: 'healed', key: step.key, tookMs: clock.nowMs() - drifting.sinceMs });
    }
    return changeMade(step, before < LISTED_CHANGES ? session.kinds : undefined);
  }

  #drifted(drift: Drift): void {
    const { state, clock } = this.#init;
    const nowMs = clock.nowMs();
    const times = this.#fights.noted(drift.key, nowMs);
    if (times !== undefined) {
      state.holdOff(drift.key, nowMs);
      this.#news.push({ type: 'fight', key: drift.key, times, ...(drift.by !== undefined && { by: drift.by }) });
    }
    const wanted = state.desired.get(drift.key)?.resource;
    if (!this.#drifting.has(drift.key)) this.#drifting.set(drift.key, { sinceMs: nowMs, wanted });
    this.#news.push({ type: 'drift', drift });
  }

  /** Whether a step puts back what others changed, and nothing else is wanted there since. */
  #isRepair(step: Step): boolean {
    const drifting = this.#drifting.get(step.key);
    return drifting !== undefined && step.action !== 'delete' && sameValue(drifting.wanted, step.after);
  }
}

const notOurs = (by: Key): FlanError =>
  new FlanError('E_BLOCKED', `something that is not flan's stands at ${by}`, {
    hint: 'Remove it, or take it over with --adopt.',
    retry: true,
  });
