import type { Notice, Outcome } from '../drivers/driver.js';
import type { PartialWorld } from '../drivers/drivers.js';
import type { Lease, LeaseKey } from '../model/lease.js';
import { type Key, type Kinds, type Resource, sameValue } from '../planner/kind.js';
import { type Plan, plan } from '../planner/plan.js';
import type { Backoff } from './backoff.js';
import { type Clash, DesiredIndex, desiredForPeer, desiredLocally } from './desired.js';
import type { Inputs } from './inputs.js';

/** Somebody else changed what we had made. */
export interface Drift {
  readonly key: Key;
  readonly what: 'deleted' | 'changed';
  /** What stands there now, if anything. */
  readonly now?: Resource;
  /** Who did it, where the event tells: a routing protocol's number, a process. */
  readonly by?: string;
}

/** A plan for what is due, with all keys that were looked at. */
export interface DuePlan extends Plan {
  readonly keys: ReadonlySet<Key>;
}

const LOCAL = 'local';

/**
 * The two indexes of `watch` and what is pending between them. Absorbing costs O(change) and does no I/O; planning
 * looks only at keys that something was heard about.
 */
export class State {
  readonly #kinds: Kinds;
  readonly #desired: DesiredIndex;
  #observed = new Map<Key, Resource>();
  #foreign: Readonly<Record<string, number>> = {};
  #inputs: Inputs;
  readonly #dirty = new Set<Key>();
  /** What this run wrote, or found with our mark, as long as it is wanted or there. */
  readonly #written = new Set<Key>();
  readonly #backoff: Backoff;
  #doubt: string | undefined = 'start';
  /** Kinds that could not be read at the last look: nothing is planned for them. */
  #unread: ReadonlySet<string> = new Set();

  constructor(init: { readonly kinds: Kinds; readonly inputs: Inputs; readonly backoff: Backoff }) {
    this.#kinds = init.kinds;
    this.#inputs = init.inputs;
    this.#backoff = init.backoff;
    this.#desired = new DesiredIndex(init.kinds);
    this.#mark(this.#desired.set(LOCAL, desiredLocally(init.inputs)));
  }

  get inputs(): Inputs {
    return this.#inputs;
  }

  get desired() {
    return this.#desired.desired;
  }

  get observed(): ReadonlyMap<Key, Resource> {
    return this.#observed;
  }

  get foreign(): Readonly<Record<string, number>> {
    return this.#foreign;
  }

  /** Why everything must be read again before the next plan; undefined when nothing is in doubt. */
  get doubt(): string | undefined {
    return this.#doubt;
  }

  /** Whether a plan could hold anything at `nowMs`. */
  hasWork(nowMs: number): boolean {
    return this.#doubt !== undefined || this.#dirty.size > 0 || this.#backoff.due(nowMs).length > 0;
  }

  /** Whether something of the node itself (device, rules, subnet.env) cannot be made at the moment: no peer's fault. */
  isLame(nowMs: number): boolean {
    return this.#desired.keysOf(LOCAL).some((key) => this.#backoff.isWaiting(key, nowMs));
  }

  /** Whether the last try at a key failed. */
  isFailing(key: Key): boolean {
    return this.#backoff.isFailing(key);
  }

  /** When a failed key is next worth a try. */
  nextRetryMs(): number | undefined {
    return this.#backoff.nextMs();
  }

