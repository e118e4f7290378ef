import { FlanError } from '../../errors.js';
import type { Lease, LeaseKey, LeaseSubnets } from '../../model/lease.js';
import { parseLeaseKey } from '../../model/lease.js';
import { sameLease } from '../../model/lease-content.js';
import type { LeaseEvent, LeaseListing, RejectedEntry } from '../store.js';
import type { EntryPlace, FileContent } from './parse.js';

/** A lease as it stands in a file. */
export interface HeldEntry {
  readonly file: string;
  readonly id: string;
  readonly place: EntryPlace;
  readonly lease: Lease;
}

interface FileState {
  readonly held: readonly HeldEntry[];
  readonly faults: readonly RejectedEntry[];
}

/**
 * What all files together say, kept up to date file by file. Three rules:
 * a file or an entry that no longer parses keeps the lease that it last held, until it parses or is gone; a file that
 * held leases and is suddenly empty is being written, and counts as one that does not parse; of two entries with the
 * same subnets the first by file name counts, and the other is rejected.
 */
export class LeaseBook {
  readonly #files = new Map<string, FileState>();
  readonly #claims = new Map<LeaseKey, readonly HeldEntry[]>();
  readonly #expiring = new Set<HeldEntry>();
  readonly #faulty = new Set<string>();
  readonly #contested = new Set<LeaseKey>();
  readonly #touched = new Set<LeaseKey>();
  readonly #told = new Map<LeaseKey, Lease>();
  #toldFaults = new Map<string, string>();

  /** Takes in what a file holds now. */
  set(file: string, content: FileContent): void {
    const before = this.#files.get(file);
    this.#replace(file, stateOf({ file, content, before }));
  }

  /** The file is gone, and with it what it held. */
  remove(file: string): void {
    this.#replace(file, undefined);
  }

  has(file: string): boolean {
    return this.#files.has(file);
  }

  get isEmpty(): boolean {
    return this.#files.size === 0;
  }

  files(): IterableIterator<string> {
    return this.#files.keys();
  }

  /** The entry that counts for a key; an expired one only when nothing else has the key. */
  entry(key: LeaseKey, nowMs: number): HeldEntry | undefined {
    return this.#winner(key, nowMs) ?? this.#claims.get(key)?.[0];
  }

