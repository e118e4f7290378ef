import {
  type AdmissionContext,
  comparePrecedence,
  isReservation,
  judge,
  type Quarantine,
  type Verdict,
  withinFamilies,
} from './admission.js';
import { type Address, hostPrefix, within } from './ip.js';
import { type Lease, type LeaseKey, leaseName, subnetsOf } from './lease.js';
import { sameData, sameLease, samePeer } from './lease-content.js';
import { type Network, networksOf } from './network.js';
import { PrefixIndex } from './prefix-index.js';

/** What the leases are seen from. */
export interface LeaseView {
  readonly network: Network;
  /** This node: its identity, and its lease once it is held. */
  readonly own: { readonly nodeId: string; readonly lease?: Lease | undefined };
  /** Addresses that no peer may claim: those of the host, without the ones that the overlay itself put there. */
  readonly hostAddresses: readonly Address[];
  /** Network and broadcast addresses of the networks that the host is in. */
  readonly nobodysAddresses: readonly Address[];
}

/** What a store tells; the events of src/leases/store.ts are these. A rejected entry changes nothing here. */
export type LeaseChange =
  | { readonly type: 'snapshot'; readonly leases: readonly Lease[] }
  | { readonly type: 'put'; readonly lease: Lease }
  | { readonly type: 'delete'; readonly key: LeaseKey }
  | { readonly type: 'reject' };

export interface LeaseTableDelta {
  /** Peers that came, went or changed; a renewal alone is no change. */
  readonly changed: readonly LeaseKey[];
  /** Leases that are newly in quarantine, or for another reason than before: each is told once. */
  readonly quarantined: readonly Quarantine[];
}

interface Entry {
  /** As the store told it. */
  stored: Lease;
  readonly lease: Lease;
  role: 'own' | 'reserved' | 'peer';
  /** What is wrong with it by itself. */
  fault: Verdict | undefined;
  /** The admitted lease that it gives way to. */
  blocker: Entry | undefined;
  admitted: boolean;
}

const NOBODY: readonly Entry[] = [];
const UNKNOWN: Before = { lease: undefined, verdict: undefined };

/** What a key was before a call. */
interface Before {
  readonly lease: Lease | undefined;
  readonly verdict: Verdict | undefined;
}

/**
 * The leases of a network as one node uses them: peers that are admitted, and the rest by reason. Every event costs
 * what it touches, not what there is. The result depends on the set of leases and the view, never on their order.
 */
export class LeaseTable {
  readonly #entries = new Map<LeaseKey, Entry>();
  readonly #index = new PrefixIndex<Entry>();
  #hosts = new PrefixIndex<Address>();
  #view: LeaseView;
  #context: AdmissionContext;
  readonly #dirty = new Set<Entry>();
  readonly #before = new Map<LeaseKey, Before>();

  constructor(view: LeaseView) {
    this.#view = view;
    this.#context = this.#look(view);
  }

  /** Takes in what the store tells. */
  absorb(change: LeaseChange): LeaseTableDelta {
    if (change.type === 'put') this.#put(change.lease);
    else if (change.type === 'delete') this.#drop(change.key);
    else if (change.type === 'snapshot') {
      if (this.#entries.size > 0) {
        const told = new Set(change.leases.map((lease) => lease.key));
        for (const key of [...this.#entries.keys()]) if (!told.has(key)) this.#drop(key);
      }
      for (const lease of change.leases) this.#put(lease);
    }
    return this.#settle();
  }

  /** Takes in a new own lease, new host addresses or another network. */
  look(view: LeaseView): LeaseTableDelta {
    const old = this.#view;
    const affected = this.#affectedBy(old, view);
    this.#view = view;
    this.#context = this.#look(view);
    for (const { stored } of affected) {
      this.#drop(stored.key);
      this.#put(stored);
    }
    return this.#settle();
  }

  /** The peer under this key, if it is admitted. */
  get(key: LeaseKey): Lease | undefined {
    const entry = this.#entries.get(key);
    return entry?.admitted ? entry.lease : undefined;
  }

  admitted(): readonly Lease[] {
    const leases: Lease[] = [];
    this.#entries.forEach(({ admitted, lease }) => {
      if (admitted) leases.push(lease);
    });
    return leases;
  }

