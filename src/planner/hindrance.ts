import type { Key, Kinds, Resource } from './kind.js';
import type { Step } from './step.js';

/** A step that must not be carried out: what it needs is not flan's. */
export interface HeldUp {
  readonly step: Step;
  /** Where the foreign object stands. */
  readonly by: Key;
}

export interface HindranceInput {
  readonly desired: ReadonlyMap<Key, { readonly resource: Resource }>;
  readonly observed: ReadonlyMap<Key, Resource>;
  readonly kinds: Kinds;
  /** Whether something that is not ours stands on a desired key, and is left there. */
  readonly isForeign: (key: Key) => boolean;
}

/** Tells what must be ours, and is not, before a step can be carried out: what it needs, or what that needs. */
export function hindrances({ desired, observed, kinds, isForeign }: HindranceInput): (step: Step) => Key | undefined {
  const known = new Map<Key, Key | undefined>();
  const inTheWayOf = (key: Key): Key | undefined => {
    if (known.has(key)) return known.get(key);
    known.set(key, undefined);
    const found = isForeign(key) ? key : observed.has(key) ? undefined : firstOf(needsOf(key));
    known.set(key, found);
    return found;
  };
  const needsOf = (key: Key): readonly Key[] => {
    const wanted = desired.get(key)?.resource;
    return wanted === undefined ? [] : kinds.of(wanted).needs(wanted);
  };
  const firstOf = (needs: readonly Key[]): Key | undefined => {
    for (const need of needs) {
      const found = inTheWayOf(need);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return (step) => (step.action === 'delete' ? undefined : firstOf(step.needs));
}