  /** Everything at one moment. */
  listing(nowMs: number): LeaseListing {
    const leases: Lease[] = [];
    this.#claims.forEach((claims) => {
      const winner = winnerOf(claims, nowMs);
      if (winner !== undefined) leases.push(winner.lease);
    });
    return { leases, rejected: [...this.#faults(nowMs)] };
  }

  /** All leases that are not expired or, though expired, may be the asking node's to take up again. */
  candidates(nowMs: number, mayBeOurs: (lease: Lease) => boolean): readonly Lease[] {
    const leases: Lease[] = [];
    for (const key of this.#claims.keys()) {
      const entry = this.entry(key, nowMs);
      if (entry && (!isExpired(entry.lease, nowMs) || mayBeOurs(entry.lease))) leases.push(entry.lease);
    }
    return leases;
  }

  /** Subnets named by files that cannot be read: somebody may hold them. */
  blocked(): readonly LeaseSubnets[] {
    const subnets: LeaseSubnets[] = [];
    for (const file of this.#faulty) {
      const named = parseLeaseKey(file.slice(file.lastIndexOf('/') + 1).replace(/\.(json|ya?ml)$/, ''));
      if (named !== undefined) subnets.push(named);
    }
    return subnets;
  }

  /** A snapshot for a watcher; `changes` tells what differs from it afterwards. */
  snapshot(nowMs: number): LeaseEvent {
    const listing = this.listing(nowMs);
    this.#touched.clear();
    this.#told.clear();
    for (const lease of listing.leases) this.#told.set(lease.key, lease);
    this.#toldFaults = new Map(listing.rejected.map(({ entry, error }) => [entry, error.message]));
    return { type: 'snapshot', ...listing };
  }

  /** What a watcher does not know yet, by content; at a cost of what was touched. */
  changes(nowMs: number): readonly LeaseEvent[] {
    for (const { lease } of this.#expiring) if (isExpired(lease, nowMs)) this.#touched.add(lease.key);
    const events: LeaseEvent[] = [];
    for (const key of this.#touched) {
      const [before, now] = [this.#told.get(key), this.#winner(key, nowMs)?.lease];
      if (now === undefined) {
        if (before !== undefined) events.push({ type: 'delete', key });
        this.#told.delete(key);
      } else if (before === undefined || !sameLease(before, now)) {
        events.push({ type: 'put', lease: now });
        this.#told.set(key, now);
      }
    }
    const faults = new Map<string, string>();
    for (const rejected of this.#faults(nowMs)) {
      faults.set(rejected.entry, rejected.error.message);
      if (this.#toldFaults.get(rejected.entry) !== rejected.error.message) events.push({ type: 'reject', rejected });
    }
    this.#toldFaults = faults;
    this.#touched.clear();
    return events;
  }

  /** When the next lease expires. */
  nextExpiryMs(nowMs: number): number | undefined {
    let next: number | undefined;
    for (const { lease } of this.#expiring) {
      const at = lease.expiresAtMs;
      if (at !== undefined && at > nowMs && (next === undefined || at < next)) next = at;
    }
    return next;
  }

  #replace(file: string, state: FileState | undefined): void {
    const before = this.#files.get(file);
    before?.held.forEach((entry) => {
      this.#claim(entry, 'drop');
    });
    state?.held.forEach((entry) => {
      this.#claim(entry, 'add');
    });
    // Only now: a map whose keys come and go grows to twice the size.
    before?.held.forEach(({ lease }) => {
      if (this.#claims.get(lease.key)?.length === 0) this.#claims.delete(lease.key);
    });
    this.#faulty.delete(file);
    if (state === undefined) this.#files.delete(file);
    else this.#files.set(file, state);
    if (state !== undefined && state.faults.length > 0) this.#faulty.add(file);
  }

  #claim(entry: HeldEntry, what: 'add' | 'drop'): void {
    const { key, expiresAtMs } = entry.lease;
    const known = this.#claims.get(key);
    const others = known === undefined || known.length === 0 ? NOBODY : known.filter((other) => other !== entry);
    const claims = what === 'drop' ? others : others.length === 0 ? [entry] : [...others, entry].sort(byPlace);
    this.#claims.set(key, claims);
    if (claims.length > 1) this.#contested.add(key);
    else this.#contested.delete(key);
    if (what === 'drop') this.#expiring.delete(entry);
    else if (expiresAtMs !== undefined) this.#expiring.add(entry);
    this.#touched.add(key);
  }

  #winner(key: LeaseKey, nowMs: number): HeldEntry | undefined {
    return winnerOf(this.#claims.get(key) ?? NOBODY, nowMs);
  }

  *#faults(nowMs: number): Generator<RejectedEntry> {
    for (const file of this.#faulty) yield* this.#files.get(file)?.faults ?? [];
    for (const key of this.#contested) {
      const [first, ...rest] = (this.#claims.get(key) ?? []).filter(({ lease }) => !isExpired(lease, nowMs));
      if (first === undefined) continue;
      for (const { id } of rest) yield { entry: id, error: duplicate(id, first) };
    }
  }
}

export const isExpired = (lease: Lease, nowMs: number): boolean =>
  lease.expiresAtMs !== undefined && lease.expiresAtMs <= nowMs;

const winnerOf = (claims: readonly HeldEntry[], nowMs: number): HeldEntry | undefined =>
  claims.find(({ lease }) => !isExpired(lease, nowMs));

const byPlace = (a: HeldEntry, b: HeldEntry): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

interface Change {
  readonly file: string;
  readonly content: FileContent;
  readonly before: FileState | undefined;
}

const NONE: readonly RejectedEntry[] = [];
const NOBODY: readonly HeldEntry[] = [];

function stateOf({ file, content, before }: Change): FileState {
  const last = before?.held ?? [];
  if (content.type === 'broken') return { held: last, faults: [{ entry: file, error: content.error }] };
  if (content.type === 'empty') {
    return { held: last, faults: last.length > 0 ? [{ entry: file, error: emptied(file) }] : [] };
  }
  const first = content.entries[0];
  // Nearly always; an array that grows would keep room for sixteen more.
  if (content.entries.length === 1 && first !== undefined && !(first.result instanceof FlanError)) {
    return { held: [{ file, id: first.id, place: first.place, lease: first.result }], faults: NONE };
  }
  const held: HeldEntry[] = [];
  const faults: RejectedEntry[] = [];
  const good = new Set(content.entries.map(({ result }) => (result instanceof FlanError ? undefined : result.key)));
  for (const { id, place, result } of content.entries) {
    if (!(result instanceof FlanError)) {
      held.push({ file, id, place, lease: result });
      continue;
    }
    faults.push({ entry: id, error: result });
    const kept = last.find((entry) => entry.id === id);
    if (kept !== undefined && !good.has(kept.lease.key)) held.push({ ...kept, place });
  }
  return { held, faults };
}

const emptied = (file: string): FlanError =>
  new FlanError('E_LEASE', `${file} is empty, though it held leases: they stay until it says otherwise`, {
    where: file,
    hint: 'Remove the file to give its leases up, or write [] into it.',
  });

const duplicate = (id: string, first: HeldEntry): FlanError =>
  new FlanError('E_LEASE', `lease in ${id}: ${first.id} has the same subnet already`, {
    where: id,
    hint: 'Remove one of the two.',
  });
