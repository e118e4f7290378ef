import type { LeaseEvent, LeaseListing } from '../leases/store.js';
import type { Lease, LeaseKey } from '../model/lease.js';

export interface GuardSettings {
  /** A snapshot that takes away more than this part of the peers is held… 1 never holds. */
  readonly fraction: number;
  /** …when there were at least this many. */
  readonly minPeers: number;
  /** A held snapshot is believed once it has stood this long. */
  readonly holdMs: number;
}

export const DEFAULT_GUARD: GuardSettings = { fraction: 0.5, minPeers: 10, holdMs: 60_000 };

/** An empty answer of a store that lost its data looks just like a cluster that was shut down: one of them is common. */
export function isMassDeletion(
  had: ReadonlySet<LeaseKey>,
  has: ReadonlySet<LeaseKey>,
  settings: GuardSettings,
): boolean {
  if (settings.fraction >= 1 || had.size === 0) return false;
  let gone = 0;
  for (const key of had) if (!has.has(key)) gone++;
  if (gone === had.size && had.size > 1) return true;
  return had.size >= settings.minPeers && gone > had.size * settings.fraction;
}

/** A snapshot that is held back, kept up to date by the events that follow it. */
export class HeldSnapshot {
  readonly #leases: Map<LeaseKey, Lease>;
  readonly #rejected: LeaseListing['rejected'];

  /** Whether the store had forgotten what it told before. */
  readonly isRewound: boolean;

  constructor({ leases, rejected, rewound }: LeaseListing & { readonly rewound?: true }) {
    this.isRewound = rewound === true;
    this.#leases = new Map(leases.map((lease) => [lease.key, lease]));
    this.#rejected = rejected;
  }

  absorb(event: LeaseEvent): void {
    if (event.type === 'put') this.#leases.set(event.lease.key, event.lease);
    else if (event.type === 'delete') this.#leases.delete(event.key);
  }

  get keys(): ReadonlySet<LeaseKey> {
    return new Set(this.#leases.keys());
  }

  get listing(): LeaseListing {
    return { leases: [...this.#leases.values()], rejected: this.#rejected };
  }
}
