import type { LeaseEvent, RejectedEntry } from '../leases/store.js';
import type { Lease } from '../model/lease.js';
import { sameData } from '../model/lease-content.js';
import type { Warning } from '../model/warning.js';
import type { Clock } from './clock.js';
import type { Timers } from './timers.js';

export interface OwnLeaseMinderInit {
  readonly clock: Clock;
  readonly timers: Timers;
  /** The own lease as it was last confirmed. */
  readonly lease: () => Lease;
  /** Asks the keeper to publish it anew, or to find out that it is lost. */
  readonly renew: () => void;
  readonly warn: (warning: Warning) => void;
}

/** What the store tells of the own lease may be older than what was just published. */
const SETTLE_MS = 200;
/** Two nodes with one identity would otherwise write over each other as fast as the store can. */
const APART_MS = 5000;

/**
 * Hears what the store tells of the own lease, before anybody decides whether a snapshot is to be believed: what peers
 * read there must be what this node published, or they send packets elsewhere, or give its subnet away.
 */
export class OwnLeaseMinder {
  readonly #init: OwnLeaseMinderInit;
  /** As the store told it last; undefined when it is not there. */
  #told: Lease | 'unreadable' | undefined;
  /** What the keeper was asked to write over. */
  #overwritten: Lease | 'unreadable' | undefined;
  #lastMs = Number.NEGATIVE_INFINITY;

  constructor(init: OwnLeaseMinderInit) {
    this.#init = init;
  }

  hear(event: LeaseEvent): void {
    const { key, node } = this.#init.lease();
    // A key of etcd, or a Node of Kubernetes.
    const isOwn = ({ entry }: RejectedEntry): boolean => [key, `Node ${node}`].some((name) => entry.endsWith(name));
    switch (event.type) {
      case 'snapshot':
        this.#heard(
          event.leases.find((lease) => lease.key === key) ?? (event.rejected.some(isOwn) ? 'unreadable' : undefined),
        );
        break;
      case 'put':
        if (event.lease.key === key) this.#heard(event.lease);
        break;
      case 'delete':
        if (event.key === key) this.#heard(undefined);
        break;
      case 'reject':
        if (isOwn(event.rejected)) this.#heard('unreadable');
        break;
    }
  }

  #heard(told: Lease | 'unreadable' | undefined): void {
    this.#told = told;
    if (this.#isRight()) return;
    const { clock, timers } = this.#init;
    const soonest = told === undefined ? 0 : SETTLE_MS;
    timers.ensure('own lease', Math.max(soonest, this.#lastMs + APART_MS - clock.nowMs()), () => this.#mend());
  }

  #mend(): void {
    if (this.#isRight()) return;
    const { clock, lease, renew, warn } = this.#init;
    this.#lastMs = clock.nowMs();
    const { key } = lease();
    if (this.#told === undefined) warn(gone(key));
    else this.#overwritten = this.#told;
    renew();
  }

  /** The keeper has published it anew. What stood there may have been meant: then the store has it so again. */
  renewed(lease: Lease): void {
    const before = this.#overwritten;
    this.#overwritten = undefined;
    if (before === undefined) return;
    if (before !== 'unreadable' && sameData(published(before), published(lease))) return;
    this.#init.warn(overwritten(lease.key));
  }

  #isRight(): boolean {
    if (this.#told === undefined || this.#told === 'unreadable') return false;
    return sameData(published(this.#told), published(this.#init.lease()));
  }
}

/** What peers go by. */
const published = ({ backendType, ipv4, ipv6 }: Lease) => [
  backendType,
  ...[ipv4, ipv6].map((half) => half && [half.subnet, half.publicIp, half.backendData]),
];

const gone = (key: string): Warning => ({
  code: 'W_LEASE_GONE',
  message: `the own lease ${key} was deleted from the store, or has run out there: it is taken back`,
});

const overwritten = (key: string): Warning => ({
  code: 'W_LEASE_OVERWRITTEN',
  message: `somebody wrote over the own lease ${key}: it is published anew`,
  hint: 'Look for another node with the same identity (nodeId), or a program that writes to the store.',
});