  quarantined(): readonly Quarantine[] {
    const list: Quarantine[] = [];
    this.#entries.forEach((entry) => {
      const verdict = verdictOf(entry);
      if (verdict) list.push({ lease: entry.stored, ...verdict });
    });
    return list;
  }

  /** This node's leases as the store tells them: none when it was lost, two while one replaces the other. */
  own(): readonly Lease[] {
    return [...this.#entries.values()].filter((entry) => entry.role === 'own').map((entry) => entry.stored);
  }

  #look({ network, own, hostAddresses, nobodysAddresses }: LeaseView): AdmissionContext {
    const hosts = new PrefixIndex<Address>();
    const [set, nobodys] = [new Set(hostAddresses), new Set(nobodysAddresses)];
    for (const address of set) hosts.add(hostPrefix(address), address);
    this.#hosts = hosts;
    return {
      network,
      isInNetwork: within(networksOf(network)),
      ownSubnets: own.lease ? subnetsOf(own.lease) : [],
      hostAddressIn: (prefix) => this.#hosts.overlapping(prefix)[0],
      isHostAddress: (address) => set.has(address),
      isNobodyHere: (address) => nobodys.has(address),
    };
  }

  #put(stored: Lease): void {
    const old = this.#entries.get(stored.key);
    if (old !== undefined && samePeer(old.stored, stored)) {
      if (!sameLease(old.stored, stored)) old.stored = stored;
      return;
    }
    if (old !== undefined) this.#drop(stored.key);
    else this.#remember(stored.key);
    const lease = withinFamilies(stored, this.#view.network);
    const role = this.#roleOf(stored);
    const fault = role === 'peer' ? judge(lease, this.#context) : undefined;
    const entry: Entry = { stored, lease, role, fault, blocker: undefined, admitted: false };
    this.#entries.set(stored.key, entry);
    subnetsOf(stored).forEach((subnet) => {
      this.#index.add(subnet, entry);
    });
    this.#dirty.add(entry);
  }

  #drop(key: LeaseKey): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#remember(key);
    this.#entries.delete(key);
    for (const subnet of subnetsOf(entry.stored)) this.#index.remove(subnet, entry);
    this.#dirty.delete(entry);
    if (entry.admitted) this.#doubtThoseAfter(entry, this.#near(entry));
    entry.admitted = false;
  }

  #roleOf(lease: Lease): Entry['role'] {
    const { own } = this.#view;
    if (lease.nodeId === own.nodeId) return 'own';
    // Under our own key but with another holder it is no longer ours: it stays a peer and is held off as overlapping.
    if (lease.nodeId === undefined && lease.key === own.lease?.key) return 'own';
    return isReservation(lease) ? 'reserved' : 'peer';
  }

  #settle(): LeaseTableDelta {
    // A set hands out what is added while it is walked, so this ends when nothing is in doubt any more; it does end,
    // because doubt only ever passes to leases of lower precedence.
    this.#dirty.forEach((entry) => {
      this.#dirty.delete(entry);
      this.#decide(entry);
    });
    const changed: LeaseKey[] = [];
    const quarantined: Quarantine[] = [];
    this.#before.forEach((before, key) => {
      const entry = this.#entries.get(key);
      const now = entry?.admitted ? entry.lease : undefined;
      if (before.lease !== now && !(before.lease && now && samePeer(before.lease, now))) changed.push(key);
      const verdict = entry && verdictOf(entry);
      if (entry && verdict && !sameData(verdict, before.verdict)) quarantined.push({ lease: entry.stored, ...verdict });
    });
    this.#before.clear();
    return { changed, quarantined };
  }

  #decide(entry: Entry): void {
    this.#remember(entry.stored.key);
    const standing = entry.blocker !== undefined && this.#blocks(entry.blocker, entry);
    // Looked for only when it matters: a lease that is too wide is near all others.
    const near = standing ? undefined : this.#near(entry);
    if (near !== undefined) entry.blocker = this.#findBlocker(entry, near);
    const admitted = entry.role === 'peer' && entry.fault === undefined && entry.blocker === undefined;
    if (admitted === entry.admitted) return;
    entry.admitted = admitted;
    this.#doubtThoseAfter(entry, near ?? this.#near(entry));
  }

  /** Entries with a subnet that overlaps one of its own; nearly always none. */
  #near(entry: Entry): readonly Entry[] {
    const near = subnetsOf(entry.lease).flatMap((subnet) => this.#index.overlapping(subnet));
    return near.length === 1 && near[0] === entry ? NOBODY : near.filter((other) => other !== entry);
  }

  #findBlocker(entry: Entry, near: readonly Entry[]): Entry | undefined {
    if (entry.role !== 'peer' || entry.fault !== undefined) return undefined;
    return near.find((other) => this.#blocks(other, entry));
  }

  /** An entry that left the table is not admitted, so it blocks nothing. */
  #blocks(other: Entry, entry: Entry): boolean {
    return other.admitted && comparePrecedence(other.lease, entry.lease, this.#view.network) < 0;
  }

  #doubtThoseAfter(entry: Entry, near: readonly Entry[]): void {
    near.forEach((other) => {
      if (other.role !== 'peer' || other.fault !== undefined) return;
      if (comparePrecedence(entry.lease, other.lease, this.#view.network) < 0) this.#dirty.add(other);
    });
  }

  /** What the key was before this call, for the difference at its end. */
  #remember(key: LeaseKey): void {
    if (this.#before.has(key)) return;
    const entry = this.#entries.get(key);
    const known = entry && { lease: entry.admitted ? entry.lease : undefined, verdict: verdictOf(entry) };
    this.#before.set(key, known ?? UNKNOWN);
  }

  #affectedBy(old: LeaseView, now: LeaseView): Iterable<Entry> {
    if (!sameData(old.network, now.network) || old.own.nodeId !== now.own.nodeId) return [...this.#entries.values()];
    const affected = new Set<Entry>();
    if (!sameData(old.own.lease && subnetsOf(old.own.lease), now.own.lease && subnetsOf(now.own.lease))) {
      for (const lease of [old.own.lease, now.own.lease]) {
        for (const subnet of lease ? subnetsOf(lease) : []) {
          for (const entry of this.#index.overlapping(subnet)) affected.add(entry);
        }
      }
    }
    const [before, after] = [addressesOf(old), addressesOf(now)];
    const moved = new Set([...before, ...after].filter((address) => !before.has(address) || !after.has(address)));
    if (moved.size === 0) return affected;
    for (const address of moved) for (const entry of this.#index.covering(address)) affected.add(entry);
    for (const entry of this.#entries.values()) {
      for (const half of [entry.stored.ipv4, entry.stored.ipv6]) {
        if (half?.publicIp && moved.has(half.publicIp)) affected.add(entry);
      }
    }
    return affected;
  }
}

const addressesOf = ({ hostAddresses, nobodysAddresses }: LeaseView): ReadonlySet<Address> =>
  new Set([...hostAddresses, ...nobodysAddresses]);

function verdictOf({ fault, blocker }: Entry): Verdict | undefined {
  if (fault !== undefined || blocker === undefined) return fault;
  return {
    reason: 'overlaps-other-lease',
    detail: `it overlaps the lease of ${leaseName(blocker.lease)} (${blocker.lease.key})`,
  };
}