  /** New inputs: everything desired is computed again; only what differs becomes work. */
  setInputs(inputs: Inputs, peers: Iterable<Lease>): void {
    this.#inputs = inputs;
    const before = new Map(this.#desired.desired);
    for (const owner of [...this.#desired.owners()]) this.#desired.delete(owner);
    this.#desired.set(LOCAL, desiredLocally(inputs));
    for (const lease of peers) this.#desired.set(lease.key, desiredForPeer(inputs, lease));
    const now = this.#desired.desired;
    for (const [key, wanted] of now) {
      if (!sameValue(before.get(key)?.resource, wanted.resource)) this.#wishChanged(key);
    }
    for (const key of before.keys()) if (!now.has(key)) this.#wishChanged(key);
  }

  putPeer(lease: Lease): void {
    const before = this.#resourcesOf(lease.key);
    const keys = this.#desired.set(lease.key, desiredForPeer(this.#inputs, lease));
    this.#mark(keys);
    for (const key of keys) {
      if (!sameValue(before.get(key), this.#desired.desired.get(key)?.resource)) this.#wishChanged(key);
    }
  }

  /** What a peer's lease asks for in vain, because another was first. */
  clashesOf(key: LeaseKey): readonly Clash[] {
    return this.#desired.clashesOf(key);
  }

  deletePeer(key: LeaseKey): void {
    for (const each of this.#desired.delete(key)) this.#wishChanged(each);
  }

  /** What a driver saw. @returns the drift it is, if it is one */
  absorb(notice: Exclude<Notice, { type: 'host' }>): Drift | undefined {
    if (notice.type === 'doubt') {
      this.#doubt = notice.why;
      return undefined;
    }
    const { key } = notice;
    const before = this.#observed.get(key);
    const wanted = this.#desired.desired.get(key);
    const by = notice.by === undefined ? {} : { by: notice.by };
    if (notice.type === 'gone') {
      if (before === undefined) return undefined;
      this.#observed.delete(key);
      if (wanted === undefined) return undefined;
      this.#dirty.add(key);
      // What was in our way is gone: good news, not drift.
      return this.#fits(before, wanted.resource) ? { key, what: 'deleted', ...by } : undefined;
    }
    if (before !== undefined && sameValue(before, notice.resource)) return undefined;
    const wasRight = before !== undefined && wanted !== undefined && this.#fits(before, wanted.resource);
    this.#observed.set(key, notice.resource);
    if (wanted === undefined || !this.#fits(notice.resource, wanted.resource)) this.#dirty.add(key);
    else return undefined;
    return wasRight ? { key, what: 'changed', now: notice.resource, ...by } : undefined;
  }

  /** A completed look at everything that can be read; the rest is as it was. @returns the drifts that no event had told of */
  replaceObserved({ observed, foreign, unread }: PartialWorld): Drift[] {
    this.#unread = new Set(unread.flatMap(({ driver }) => driver.kinds));
    if (this.#unread.size > 0) {
      for (const [key, resource] of this.#observed) if (this.#unread.has(resource.kind)) observed.set(key, resource);
    }
    const drifts: Drift[] = [];
    for (const [key, { resource }] of this.#desired.desired) {
      const [before, now] = [this.#observed.get(key), observed.get(key)];
      const known = this.#written.has(key);
      // A run before this one wrote it: it stays ours too when somebody takes the mark off.
      if (!known && now !== undefined && this.#owns(now)) this.#written.add(key);
      if (before === undefined || !known || !this.#fits(before, resource)) continue;
      if (now === undefined) drifts.push({ key, what: 'deleted' });
      else if (!this.#fits(now, resource)) drifts.push({ key, what: 'changed', now });
    }
    this.#observed = observed;
    this.#foreign = foreign;
    this.#doubt = undefined;
    this.#mark(observed.keys());
    this.#mark(this.#desired.desired.keys());
    return drifts;
  }

  /** The changes that are due now. Takes them: what does not come back through `settle` is forgotten until a resync. */
  takePlan({ nowMs, adopt }: { readonly nowMs: number; readonly adopt: 'yes' | 'no' }): DuePlan {
    const due = this.#backoff.due(nowMs);
    const keys = new Set<Key>(due);
    for (const key of this.#dirty) if (!this.#backoff.isWaiting(key, nowMs)) keys.add(key);
    this.#dirty.clear();
    if (this.#unread.size > 0) for (const key of keys) if (this.#isUnknown(key)) keys.delete(key);
    const changes = plan({
      desired: this.#desired.desired,
      observed: this.#observed,
      kinds: this.#kinds,
      ownership: this.#inputs.ownership,
      written: this.#written,
      whyGone: () => 'no lease asks for it any more',
      adopt,
      keys,
    });
    // A key may have come right by itself, or not be wanted any more: nothing is waited for then.
    const planned = new Set(changes.steps.map(({ key }) => key));
    for (const key of due) if (!planned.has(key)) this.#backoff.succeeded(key);
    for (const key of keys) {
      if (!this.#desired.desired.has(key) && !this.#observed.has(key)) this.#written.delete(key);
    }
    return { ...changes, keys };
  }

  /** What became of steps. */
  settle(outcomes: readonly Outcome[], nowMs: number): void {
    for (const outcome of outcomes) {
      const { step } = outcome;
      if (outcome.status === 'done') {
        this.#backoff.succeeded(step.key);
        if (step.action === 'delete') {
          this.#observed.delete(step.key);
          this.#written.delete(step.key);
        } else {
          this.#observed.set(step.key, step.after);
          this.#written.add(step.key);
        }
        continue;
      }
      if (outcome.status === 'raced') {
        this.#backoff.raced(step.key, nowMs);
        this.#doubt = outcome.error.message;
      } else this.#backoff.failed(step.key, nowMs);
    }
    this.#retryWhatNeeds(outcomes);
  }

  /** What was tried in vain while it was not there, or went with it again and again, is tried at once. */
  #retryWhatNeeds(outcomes: readonly Outcome[]): void {
    const made = new Set<Key>();
    for (const { step, status } of outcomes) if (status === 'done' && step.action !== 'delete') made.add(step.key);
    if (made.size === 0) return;
    for (const key of this.#backoff.waiting()) {
      const wanted = this.#desired.desired.get(key)?.resource;
      if (wanted === undefined) continue;
      const needs = this.#kinds.of(wanted).needs(wanted);
      if (needs.some((need) => made.has(need))) this.#wishChanged(key);
    }
  }

  /** The host changed in a way that may make failed steps work: no reason to wait. */
  retryNow(): void {
    this.#mark(this.#backoff.clear());
  }

  /** Wait before touching a key again: somebody keeps changing it back. */
  holdOff(key: Key, nowMs: number): void {
    this.#backoff.holdOff(key, nowMs);
  }

  doubtEverything(why: string): void {
    this.#doubt = why;
  }

  /** Of a kind that could not be read; or a record, which is to tell of all that is there. */
  #isUnknown(key: Key): boolean {
    const resource = this.#desired.desired.get(key)?.resource ?? this.#observed.get(key);
    return resource !== undefined && (this.#unread.has(resource.kind) || this.#kinds.isRecord(resource));
  }

  #fits(resource: Resource, wanted: Resource): boolean {
    return this.#kinds.differing(resource, wanted).length === 0;
  }

  #owns(resource: Resource): boolean {
    return this.#kinds.of(resource).owns(resource, this.#inputs.ownership);
  }

  #resourcesOf(owner: LeaseKey): ReadonlyMap<Key, Resource | undefined> {
    return new Map(this.#desired.keysOf(owner).map((key) => [key, this.#desired.desired.get(key)?.resource]));
  }

  /** Another thing is wanted there: it is tried at once, however often the one before had failed. */
  #wishChanged(key: Key): void {
    this.#dirty.add(key);
    this.#backoff.forget(key);
  }

  #mark(keys: Iterable<Key>): void {
    for (const key of keys) this.#dirty.add(key);
  }
}
