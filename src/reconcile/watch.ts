import type { Notice } from '../drivers/driver.js';
import { asFlanError, FlanError } from '../errors.js';
import type { Lease } from '../model/lease.js';
import { networksOf } from '../model/network.js';
import { sameValue } from '../planner/kind.js';
import { Backoff, type BackoffSettings, DEFAULT_BACKOFF } from './backoff.js';
import type { Clock } from './clock.js';
import type { WatchEvent } from './events.js';
import { DEFAULT_GUARD } from './guard.js';
import { holdLease, keepOwnLease, type OwnLeaseKeeper } from './hold-lease.js';
import { HostLook } from './host-look.js';
import { scopeOf } from './inputs.js';
import { Intake } from './intake.js';
import { LeaseInbox, type LeaseNews } from './lease-inbox.js';
import { OwnLeaseMinder } from './own-lease-minder.js';
import { type Readiness, readiness } from './readiness.js';
import { RoundSchedule } from './round-schedule.js';
import { Rounds } from './rounds.js';
import type { Session } from './session.js';
import { StartGuard } from './start-guard.js';
import { State } from './state.js';
import { hostWarnings, type Survey, survey, withOwn } from './survey.js';
import { Timers } from './timers.js';
import type { Condition, Round, WatchView } from './view.js';
import type { Sieve } from './watch-sieve.js';

