import type { Notice } from '../drivers/driver.js';
import { asFlanError, FlanError } from '../errors.js';
import type { RejectedEntry } from '../leases/store.js';
import { type Lease, type LeaseKey, leaseName } from '../model/lease.js';
import type { LeaseTable, LeaseTableDelta } from '../model/lease-table.js';
import { networksOf } from '../model/network.js';
import { sameValue } from '../planner/kind.js';
import { Backoff, type BackoffSettings, DEFAULT_BACKOFF } from './backoff.js';
import type { Clock } from './clock.js';
import { peerWarnings } from './compute.js';
import type { WatchEvent } from './events.js';
import { DEFAULT_GUARD } from './guard.js';
import { holdLease, keepOwnLease, type OwnLeaseKeeper } from './hold-lease.js';
import { scopeOf } from './inputs.js';
import { LeaseInbox, type LeaseNews } from './lease-inbox.js';
import { leaseView, peerTable, quarantineError } from './peers.js';
import { type Readiness, readiness } from './readiness.js';
import { Rounds } from './rounds.js';
import type { Session } from './session.js';
import { State } from './state.js';
import { hostWarnings, requestOf, type Survey, survey, withOwn } from './survey.js';
import { Timers } from './timers.js';
import type { Condition, Round, WatchView } from './view.js';
import type { Sieve } from './watch-sieve.js';

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
  /** Ends the run as `signal` does, but for another run that takes over what is in place. */
  readonly handOver?: AbortSignal;
  /** Given the view of the run once the lease is held. */
  readonly onView?: (view: WatchView) => void;
  readonly onRound?: (round: Round) => void;
  readonly sieve?: Sieve;
}

/** Under load flushes are this far apart, so that a burst costs a few plans instead of one per event. */
const BURST_INTERVAL_MS = 10;
/** Link and address events come in bundles; one look at the host serves them all. */
const HOST_SETTLE_MS = 20;
/** After a driver could not be asked. */
const OBSERVE_RETRY_MS = 1000;

/**
 * Holds the lease, follows leases and kernel, and keeps desired and observed equal until the signal aborts. Everything
 * stays in place when it returns, unless the session's backend has something to do then.
 * @throws {FlanError} what makes it impossible to start; E_LEASE_LOST when another node took the lease
 */
export async function watch(input: WatchInput): Promise<void> {
  const stop = new AbortController();
  const signal = AbortSignal.any([input.signal, stop.signal, ...(input.handOver ? [input.handOver] : [])]);
  await input.session.equip?.(signal);
  const seen = survey(input.session);
  for (const warning of [...seen.warnings, ...hostWarnings(seen.inputs, seen.facts)]) {
    input.tell({ type: 'warning', warning });
  }
  const { lease, request } = await holdLease({ ...input, signal, survey: seen });
  const loop = new Loop({ ...input, signal }, { ...seen, request }, lease);
  input.onView?.(loop.view());
  try {
    await loop.run();
  } catch (error) {
    if (!signal.aborted) await loop.lastWords();
    throw error;
  } finally {
    stop.abort();
    loop.dispose();
    if (input.signal.aborted) await shutDown(input);
  }
}

/** Being told to stop is no failure, whatever comes of the last thing that was to be done. */
async function shutDown({ session, tell }: WatchInput): Promise<void> {
  try {
    await session.shutDown?.();
  } catch (cause) {
    tell({ type: 'failed', key: 'shutdown', error: asFlanError(cause), more: 0 });
  }
}

class Loop {
  readonly #input: WatchInput;
  readonly #keeper: OwnLeaseKeeper;
  readonly #state: State;
  readonly #table: LeaseTable;
  readonly #rounds: Rounds;
  readonly #inbox: LeaseInbox;
  readonly #timers: Timers;
  readonly #startedMs: number;
  readonly #readiness: Readiness;
  /** Leases of the peers in use. */
  readonly #peers = new Set<LeaseKey>();
  #survey: Survey;
  #lastHostLook = { endedMs: 0, tookMs: 0 };
  /** Why the node cannot do its part whatever its peers are. */
  #trouble: 'no interface' | 'no look' | undefined;
  /** Whether there was a first lease snapshot: nothing is deleted, or made, before it. */
  #synced = false;
  #ready = false;
  #flushing = false;
  #lastFlushMs = Number.NEGATIVE_INFINITY;
  /** Since when work is due and none of it got done. */
  #dueSinceMs: number | undefined;
  #lease: Lease;

