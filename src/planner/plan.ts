import type { Key, Kinds, Ownership, Resource } from './kind.js';
import { inDependencyOrder } from './order.js';

/** A resource that should exist, and why: the sentence that people read under its change. */
export interface Wanted {
  readonly resource: Resource;
  readonly because: string;
}

export type Desired = ReadonlyMap<Key, Wanted>;
export type Observed = ReadonlyMap<Key, Resource>;

interface Common {
  readonly key: Key;
  readonly reason: string;
  /** Keys that must exist before (for deletions: that must go after). */
  readonly needs: readonly Key[];
}

/**
 * One step from observed to desired. Plain data: it prints, sorts, serialises and replays.
 * `adopt` is an update of something that exists without our mark.
 */
export type Step = Common &
  (
    | { readonly action: 'create'; readonly after: Resource }
    | {
        readonly action: 'update' | 'replace' | 'adopt';
        readonly before: Resource;
        readonly after: Resource;
        readonly fields: readonly string[];
      }
    | { readonly action: 'delete'; readonly before: Resource }
  );

export type Action = Step['action'];

/** Something foreign stands where one of ours belongs. */
export interface Conflict {
  readonly key: Key;
  readonly before: Resource;
  readonly after: Resource;
  readonly fields: readonly string[];
  readonly reason: string;
}

export interface Plan {
  /** In the order of execution. */
  readonly steps: readonly Step[];
  readonly conflicts: readonly Conflict[];
  readonly unchanged: number;
}

export interface PlanInput {
  readonly desired: Desired;
  readonly observed: Observed;
  readonly kinds: Kinds;
  readonly ownership: Ownership;
  /** Take over foreign resources that stand on our keys. */
  readonly adopt?: 'yes' | 'no';
  /** Keys that this process is known to have written: ours though their mark was changed by somebody. */
  readonly written?: { has(key: Key): boolean };
  /** Only look at these keys; all when absent. `watch` plans what changed and no more. */
  readonly keys?: Iterable<Key>;
  /** Why something of ours is no longer wanted. */
  readonly whyGone?: (resource: Resource) => string;
}

/**
 * Computes the changes that turn `observed` into `desired`. For all inputs (planner/properties.test.ts):
 * planning a settled state is empty; applying the plan settles it; what is not ours is never deleted or changed.
 */
export function plan(input: PlanInput): Plan {
  const { desired, observed, kinds, ownership } = input;
  const steps: Step[] = [];
  const conflicts: Conflict[] = [];
  let unchanged = 0;
  const isOurs = (key: Key, resource: Resource): boolean =>
    input.written?.has(key) === true || kinds.of(resource).owns(resource, ownership);
  /** Of a device that is taken over whatever its maker put there is taken over too, and what is stale of it removed. */
  const isAdoptedWithAnother = (resource: Resource): boolean => {
    const other = input.adopt === 'yes' ? kinds.of(resource).goesWith?.(resource, ownership) : undefined;
    return other !== undefined && desired.has(other);
  };

  const planWanted = (key: Key, { resource: after, because: reason }: Wanted): void => {
    const kind = kinds.of(after);
    const before = observed.get(key);
    if (before === undefined) {
      steps.push({ action: 'create', key, after, needs: kind.needs(after), reason });
      return;
    }
    const fields = kinds.differing(before, after);
    const ours = isOurs(key, before);
    if (!ours && input.adopt !== 'yes') {
      conflicts.push({ key, before, after, fields, reason });
      return;
    }
    if (fields.length === 0 && (ours || isAdoptedWithAnother(before))) {
      unchanged++;
      return;
    }
    // What cannot be changed into ours is taken over by making it anew, with all that stands on it.
    const isInPlace = fields.every((field) => kind.inPlace.includes(field as never));
    const action = isInPlace ? (ours ? 'update' : 'adopt') : 'replace';
    steps.push({ action, key, before, after, fields, needs: kind.needs(after), reason });
  };
  const planObserved = (key: Key, before: Resource): void => {
    if (desired.has(key) || (!isOurs(key, before) && !isAdoptedWithAnother(before))) return;
    const reason = input.whyGone?.(before) ?? 'nothing asks for it any more';
    steps.push({ action: 'delete', key, before, needs: kinds.of(before).needs(before), reason });
  };

  if (input.keys === undefined) {
    desired.forEach((wanted, key) => {
      planWanted(key, wanted);
    });
    observed.forEach((before, key) => {
      planObserved(key, before);
    });
  } else {
    for (const key of input.keys) {
      const wanted = desired.get(key);
      const before = observed.get(key);
      if (wanted !== undefined) planWanted(key, wanted);
      else if (before !== undefined) planObserved(key, before);
    }
  }
  return { steps: inDependencyOrder(withDependants(steps, input), kinds), conflicts, unchanged };
}

/**
 * Replacing a resource destroys what stands on it (a link takes its addresses, routes and neighbours along), so
 * everything desired that needs a replaced key, or stands on it now, is made again, to any depth.
 */
function withDependants(steps: readonly Step[], { desired, observed, kinds }: PlanInput): readonly Step[] {
  const gone = new Set(steps.filter((step) => step.action === 'replace').map((step) => step.key));
  if (gone.size === 0) return steps;
  const byKey = new Map(steps.map((step) => [step.key, step]));
  for (let grew = true; grew; ) {
    grew = false;
    for (const [key, { resource: after }] of desired) {
      if (gone.has(key)) continue;
      const needs = kinds.of(after).needs(after);
      // What stands on it now goes too, wherever it is wanted to stand.
      const before = observed.get(key);
      const lost = [...needs, ...(before ? kinds.of(before).needs(before) : [])].find((need) => gone.has(need));
      if (lost === undefined) continue;
      gone.add(key);
      grew = true;
      byKey.set(key, { action: 'create', key, after, needs, reason: `${lost} is replaced` });
    }
  }
  // What stood on a replaced link is already gone when its own deletion comes round: drivers count absent as done.
  return [...byKey.values()];
}