export type WatchStart = 'cold' | 'takes over';

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
  /** `takes over`: from a run that knew the peers, so that what is to go now is asked for. */
  readonly start?: WatchStart;
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
    await loop.dispose();
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
  readonly #startedMs: number;
  readonly #timers: Timers;
  readonly #state: State;
  readonly #intake: Intake;
  readonly #inbox: LeaseInbox;
  readonly #host: HostLook;
  readonly #guard: StartGuard;
  readonly #rounds: Rounds;
  readonly #schedule: RoundSchedule;
  readonly #readiness: Readiness;
  readonly #keeper: OwnLeaseKeeper;
  readonly #minder: OwnLeaseMinder;
  #ready = false;
  #lease: Lease;
  /** By the monotonic clock: setting the wall clock ends no lease. */
  #leaseEndMs: number;

  constructor(input: WatchInput, first: Survey, lease: Lease) {
    const { session, clock, tell, guardFraction: fraction = DEFAULT_GUARD.fraction, backoff = DEFAULT_BACKOFF } = input;
    const { holdMs } = DEFAULT_GUARD;
    this.#input = input;
    this.#lease = lease;
    this.#leaseEndMs = endOf(lease, clock);
    this.#startedMs = clock.nowMs();
    this.#timers = new Timers(clock);
    const timers = this.#timers;
    const { kinds } = session;
    this.#state = new State({ kinds, inputs: withOwn(first.inputs, lease), backoff: new Backoff(backoff) });
    const state = this.#state;
    const isNews = (): boolean => this.#ready;
    const onHeld =
      (what: 'peers' | 'objects') =>
      (would: number, of: number): void =>
        tell({ type: 'held', what, would, of, holdMs });
    this.#intake = new Intake({ state, facts: first.facts, tell, isNews });
    this.#inbox = new LeaseInbox({
      ...{ guard: { ...DEFAULT_GUARD, fraction }, timers, onHeld: onHeld('peers') },
      peers: () => new Set(this.#intake.admitted().map(({ key }) => key)),
      accept: (news) => this.#accept(news),
    });
    this.#host = new HostLook({
      ...{ session, clock, timers, state, tell, first },
      onSeen: (seen, own) => this.#intake.look(seen, own),
      onRequest: (request) => this.#keeper.renewNow(request),
      onEnd: () => this.#schedule.wake(),
    });
    this.#guard = new StartGuard({
      fraction: input.start === 'takes over' ? 1 : fraction,
      ...{ holdMs, timers, kinds, onHeld: onHeld('objects') },
      onRelease: () => this.#resync('what was kept at the start may go now'),
    });
    this.#rounds = new Rounds({
      ...{ ...input, state, isNews, guard: this.#guard },
      onProgress: () => this.#schedule.progressed(),
    });
    this.#schedule = new RoundSchedule({
      ...{ ...input, timers, state, rounds: this.#rounds },
      onSettled: (failed) => this.#settled(failed),
    });
    this.#readiness = readiness({ ...input, store: session.store });
    this.#keeper = keepOwnLease({ ...input, lease, request: first.request, onLease: (renewed) => this.#own(renewed) });
    this.#minder = new OwnLeaseMinder({
      ...{ clock, timers, lease: () => this.#lease },
      renew: () => this.#keeper.renewNow(),
      warn: (warning) => tell({ type: 'warning', warning }),
    });
  }

  async run(): Promise<void> {
    const { session, signal, tell } = this.#input;
    const ended = Promise.race([this.#keeper.done, aborted(signal), ...(session.fatal ? [session.fatal] : [])]);
    ended.catch(() => {}); // told when it is waited for, below
    try {
      // Subscribe before reading: whatever changes in between is told, whatever changed before is seen.
      await session.drivers.follow(scopeOf(this.#state.inputs, this.#state.desired), (n) => this.#notice(n), signal);
      this.#scheduleResync();
      await Promise.race([ended, this.#followLeases()]);
    } finally {
      this.#timers.close();
      if (signal.aborted) await this.#schedule.ended();
      this.#rounds.tellAll();
      if (this.#input.handOver?.aborted !== true) {
        tell({ type: 'stopped', why: signal.aborted ? 'asked to' : 'failed' });
      }
    }
  }

  view(): WatchView {
    const { session } = this.#input;
    return {
      about: {
        node: session.identity.node,
        backend: session.network.backend.type,
        store: session.store.name,
        networks: networksOf(session.network),
      },
      own: () => this.#lease,
      peers: () => this.#intake.admitted(),
      leftOut: () => this.#intake.leftOut(),
      desired: () => this.#state.desired,
      observed: () => this.#state.observed,
      foreign: () => this.#state.foreign,
      failing: () => this.#rounds.failing,
      condition: () => this.#condition(),
      holdsSnapshot: () => this.#inbox.holds || this.#guard.holds,
      stalledMs: () => this.#schedule.stalledMs,
      echo: (signal) => session.drivers.echo(signal),
      tunnels: async () => session.tunnels?.() ?? [],
      associations: async () => session.associations?.() ?? [],
      resync: (why) => this.#resync(why),
    };
  }

  /** Before an end that nobody asked for. */
  lastWords(): Promise<void> {
    return this.#readiness.lastWords();
  }

  /** Nothing is done any more when it resolves. */
  async dispose(): Promise<void> {
    this.#timers.close();
    await this.#schedule.ended();
  }

  async #followLeases(): Promise<void> {
    const { session, signal, tell } = this.#input;
    for await (const event of session.store.watch(signal, (state) => tell({ type: 'store', ...state }))) {
      this.#minder.hear(event);
      if (event.type === 'reject') this.#intake.reject(event.rejected);
      else this.#inbox.put(event);
    }
    if (!signal.aborted) throw new FlanError('E_STORE_UNREACHABLE', `${session.store.name}: the watch ended by itself`);
  }

  #accept(news: LeaseNews): void {
    this.#intake.accept(news);
    this.#schedule.open();
    this.#schedule.wake();
  }

  /** The own lease was renewed or published anew. */
  #own(lease: Lease): void {
    const { own } = this.#state.inputs;
    this.#lease = lease;
    this.#leaseEndMs = endOf(lease, this.#input.clock);
    this.#minder.renewed(lease);
    this.#input.tell({ type: 'lease', lease, why: 'renewed' });
    if (sameValue(lease.ipv4, own?.ipv4) && sameValue(lease.ipv6, own?.ipv6)) return;
    this.#intake.look(this.#host.survey, lease);
    this.#schedule.wake();
  }

  #notice(notice: Notice): void {
    if (notice.type === 'host') this.#host.changed(notice.why);
    else this.#rounds.hear(notice);
    this.#schedule.wake();
  }

  #resync(why: string): void {
    this.#state.doubtEverything(why);
    this.#host.changed(why);
    this.#schedule.wake();
  }

  #scheduleResync(): void {
    const { resyncIntervalMs, clock } = this.#input;
    this.#timers.set('resync', resyncIntervalMs * (0.9 + 0.2 * clock.random()), () => {
      this.#resync('periodic resync');
      this.#scheduleResync();
    });
  }

  #settled(failed: number): void {
    const isWhole = this.#rounds.unread.length === 0 && this.#schedule.broken === undefined;
    if (!this.#ready && isWhole) this.#becomeReady(failed);
    if (this.#ready) this.#readiness.say(this.#trouble() === undefined ? 'works' : 'broken');
  }

  #becomeReady(failed: number): void {
    const { clock, tell } = this.#input;
    this.#rounds.tellAll();
    this.#ready = true;
    const peers = this.#intake.admitted().length;
    const tookMs = clock.nowMs() - this.#startedMs;
    tell({ type: 'ready', peers, resources: this.#state.desired.size, failed, tookMs });
  }

  #condition(): Condition {
    if (!this.#ready) return { state: 'broken', why: 'the first full apply is not done yet' };
    const trouble = this.#trouble();
    if (trouble !== undefined) return { state: 'broken', why: trouble };
    if (this.#leaseEndMs <= this.#input.clock.nowMs()) return { state: 'broken', why: 'the own lease has expired' };
    return { state: 'works' };
  }

  /** Why the node cannot do its part whatever its peers are. */
  #trouble(): string | undefined {
    const { error } = this.#host;
    if (error?.code === 'E_IFACE') return `there is no usable external interface: ${error.message}`;
    if (error !== undefined) return `this host cannot be looked at: ${error.message}`;
    const [unread] = this.#rounds.unread;
    if (unread !== undefined) return `${unread.driver.name} cannot be read: ${unread.error.message}`;
    const { broken } = this.#schedule;
    if (broken !== undefined) return `nothing can be planned: ${broken.message}`;
    if (!this.#state.isLame(this.#input.clock.nowMs())) return undefined;
    return 'something that this node needs whoever its peers are cannot be made';
  }
}

const endOf = ({ expiresAtMs = Number.POSITIVE_INFINITY }: Lease, clock: Clock): number =>
  clock.nowMs() + expiresAtMs - clock.wallMs();

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
