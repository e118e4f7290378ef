import { asFlanError, type FlanError } from '../errors.js';
import type { LeaseRequest } from '../leases/store.js';
import type { Lease } from '../model/lease.js';
import { sameValue } from '../planner/kind.js';
import type { Clock } from './clock.js';
import type { WatchEvent } from './events.js';
import type { Session } from './session.js';
import type { State } from './state.js';
import { requestOf, type Survey, survey, withOwn } from './survey.js';
import type { Timers } from './timers.js';

export interface HostLookInit {
  readonly session: Session;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly state: State;
  readonly tell: (event: WatchEvent) => void;
  /** What is known when the run starts. */
  readonly first: Survey;
  readonly onSeen: (seen: Survey, own: Lease | undefined) => void;
  /** The node has something else to publish. */
  readonly onRequest: (request: LeaseRequest) => void;
  /** After each look, whatever came of it. */
  readonly onEnd: () => void;
}

/** Link and address events come in bundles; one look at the host serves them all. */
const SETTLE_MS = 20;
/** After the host could not be looked at, or there was no interface: each pause twice as long as the one before. */
const AGAIN_MS = 1000;
const LONGEST_AGAIN_MS = 30_000;

/**
 * Looks at links, addresses and routes when they change: chooses the interface again, and what follows from it. Fails
 * static: with no usable interface the last known one stays until there is one again.
 */
export class HostLook {
  readonly #init: HostLookInit;
  #survey: Survey;
  #last = { endedMs: 0, tookMs: 0 };
  #error: FlanError | undefined;
  #againMs = AGAIN_MS;

  constructor(init: HostLookInit) {
    this.#init = init;
    this.#survey = init.first;
  }

  /** The host as it was last seen. */
  get survey(): Survey {
    return this.#survey;
  }

  /** Why the last look came to nothing; undefined when it did not. */
  get error(): FlanError | undefined {
    return this.#error;
  }

  /** Something about the host changed, or may have. */
  changed(why: string): void {
    this.#init.timers.ensure('host', this.#pauseMs(), () => this.#timed(why));
  }

  /** However often the host changes (a routing daemon with much to say), looking at it takes a tenth of the time. */
  #pauseMs(): number {
    const { endedMs, tookMs } = this.#last;
    return Math.max(SETTLE_MS, endedMs + 10 * tookMs - this.#init.clock.nowMs());
  }

  #timed(why: string): void {
    const { clock, timers, onEnd } = this.#init;
    const startedMs = clock.nowMs();
    timers.cancel('host again');
    try {
      this.#look(why);
      this.#error = undefined;
      this.#againMs = AGAIN_MS;
    } catch (cause) {
      this.#failed(asFlanError(cause));
    }
    const endedMs = clock.nowMs();
    this.#last = { endedMs, tookMs: endedMs - startedMs };
    onEnd();
  }

  #look(why: string): void {
    const { session, state, tell, onSeen, onRequest } = this.#init;
    const { own } = state.inputs;
    state.retryNow();
    const host = survey(session);
    const seen = { ...host, request: requestOf(withOwn(host.inputs, own), host.previous) };
    const isNews = !sameValue(seen.request.published, this.#survey.request.published);
    if (!sameValue(seen.inputs.external, this.#survey.inputs.external)) tell({ type: 'host', what: why });
    this.#survey = seen;
    onSeen(seen, own);
    if (isNews) onRequest(seen.request);
  }

  /** An event tells of most that helps, but not of a file that can be read again, or of a dump that works now. */
  #failed(error: FlanError): void {
    const { timers, tell } = this.#init;
    if (error.message !== this.#error?.message) tell({ type: 'failed', key: 'host', error, more: 0 });
    this.#error = error;
    timers.set('host again', this.#againMs, () => this.changed('the last look at the host failed'));
    this.#againMs = Math.min(LONGEST_AGAIN_MS, 2 * this.#againMs);
  }
}
