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

/** Too many are gone; or the store has forgotten what it told, and any that is missing may be about to come back. */
type Doubt = 'mass' | 'rewound';

/** Lets lease events through, but for a snapshot that would remove too many peers at once: that one has to stand a while. */
export class LeaseInbox {
  readonly #init: LeaseInboxInit;
  #held: HeldSnapshot | undefined;
  #doubt: Doubt = 'mass';
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
      const doubt: Doubt = news.rewound === true ? 'rewound' : 'mass';
      if (this.#hasSnapshot && this.#isSuspicious(new Set(news.leases.map(({ key }) => key)), doubt)) {
        this.#doubt = doubt;
        this.#hold(new HeldSnapshot(news));
        return;
      }
      this.#hasSnapshot = true;
      this.#forget();
    } else if (this.#held !== undefined) {
      this.#held.absorb(news);
      if (!this.#isSuspicious(this.#held.keys, this.#doubt)) this.#release();
      return;
    }
    accept(news);
  }

  #isSuspicious(has: ReadonlySet<LeaseKey>, doubt: Doubt): boolean {
    const { peers, guard } = this.#init;
    if (doubt === 'mass') return isMassDeletion(peers(), has, guard);
    return guard.fraction < 1 && [...peers()].some((key) => !has.has(key));
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
