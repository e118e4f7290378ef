import type { LeaseEvent } from '../leases/store.js';
import type { LeaseKey } from '../model/lease.js';
import { type GuardSettings, HeldSnapshot, isMassDeletion } from './guard.js';
import type { Timers } from './timers.js';

/** What the table may take in. */
export type LeaseNews = Exclude<LeaseEvent, { readonly type: 'reject' }>;

export interface LeaseInboxInit {
  readonly guard: GuardSettings;
  readonly timers: Timers;
  /** The peers as they are in use now. */
  readonly peers: () => ReadonlySet<LeaseKey>;
  readonly accept: (news: LeaseNews) => void;
  /** A snapshot is held back that would remove `would` of `of` peers. */
  readonly onHeld: (would: number, of: number) => void;
}

/** Lets lease events through, but for a snapshot that would remove too many peers at once: that one has to stand a while. */
export class LeaseInbox {
  readonly #init: LeaseInboxInit;
  #held: HeldSnapshot | undefined;
  #hasSnapshot = false;

  constructor(init: LeaseInboxInit) {
    this.#init = init;
  }

  /** Whether a snapshot is held back now. */
  get holds(): boolean {
    return this.#held !== undefined;
  }

  put(news: LeaseNews): void {
    const { accept } = this.#init;
    if (news.type === 'snapshot') {
      const keys = new Set(news.leases.map(({ key }) => key));
      if (this.#hasSnapshot && this.#isSuspicious({ keys, isRewound: news.rewound === true })) {
        this.#hold(new HeldSnapshot(news));
        return;
      }
      this.#hasSnapshot = true;
      this.#forget();
    } else if (this.#held !== undefined) {
      this.#held.absorb(news);
      if (!this.#isSuspicious(this.#held)) this.#release();
      return;
    }
    accept(news);
  }

  /** Too many are gone; or any is, of a store that has forgotten what it told: it may be about to come back. */
  #isSuspicious({ keys, isRewound }: Pick<HeldSnapshot, 'keys' | 'isRewound'>): boolean {
    const { peers, guard } = this.#init;
    if (!isRewound) return isMassDeletion(peers(), keys, guard);
    return guard.fraction < 1 && [...peers()].some((key) => !keys.has(key));
  }

  #hold(snapshot: HeldSnapshot): void {
    const { timers, guard, peers, onHeld } = this.#init;
    const had = peers();
    const isFirst = this.#held === undefined;
    this.#held = snapshot;
    if (!isFirst) return;
    onHeld([...had].filter((key) => !snapshot.keys.has(key)).length, had.size);
    timers.set('held snapshot', guard.holdMs, () => this.#release());
  }

  #release(): void {
    const held = this.#held;
    this.#forget();
    if (held !== undefined) this.#init.accept({ type: 'snapshot', ...held.listing });
  }

  #forget(): void {
    this.#held = undefined;
    this.#init.timers.cancel('held snapshot');
  }
}