  constructor(input: WatchInput, first: Survey, lease: Lease) {
    const { session, clock, tell, backoff = DEFAULT_BACKOFF } = input;
    this.#input = input;
    this.#survey = first;
    this.#lease = lease;
    this.#startedMs = clock.nowMs();
    this.#timers = new Timers(clock);
    const made = withOwn(first.inputs, lease);
    this.#state = new State({ kinds: session.kinds, inputs: made, backoff: new Backoff(backoff) });
    this.#table = peerTable(made, first.facts);
    const onProgress = (): void => {
      this.#dueSinceMs = clock.nowMs();
    };
    this.#rounds = new Rounds({ ...input, state: this.#state, onProgress });
    this.#inbox = new LeaseInbox({
      guard: { ...DEFAULT_GUARD, fraction: input.guardFraction ?? DEFAULT_GUARD.fraction },
      timers: this.#timers,
      peers: () => new Set(this.#table.admitted().map(({ key }) => key)),
      accept: (news) => this.#accept(news),
      onHeld: (would, of) => tell({ type: 'held', would, of, holdMs: DEFAULT_GUARD.holdMs }),
    });
    this.#readiness = readiness({ ...input, store: session.store });
    this.#keeper = keepOwnLease({ ...input, lease, request: first.request, onLease: (renewed) => this.#own(renewed) });
  }

  async run(): Promise<void> {
    const { session, signal, tell } = this.#input;
    // Subscribe before reading: whatever changes in between is told, whatever changed before is seen.
    await session.drivers.follow(scopeOf(this.#state.inputs, this.#state.desired), (n) => this.#notice(n), signal);
    this.#scheduleResync();
    try {
      const ends = [this.#keeper.done, this.#followLeases(), aborted(signal)];
      await Promise.race(session.fatal === undefined ? ends : [...ends, session.fatal]);
    } finally {
      this.#rounds.tellAll();
      if (this.#input.handOver?.aborted !== true) {
        tell({ type: 'stopped', why: signal.aborted ? 'asked to' : 'failed' });
      }
    }
  }

  view(): WatchView {
    const { clock, session } = this.#input;
    return {
      about: {
        node: session.identity.node,
        backend: session.network.backend.type,
        store: session.store.name,
        networks: networksOf(session.network),
      },
      own: () => this.#lease,
      peers: () => this.#table.admitted(),
      leftOut: () => this.#table.quarantined().map(({ lease, detail }) => ({ entry: lease.key, why: detail })),
      desired: () => this.#state.desired,
      observed: () => this.#state.observed,
      foreign: () => this.#state.foreign,
      failing: () => this.#rounds.failing,
      condition: () => this.#condition(),
      holdsSnapshot: () => this.#inbox.holds,
      stalledMs: () => (this.#dueSinceMs === undefined ? 0 : clock.nowMs() - this.#dueSinceMs),
      echo: (signal) => session.drivers.echo(signal),
      tunnels: async () => session.tunnels?.() ?? [],
      associations: async () => session.associations?.() ?? [],
      resync: (why) => {
        this.#state.doubtEverything(why);
        this.#wake();
      },
    };
  }

  #condition(): Condition {
    const { clock } = this.#input;
    const { expiresAtMs = Number.POSITIVE_INFINITY } = this.#lease;
    if (!this.#ready) return { state: 'broken', why: 'the first full apply is not done yet' };
    if (this.#trouble !== undefined) return { state: 'broken', why: TROUBLE_WORDS[this.#trouble] };
    if (this.#state.isLame(clock.nowMs())) {
      return { state: 'broken', why: 'something that this node needs whoever its peers are cannot be made' };
    }
    if (expiresAtMs <= clock.wallMs()) return { state: 'broken', why: 'the own lease has expired' };
    return { state: 'works' };
  }

  /** Before an end that nobody asked for. */
  lastWords(): Promise<void> {
    return this.#readiness.lastWords();
  }

  dispose(): void {
    this.#timers.cancelAll();
  }

  async #followLeases(): Promise<void> {
    const { session, signal, tell } = this.#input;
    for await (const event of session.store.watch(signal, (state) => tell({ type: 'store', ...state }))) {
      if (event.type === 'reject') this.#rejected(event.rejected);
      else this.#inbox.put(event);
    }
    if (!signal.aborted) throw new FlanError('E_STORE_UNREACHABLE', `${session.store.name}: the watch ended by itself`);
  }

  #rejected({ entry, error }: RejectedEntry): void {
    this.#input.tell({ type: 'quarantined', entry, error });
  }

  #accept(news: LeaseNews): void {
    if (news.type === 'snapshot') for (const rejected of news.rejected) this.#rejected(rejected);
    this.#peersChanged(this.#table.absorb(news));
    this.#synced = true;
    // The keeper tries to get it back, and says so when somebody else has it.
    const concernsOwn = news.type !== 'put' || news.lease.key === this.#state.inputs.own?.key;
    if (this.#table.own().length === 0 && concernsOwn) this.#keeper.renewNow();
    this.#wake();
  }

  #peersChanged({ changed, quarantined }: LeaseTableDelta): void {
    const { tell } = this.#input;
    for (const one of quarantined) tell({ type: 'quarantined', entry: one.lease.key, error: quarantineError(one) });
    for (const key of changed) {
      const lease = this.#table.get(key);
      const change = lease === undefined ? 'removed' : this.#peers.has(key) ? 'changed' : 'added';
      if (lease === undefined) {
        this.#peers.delete(key);
        this.#state.deletePeer(key);
      } else {
        this.#peers.add(key);
        this.#state.putPeer(lease);
        for (const warning of peerWarnings(this.#state.inputs, lease)) tell({ type: 'warning', warning });
      }
      if (this.#ready) tell({ type: 'peer', change, lease: lease ? leaseName(lease) : key });
    }
  }

  /** The own lease was renewed or published anew. */
  #own(lease: Lease): void {
    const { own } = this.#state.inputs;
    this.#lease = lease;
    this.#input.tell({ type: 'lease', lease, why: 'renewed' });
    if (sameValue(lease.ipv4, own?.ipv4) && sameValue(lease.ipv6, own?.ipv6)) return;
    this.#look(this.#survey, lease);
    this.#wake();
  }

  #notice(notice: Notice): void {
    if (notice.type === 'host') this.#timers.ensure('host', this.#hostPauseMs(), () => this.#hostChanged(notice.why));
    else this.#rounds.hear(notice);
    this.#wake();
  }

  /** However often the host changes (a routing daemon with much to say), looking at it takes a tenth of the time. */
  #hostPauseMs(): number {
    const { endedMs, tookMs } = this.#lastHostLook;
    return Math.max(HOST_SETTLE_MS, endedMs + 10 * tookMs - this.#input.clock.nowMs());
  }

  #hostChanged(why: string): void {
    const startedMs = this.#input.clock.nowMs();
    this.#lookAtHost(why);
    const endedMs = this.#input.clock.nowMs();
    this.#lastHostLook = { endedMs, tookMs: endedMs - startedMs };
  }

  /** Links, addresses or routes changed: choose the interface again, and publish what that changes. */
  #lookAtHost(why: string): void {
    const { session, tell } = this.#input;
    const { own } = this.#state.inputs;
    this.#state.retryNow();
    try {
      const host = survey(session);
      const seen = { ...host, request: requestOf(withOwn(host.inputs, own), host.previous) };
      const isNews = !sameValue(seen.request.published, this.#survey.request.published);
      if (!sameValue(seen.inputs.external, this.#survey.inputs.external)) tell({ type: 'host', what: why });
      this.#look(seen, own);
      if (isNews) this.#keeper.renewNow(seen.request);
      if (this.#trouble === 'no interface') this.#trouble = undefined;
    } catch (cause) {
      this.#trouble = 'no interface';
      // Fail static: with no usable interface right now the last known one stays desired until there is one again.
      tell({ type: 'failed', key: 'host', error: asFlanError(cause), more: 0 });
    }
    this.#wake();
  }

  /** Takes in another look at the host, or another own lease. */
  #look(seen: Survey, own: Lease | undefined): void {
    this.#survey = seen;
    const made = withOwn(seen.inputs, own);
    const before = this.#state.inputs;
    const delta = this.#table.look(leaseView(made, seen.facts));
    const routesMatter = made.backend.usesLookups(made.context.options);
    const isKeyNew = before.context.publicKey !== made.context.publicKey;
    const isCloudNew = !sameValue(before.context.cloud, made.context.cloud);
    if (
      routesMatter ||
      isKeyNew ||
      isCloudNew ||
      !sameValue(before.external, made.external) ||
      !sameValue(before.own, made.own)
    ) {
      this.#state.setInputs(made, this.#table.admitted());
    }
    this.#peersChanged(delta);
  }

  /** Something may be pending: at once when it was quiet, a little later in a burst. */
  #wake(): void {
    if (!this.#synced || this.#flushing) return;
    this.#dueSinceMs ??= this.#input.clock.nowMs();
    const sinceMs = this.#input.clock.nowMs() - this.#lastFlushMs;
    this.#timers.ensure('flush', Math.max(0, BURST_INTERVAL_MS - sinceMs), () => void this.#flush());
  }

  async #flush(): Promise<void> {
    const { clock, signal, tell } = this.#input;
    this.#flushing = true;
    this.#dueSinceMs ??= clock.nowMs();
    let failed = 0;
    try {
      // Two rounds settle a race; what is still unsettled then waits its turn instead of spinning here.
      for (let round = 0; round < 3 && this.#state.hasWork(clock.nowMs()) && !signal.aborted; round++) {
        failed = await this.#rounds.run(this.#ready ? 'later' : 'first');
      }
    } catch (cause) {
      if (signal.aborted) return;
      this.#trouble ??= 'no look';
      this.#sayReadiness();
      this.#state.doubtEverything('the last look failed');
      tell({ type: 'failed', key: 'observe', error: asFlanError(cause), more: 0 });
      this.#timers.set('retry', OBSERVE_RETRY_MS, () => this.#wake());
      return;
    } finally {
      this.#flushing = false;
      this.#lastFlushMs = clock.nowMs();
      this.#dueSinceMs = undefined;
      this.#tellNews();
    }
    if (this.#trouble === 'no look') this.#trouble = undefined;
    if (!this.#ready) this.#becomeReady(failed);
    this.#sayReadiness();
    this.#scheduleRetry();
    if (this.#state.hasWork(clock.nowMs())) this.#wake();
  }

  #tellNews(): void {
    if (this.#rounds.tellSome() === 'more') this.#timers.ensure('news', 0, () => this.#tellNews());
  }

  #becomeReady(failed: number): void {
    const { clock, tell } = this.#input;
    this.#rounds.tellAll();
    this.#ready = true;
    const peers = this.#table.admitted().length;
    const tookMs = clock.nowMs() - this.#startedMs;
    tell({ type: 'ready', peers, resources: this.#state.desired.size, failed, tookMs });
  }

  #sayReadiness(): void {
    const lame = this.#trouble !== undefined || this.#state.isLame(this.#input.clock.nowMs());
    if (this.#ready) this.#readiness.say(lame ? 'broken' : 'works');
  }

  #scheduleRetry(): void {
    const nextMs = this.#state.nextRetryMs();
    if (nextMs === undefined) this.#timers.cancel('retry');
    else this.#timers.set('retry', Math.max(1, nextMs - this.#input.clock.nowMs()), () => this.#wake());
  }

  #scheduleResync(): void {
    const { resyncIntervalMs, clock } = this.#input;
    this.#timers.set('resync', resyncIntervalMs * (0.9 + 0.2 * clock.random()), () => {
      this.#state.doubtEverything('periodic resync');
      this.#scheduleResync();
      this.#wake();
    });
  }
}

const TROUBLE_WORDS = {
  'no interface': 'there is no usable external interface',
  'no look': 'the state of this host cannot be read',
} as const;

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
