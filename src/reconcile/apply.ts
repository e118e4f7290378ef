import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Outcome } from '../drivers/driver.js';
import { blocked, type Drivers } from '../drivers/drivers.js';
import { kinds } from '../kinds/index.js';
import type { Key } from '../planner/kind.js';
import { type Step, subjectOf } from '../planner/step.js';

/** Steps per call of a driver: about two netlink batches, so that Ctrl-C is heard within a millisecond or so. */
const SLICE = 400;

/**
 * Carries out steps in order, in slices of one driver. Never throws for one step: a failure blocks only what needs it.
 * Stops between slices when the signal aborts: what was yielded has happened, nothing else has.
 */
export async function* apply({ steps, drivers, signal, before }: ApplyInput): AsyncGenerator<readonly Outcome[]> {
  const failed = new Set<Key>();
  let leftOver: Key | undefined;
  const note = (outcomes: readonly Outcome[]): readonly Outcome[] => {
    for (const { step, status } of outcomes) {
      if (status === 'done') continue;
      failed.add(step.key);
      if (step.action === 'delete') leftOver = step.key;
    }
    return outcomes;
  };
  const hindrance = (step: Step): Key | undefined => {
    // What could not be removed is recognised by the record of before: it stays as it is until that is gone.
    if (leftOver !== undefined && step.action !== 'create' && kinds.isRecord(subjectOf(step))) return leftOver;
    return step.action === 'delete' ? undefined : step.needs.find((key) => failed.has(key));
  };
  let isFirst = true;
  for (const slice of slices(steps, drivers)) {
    // rtnetlink answers at once, so without this no signal and no event would be heard until all is done.
    if (!isFirst) await nextTurn();
    isFirst = false;
    if (signal.aborted) return;
    const ready: Step[] = [];
    const stuck: Outcome[] = [];
    for (const step of slice) {
      const by = hindrance(step);
      if (by === undefined) ready.push(step);
      else stuck.push(blocked(step, by));
    }
    if (stuck.length > 0) yield note(stuck);
    if (ready.length === 0) continue;
    before?.(ready);
    yield note(await drivers.perform(ready, signal));
  }
}

export interface ApplyInput {
  readonly steps: readonly Step[];
  readonly drivers: Drivers;
  readonly signal: AbortSignal;
  /** Called with the steps that are carried out next. What it throws ends the run. */
  readonly before?: ((steps: readonly Step[]) => void) | undefined;
}

/** Consecutive steps of one kind and one direction: whatever a step needs has had its outcome before. */
function* slices(steps: readonly Step[], drivers: Drivers): Generator<readonly Step[]> {
  let start = 0;
  for (let i = 1; i <= steps.length; i++) {
    const [first, next] = [steps[start], steps[i]];
    if (first === undefined) return;
    const together =
      next !== undefined &&
      i - start < SLICE &&
      subjectOf(next).kind === subjectOf(first).kind &&
      (next.action === 'delete') === (first.action === 'delete') &&
      drivers.for(subjectOf(next)) === drivers.for(subjectOf(first));
    if (together) continue;
    yield steps.slice(start, i);
    start = i;
  }
}
