import { type HeldUp, hindrances } from './hindrance.js';
import type { Key, Kinds, Ownership, Resource } from './kind.js';
import { inDependencyOrder } from './order.js';
import type { Step } from './step.js';

export type { Action, Step } from './step.js';

/** A resource that should exist, and why: the sentence that people read under its change. */
export interface Wanted {
  readonly resource: Resource;
  readonly because: string;
}

export type Desired = ReadonlyMap<Key, Wanted>;
export type Observed = ReadonlyMap<Key, Resource>;

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
  /** What would stand on something that is not flan's. Absent when there is none. */
  readonly heldUp?: readonly HeldUp[];
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
  const unchanged: Key[] = [];
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
      unchanged.push(key);
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
  const whole = withDependants({ steps, conflicts, unchanged }, input);
  const isForeign = (key: Key): boolean => {
    const before = input.adopt === 'yes' || !desired.has(key) ? undefined : observed.get(key);
    return before !== undefined && !isOurs(key, before);
  };
  const hindrance = hindrances({ desired, observed, kinds, isForeign });
  const able: Step[] = [];
  const heldUp: HeldUp[] = [];
  for (const step of whole.steps) {
    const by = hindrance(step);
    if (by === undefined) able.push(step);
    else heldUp.push({ step, by });
  }
  return {
    steps: inDependencyOrder(able, kinds),
    conflicts: whole.conflicts,
    ...(heldUp.length > 0 && { heldUp }),
    unchanged: whole.unchanged.length,
  };
}

/** What comes of each key that was looked at. */
interface Verdicts {
  readonly steps: readonly Step[];
  readonly conflicts: readonly Conflict[];
  readonly unchanged: readonly Key[];
}

/**
 * Replacing a resource destroys what stands on it (a link takes its addresses, routes and neighbours along), so
 * everything desired that needs a replaced key, or stands on it now, is made again, to any depth. Then it is neither
 * unchanged nor in anybody's way.
 */
function withDependants(verdicts: Verdicts, { desired, observed, kinds }: PlanInput): Verdicts {
  const { steps, conflicts, unchanged } = verdicts;
  const gone = new Set(steps.filter((step) => step.action === 'replace').map((step) => step.key));
  if (gone.size === 0) return verdicts;
  const byKey = new Map(steps.map((step) => [step.key, step]));
  // What stands elsewhere today is not taken along: ours is changed in place, and a stranger's stays in the way.
  const staysApart = new Set(conflicts.map(({ key }) => key));
  for (const { key, action } of steps) if (action === 'update' || action === 'adopt') staysApart.add(key);
  for (let grew = true; grew; ) {
    grew = false;
    for (const [key, { resource: after }] of desired) {
      if (gone.has(key)) continue;
      const needs = kinds.of(after).needs(after);
      const before = observed.get(key);
      const lost = [
        ...(staysApart.has(key) ? [] : needs),
        // What stands on it now goes too, wherever it is wanted to stand.
        ...(before === undefined ? [] : kinds.of(before).needs(before)),
      ].find((need) => gone.has(need));
      if (lost === undefined) continue;
      gone.add(key);
      grew = true;
      byKey.set(key, { action: 'create', key, after, needs, reason: `${lost} is replaced` });
    }
  }
  // What stood on a replaced link is already gone when its own deletion comes round: drivers count absent as done.
  return {
    steps: [...byKey.values()],
    conflicts: conflicts.filter(({ key }) => !gone.has(key)),
    unchanged: unchanged.filter((key) => !gone.has(key)),
  };
}
