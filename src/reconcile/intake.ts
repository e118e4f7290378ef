import type { FlanError } from '../errors.js';
import type { RejectedEntry } from '../leases/store.js';
import type { HostFacts } from '../model/facts.js';
import { type Lease, type LeaseKey, leaseName } from '../model/lease.js';
import type { LeaseTable, LeaseTableDelta } from '../model/lease-table.js';
import { sameValue } from '../planner/kind.js';
import { clashWarnings, peerWarnings } from './compute.js';
import type { WatchEvent } from './events.js';
import type { Inputs } from './inputs.js';
import type { LeaseNews } from './lease-inbox.js';
import { leaseView, peerTable, quarantineError } from './peers.js';
import type { State } from './state.js';
import { type Survey, withOwn } from './survey.js';

export interface IntakeInit {
  readonly state: State;
  readonly facts: HostFacts;
  readonly tell: (event: WatchEvent) => void;
  /** Whether peers that come and go are news: not while there is a first picture to be made. */
  readonly isNews: () => boolean;
}

/** Takes leases, and looks at the host, into the table of peers, and what that changes into what is desired. */
export class Intake {
  readonly #init: IntakeInit;
  readonly #table: LeaseTable;
  /** Those in use. */
  readonly #peers = new Set<LeaseKey>();

  constructor(init: IntakeInit) {
    this.#init = init;
    this.#table = peerTable(init.state.inputs, init.facts);
  }

  /** The peers in use. */
  admitted(): readonly Lease[] {
    return this.#table.admitted();
  }

  /** Leases that cannot be used, with why. */
  leftOut(): readonly { readonly entry: LeaseKey; readonly why: string }[] {
    return this.#table.quarantined().map(({ lease, detail }) => ({ entry: lease.key, why: detail }));
  }

  accept(news: LeaseNews): void {
    if (news.type === 'snapshot') for (const rejected of news.rejected) this.reject(rejected);
    this.#changed(this.#table.absorb(news));
  }

  reject({ entry, error }: RejectedEntry): void {
    this.#sayLeftOut(entry, error);
  }

  /** Takes in another look at the host, or another own lease. */
  look({ inputs, facts }: Pick<Survey, 'inputs' | 'facts'>, own: Lease | undefined): void {
    const { state } = this.#init;
    const made = withOwn(inputs, own);
    const delta = this.#table.look(leaseView(made, facts));
    if (isOtherWish(state.inputs, made)) state.setInputs(made, this.#table.admitted());
    this.#changed(delta);
  }

  #changed({ changed, quarantined }: LeaseTableDelta): void {
    const { state, tell, isNews } = this.#init;
    for (const one of quarantined) this.#sayLeftOut(one.lease.key, quarantineError(one));
    for (const key of changed) {
      const lease = this.#table.get(key);
      const change = lease === undefined ? 'removed' : this.#peers.has(key) ? 'changed' : 'added';
      if (lease === undefined) {
        this.#peers.delete(key);
        state.deletePeer(key);
      } else {
        this.#peers.add(key);
        state.putPeer(lease);
        const clashes = clashWarnings(lease, state.clashesOf(key));
        for (const warning of [...peerWarnings(state.inputs, lease), ...clashes]) tell({ type: 'warning', warning });
      }
      if (isNews()) tell({ type: 'peer', change, lease: lease ? leaseName(lease) : key });
    }
  }

  #sayLeftOut(entry: string, error: FlanError): void {
    this.#init.tell({ type: 'quarantined', entry, error });
  }
}

/** Whether other resources may follow from them, whatever the peers are. */
const isOtherWish = (before: Inputs, now: Inputs): boolean =>
  now.backend.usesLookups(now.context.options) ||
  before.context.publicKey !== now.context.publicKey ||
  !sameValue(before.context.cloud, now.context.cloud) ||
  !sameValue(before.external, now.external) ||
  !sameValue(before.own, now.own);
