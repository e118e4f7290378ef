import type { Notice, Outcome } from '../drivers/driver.js';
import { asFlanError, FlanError } from '../errors.js';
import type { LeaseEvent, StoreState } from '../leases/store.js';
import type { Lease, LeaseKey } from '../model/lease.js';
import { leaseName } from '../model/lease.js';
import type { LeaseTable } from '../model/lease-table.js';
import { type Key, sameValue } from '../planner/kind.js';
import { apply } from './apply.js';
import { Backoff, type BackoffSettings, DEFAULT_BACKOFF } from './backoff.js';
import type { Clock } from './clock.js';
import { peerWarnings } from './compute.js';
import type { AppliedChange, WatchEvent } from './events.js';
import { DEFAULT_FIGHT, Fights } from './fights.js';
import { DEFAULT_GUARD, type GuardSettings, HeldSnapshot, isMassDeletion } from './guard.js';
import { holdLease, keepOwnLease, type OwnLeaseKeeper } from './hold-lease.js';
import { scopeOf } from './inputs.js';
import { leaseView, peerTable, quarantineError } from './peers.js';
import type { Session } from './session.js';
import { type Drift, State } from './state.js';
import { hostWarnings, requestOf, type Survey, survey, withOwn } from './survey.js';

export interface WatchInput {
  readonly session: Session;
  readonly adopt: 'yes' | 'no';
  readonly signal: AbortSignal;
  readonly tell: (event: WatchEvent) => void;
  readonly clock: Clock;
  /** Between two full looks at everything, jittered by a tenth. */
  readonly resyncIntervalMs: number;
  /** How long before its expiry the own lease is renewed. */
  readonly renewMarginMs: number;
  /** Share of the peers that a snapshot may take away unasked; 1 for all. */
  readonly guardFraction?: number;
  readonly backoff?: BackoffSettings;
}

/** Under load flushes are this far apart, so that a burst costs a few plans instead of one per event. */
const BURST_INTERVAL_MS = 10;
/** Link and address events come in bundles; one look at the host serves them all. */
const HOST_SETTLE_MS = 20;

/**
 * Holds the lease, follows leases and kernel, and keeps desired and observed equal until the signal aborts. Everything
 * stays in place when it returns.
 * @throws {FlanError} what makes it impossible to start; E_LEASE_LOST when another node took the lease
 */
export async function watch(input: WatchInput): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([input.signal, stop.signal]);
  const seen = survey(input.session);
  for (const warning of [...seen.warnings, ...hostWarnings(seen.inputs, seen.facts)]) {
    input.tell({ type: 'warning', warning });
  }
  const { lease, request } = await holdLease({ ...input, signal, survey: seen });
  const loop = new Loop({ ...input, signal }, { ...seen, request }, lease);
  try {
    await loop.run();
  } finally {
    stop.abort();
    loop.dispose();
  }
}

class Loop {
  readonly #input: WatchInput;
  readonly #keeper: OwnLeaseKeeper;
  readonly #state: State;
  readonly #table: LeaseTable;
  readonly #fights = new Fights(DEFAULT_FIGHT);
  readonly #guard: GuardSettings;
  /** When each drifting key was first heard of. */
  readonly #drifting = new Map<Key, number>();
  readonly #timers = new Map<string, () => void>();
  #survey: Survey;
  #held: { readonly snapshot: HeldSnapshot; readonly sinceMs: number } | undefined;
  #synced = false;
  #ready = false;
  #flushing = false;
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  #conflicts = new Set<Key>();

