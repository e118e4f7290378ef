import { type CloudEntry, type CloudRoute, cloudRouteKey } from '../../kinds/cloud-route.js';
import type { CloudFacts } from '../../model/cloud.js';
import type { Key } from '../../planner/kind.js';
import type { CloudEdge } from './client.js';
import { byKey, type CloudLook, reads } from './look.js';

/** What is known of a cloud: what was seen there last, and what was written since. */
export interface CloudMemory {
  readonly facts: CloudFacts;
  /** Whether what the cloud says of this instance has to be asked for again. */
  hasOldFacts(): boolean;
  learnFacts(facts: CloudFacts): void;
  /** The last look, with what steps have read since; undefined before the first. */
  readonly last: CloudLook | undefined;
  take(look: CloudLook): void;
  /** What a step has read counts at once: what was known before it would ask for the same step again. */
  learn(key: Key, standing: readonly CloudEntry[]): void;
  /** Whether the cloud was looked at, or did not answer, less than so long ago. */
  isFresh(withinMs: number): boolean;
  /** The cloud did not answer. */
  failed(): void;
  /** What is known is not to be relied on. */
  doubt(): void;
  /** How often something began to be written: a look that began before knows nothing of it. */
  readonly writes: number;
  readonly isWriting: boolean;
  writing<T>(work: () => Promise<T>): Promise<T>;
  /** A route that was written, or a removal, was seen: other copies of the cloud may still say otherwise for a while. */
  wrote(key: Key, wanted: CloudRoute | undefined): void;
  /** Whether what was just written is not in this listing. */
  lags(entries: readonly CloudEntry[]): boolean;
}

/** What the cloud says of the instance is good for the looks of one command. */
const FACTS_MS = 3000;
/** For how long after something was seen another copy may still say otherwise. */
const ECHO_MS = 5000;

/** @param facts what the cloud said a moment ago */
export function cloudMemory(edge: Pick<CloudEdge, 'nowMs'>, facts: CloudFacts): CloudMemory {
  let place = { facts, atMs: edge.nowMs() };
  let last: CloudLook | undefined;
  let failedAtMs = Number.NEGATIVE_INFINITY;
  let writes = 0;
  let isWriting = false;
  const recent = new Map<Key, { readonly wanted: CloudRoute | undefined; readonly untilMs: number }>();

  return {
    get facts() {
      return place.facts;
    },
    hasOldFacts: () => edge.nowMs() > place.atMs + FACTS_MS,
    learnFacts: (found) => {
      place = { facts: found, atMs: edge.nowMs() };
    },
    get last() {
      return last;
    },
    take: (look) => {
      last = look;
    },
    learn: (key, standing) => {
      if (last === undefined) return;
      const others = last.entries.filter((entry) => cloudRouteKey(entry) !== key);
      last = { ...last, entries: [...others, ...standing] };
    },
    isFresh: (withinMs) => last !== undefined && edge.nowMs() < Math.max(last.atMs, failedAtMs) + withinMs,
    failed: () => {
      failedAtMs = edge.nowMs();
    },
    doubt: () => {
      failedAtMs = Number.NEGATIVE_INFINITY;
      if (last !== undefined) last = { ...last, atMs: Number.NEGATIVE_INFINITY };
    },
    get writes() {
      return writes;
    },
    get isWriting() {
      return isWriting;
    },
    writing: async (work) => {
      writes++;
      isWriting = true;
      try {
        return await work();
      } finally {
        isWriting = false;
      }
    },
    wrote: (key, wanted) => recent.set(key, { wanted, untilMs: edge.nowMs() + ECHO_MS }),
    lags: (entries) => {
      const groups = byKey(entries);
      return [...recent].some(([key, { wanted, untilMs }]) => {
        if (untilMs > edge.nowMs()) return !reads(groups.get(key) ?? [], wanted);
        recent.delete(key);
        return false;
      });
    },
  };
}