  constructor(input: WatchInput, first: Survey, lease: Lease) {
    this.#input = input;
    this.#survey = first;
    this.#guard = { ...DEFAULT_GUARD, fraction: input.guardFraction ?? DEFAULT_GUARD.fraction };
    const made = withOwn(first.inputs, lease);
    this.#state = new State({
      kinds: input.session.kinds,
      inputs: made,
      backoff: new Backoff(input.backoff ?? DEFAULT_BACKOFF),
    });
    this.#table = peerTable(made, first.facts);
    this.#keeper = keepOwnLease({ ...input, lease, request: first.request, onLease: (renewed) => this.#own(renewed) });
  }

  async run(): Promise<void> {
    const { session, signal, tell } = this.#input;
    const startedMs = this.#input.clock.nowMs();
    // Subscribe before reading: whatever changes in between is told, whatever changed before is seen.
    await session.drivers.follow(scopeOf(this.#state.inputs, this.#state.desired), (n) => this.#notice(n), signal);
    const following = this.#followLeases(() => this.#becomeReady(startedMs));
    this.#scheduleResync();
    try {
      await Promise.race([this.#keeper.done, following, aborted(signal)]);
    } finally {
      tell({ type: 'stopped', why: signal.aborted ? 'asked to' : 'failed' });
    }
  }

  dispose(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#timers.clear();
  }

  async #followLeases(onFirst: () => Promise<void>): Promise<void> {
    const { session, signal } = this.#input;
    for await (const event of session.store.watch(signal, (state) => this.#storeState(state))) {
      this.#lease(event);
      if (!this.#synced && event.type === 'snapshot') {
        this.#synced = true;
        await onFirst();
      }
    }
    if (!signal.aborted) throw new FlanError('E_STORE_UNREACHABLE', `${session.store.name}: the watch ended by itself`);
  }

  async #becomeReady(startedMs: number): Promise<void> {
    const { clock, tell } = this.#input;
    const failed = await this.#flush();
    this.#ready = true;
    const peers = [...this.#table.admitted()].length;
    tell({ type: 'ready', peers, resources: this.#state.desired.size, failed, tookMs: clock.nowMs() - startedMs });
    this.#wake();
  }

  #storeState(state: StoreState): void {
    this.#input.tell({ type: 'store', ...state });
  }

  #own(lease: Lease): void {
    this.#input.tell({ type: 'lease', lease, why: 'renewed' });
    if (sameValue(lease.ipv4, this.#state.inputs.own?.ipv4) && sameValue(lease.ipv6, this.#state.inputs.own?.ipv6))
      return;
    this.#adoptSurvey(this.#survey, lease);
  }

  #lease(event: LeaseEvent): void {
    const { clock, tell } = this.#input;
    if (event.type === 'reject') {
      tell({ type: 'quarantined', entry: event.rejected.entry, error: event.rejected.error });
      return;
    }
    if (event.type === 'snapshot') {
      for (const { entry, error } of event.rejected) tell({ type: 'quarantined', entry, error });
      if (this.#isSuspicious(new Set(event.leases.map(({ key }) => key)))) {
        this.#held = { snapshot: new HeldSnapshot(event), sinceMs: clock.nowMs() };
        this.#timer('held', this.#guard.holdMs, () => this.#release());
        return;
      }
      this.#held = undefined;
    } else if (this.#held !== undefined) {
      this.#held.snapshot.absorb(event);
      if (!this.#isSuspicious(this.#held.snapshot.keys)) this.#release();
      return;
    }
    this.#absorb(event);
  }

  #isSuspicious(has: ReadonlySet<LeaseKey>): boolean {
    if (!this.#synced) return false;
    const had = new Set([...this.#table.admitted()].map(({ key }) => key));
    if (!isMassDeletion(had, has, this.#guard)) return false;
    const would = [...had].filter((key) => !has.has(key)).length;
    if (this.#held === undefined) this.#input.tell({ type: 'held', would, of: had.size, holdMs: this.#guard.holdMs });
    return true;
  }

  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    this.#cancel('held');
    if (held !== undefined) this.#absorb({ type: 'snapshot', ...held.snapshot.listing });
  }

  #absorb(event: Exclude<LeaseEvent, { type: 'reject' }>): void {
    this.#peersChanged(this.#table.absorb(event));
    // The keeper tries to get it back, and says so when somebody else has it.
    if (this.#table.own().length === 0 && event.type !== 'put') this.#keeper.renewNow();
  }

  #peersChanged({ changed, quarantined }: ReturnType<LeaseTable['absorb']>): void {
    const { tell } = this.#input;
    for (const one of quarantined) tell({ type: 'quarantined', entry: one.lease.key, error: quarantineError(one) });
    for (const key of changed) {
      const lease = this.#table.get(key);
      if (lease === undefined) this.#state.deletePeer(key);
      else {
        this.#state.putPeer(lease);
        for (const warning of peerWarnings(this.#state.inputs, lease)) tell({ type: 'warning', warning });
      }
      if (this.#ready) {
        tell({ type: 'peer', change: lease ? 'changed' : 'removed', lease: lease ? leaseName(lease) : key });
      }
    }
    this.#wake();
  }

  #notice(notice: Notice): void {
    if (notice.type === 'host') {
      this.#timer('host', HOST_SETTLE_MS, () => this.#lookAtHost(notice.why));
      return;
    }
    const drift = this.#state.absorb(notice);
    if (drift !== undefined) this.#drifted(drift);
    this.#wake();
  }

  #drifted(drift: Drift): void {
    const { clock, tell } = this.#input;
    const nowMs = clock.nowMs();
    const times = this.#fights.noted(drift.key, nowMs);
    if (times !== undefined) {
      this.#state.holdOff(drift.key, nowMs);
      tell({ type: 'fight', key: drift.key, times, ...(drift.by !== undefined && { by: drift.by }) });
    }
    if (!this.#drifting.has(drift.key)) this.#drifting.set(drift.key, nowMs);
    tell({ type: 'drift', drift });
  }

  /** Links, addresses or default routes changed: choose the interface again, and publish what that changes. */
  #lookAtHost(why: string): void {
    const { session, tell } = this.#input;
    this.#state.retryNow();
    try {
      const host = survey(session);
      const seen = { ...host, request: requestOf(withOwn(host.inputs, this.#state.inputs.own), host.previous) };
      const moved = !sameValue(seen.inputs.external, this.#survey.inputs.external);
      const isNews = !sameValue(seen.request.published, this.#survey.request.published);
      if (moved) tell({ type: 'host', what: why });
      this.#adoptSurvey(seen, this.#state.inputs.own);
      if (isNews) this.#keeper.renewNow(seen.request);
    } catch (cause) {
      // Fail static: with no usable interface right now the last known one stays desired until there is one again.
      tell({ type: 'failed', key: 'host', error: asFlanError(cause), more: 0 });
    }
    this.#wake();
  }

  #adoptSurvey(seen: Survey, own: Lease | undefined): void {
    this.#survey = seen;
    const made = withOwn(seen.inputs, own);
    const before = this.#state.inputs;
    const delta = this.#table.look(leaseView(made, seen.facts));
    const routesMatter = made.backend.usesLookups(made.context.options);
    if (routesMatter || !sameValue(before.external, made.external) || !sameValue(before.own, made.own)) {
      this.#state.setInputs(made, this.#table.admitted());
    }
    this.#peersChanged(delta);
  }

  /** Something is pending: at once when it was quiet, a little later in a burst. */
  #wake(): void {
    if (!this.#ready || this.#flushing) return;
    const sinceMs = this.#input.clock.nowMs() - this.#lastFlushMs;
    const run = (): void => void this.#flush();
    if (sinceMs >= BURST_INTERVAL_MS) this.#timer('flush', 0, run);
    else this.#timer('flush', BURST_INTERVAL_MS - sinceMs, run);
  }

  /** Plans and applies until nothing is due. @returns how many steps failed */
  async #flush(): Promise<number> {
    const { clock, signal } = this.#input;
    if (this.#flushing) return 0;
    this.#flushing = true;
    let failed = 0;
    try {
      // Two rounds settle a race; what is still unsettled then waits its turn instead of spinning here.
      for (let round = 0; round < 3 && this.#state.hasWork(clock.nowMs()) && !signal.aborted; round++) {
        failed = await this.#round();
      }
    } catch (cause) {
      this.#state.doubtEverything('the last look failed');
      this.#input.tell({ type: 'failed', key: 'observe', error: asFlanError(cause), more: 0 });
      this.#timer('retry', 1000, () => this.#wake());
    } finally {
      this.#flushing = false;
      this.#lastFlushMs = clock.nowMs();
    }
    this.#scheduleRetry();
    return failed;
  }

  async #round(): Promise<number> {
    const { session, clock, signal, adopt, tell } = this.#input;
    const startedMs = clock.nowMs();
    const why = this.#state.doubt;
    if (why !== undefined) {
      const scope = scopeOf(this.#state.inputs, this.#state.desired);
      const world = await session.drivers.observe(scope, session.kinds, signal);
      for (const drift of this.#state.replaceObserved(world)) this.#drifted(drift);
      if (this.#ready) tell({ type: 'resync', why, tookMs: clock.nowMs() - startedMs });
    }
    const { steps, conflicts } = this.#state.takePlan({ nowMs: clock.nowMs(), adopt });
    for (const conflict of conflicts) {
      if (this.#conflicts.has(conflict.key)) continue;
      this.#conflicts.add(conflict.key);
      tell({ type: 'conflict', conflict });
    }
    const applied: AppliedChange[] = [];
    const failures: Outcome[] = [];
    for await (const outcomes of apply({ steps, drivers: session.drivers, signal })) {
      const nowMs = clock.nowMs();
      this.#state.settle(outcomes, nowMs);
      for (const outcome of outcomes) {
        const { step } = outcome;
        if (outcome.status !== 'done') {
          if (outcome.status === 'failed') failures.push(outcome);
          continue;
        }
        applied.push({ action: step.action, key: step.key, reason: step.reason });
        this.#conflicts.delete(step.key);
        const sinceMs = this.#drifting.get(step.key);
        if (sinceMs === undefined) continue;
        this.#drifting.delete(step.key);
        tell({ type: 'healed', key: step.key, tookMs: nowMs - sinceMs });
      }
    }
    if (applied.length > 0) tell({ type: 'applied', changes: applied, tookMs: clock.nowMs() - startedMs });
    const [first] = failures;
    if (first !== undefined && first.status !== 'done') {
      tell({ type: 'failed', key: first.step.key, error: first.error, more: failures.length - 1 });
    }
    return failures.length;
  }

  #scheduleRetry(): void {
    const nextMs = this.#state.nextRetryMs();
    if (nextMs === undefined) this.#cancel('retry');
    else this.#timer('retry', Math.max(1, nextMs - this.#input.clock.nowMs()), () => this.#wake());
  }

  #scheduleResync(): void {
    const { resyncIntervalMs, clock } = this.#input;
    this.#timer('resync', resyncIntervalMs * (0.9 + 0.2 * clock.random()), () => {
      this.#state.doubtEverything('periodic resync');
      this.#scheduleResync();
      this.#wake();
    });
  }

  /** One timer per name; an earlier one of that name is forgotten. */
  #timer(name: string, delayMs: number, run: () => void): void {
    if (name === 'flush' && this.#timers.has(name)) return;
    this.#cancel(name);
    const cancel = this.#input.clock.after(delayMs, () => {
      this.#timers.delete(name);
      run();
    });
    this.#timers.set(name, cancel);
  }

  #cancel(name: string): void {
    this.#timers.get(name)?.();
    this.#timers.delete(name);
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
