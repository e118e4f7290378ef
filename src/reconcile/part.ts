import type { Outcome } from '../drivers/driver.js';
import { FlanError } from '../errors.js';
import { isLeaseChange } from '../kinds/lease.js';
import type { Plan, Step } from '../planner/plan.js';
import { apply } from './apply.js';
import { conclude } from './compute.js';
import { type Preview, preview } from './preview.js';
import type { Session } from './session.js';

/** Which steps of the whole plan a command is about. */
export type Takes = (step: Step, preview: Preview) => boolean;

export interface PartInput {
  readonly session: Session;
  readonly adopt: 'yes' | 'no';
  readonly signal: AbortSignal;
  readonly takes: Takes;
  /** What the command does, for the error where there is no lease: `prune removes what this node's lease …`. */
  readonly what: string;
}

/** Part of a plan. The rest stays as it is. */
export interface Part {
  readonly preview: Preview;
  readonly plan: Plan;
  /** Steps of the whole plan, and conflicts, that are for `flan apply`. */
  readonly left: number;
}

/**
 * The steps of the plan that `takes` picks, without what needs one that it does not pick.
 * @throws {FlanError} E_LEASE_MISSING: without an own lease half of what is desired is not known
 */
export async function previewPart({ session, adopt, signal, takes, what }: PartInput): Promise<Part> {
  const whole = await preview({ session, adopt, signal });
  if (whole.inputs.own === undefined) {
    throw new FlanError('E_LEASE_MISSING', `${session.identity.node} holds no lease that it can keep: ${what}`, {
      hint: 'Run `flan apply` to acquire one, or `flan destroy` to remove all of flan from this host.',
    });
  }
  const steps = picked(whole, takes);
  const { conflicts, unchanged } = whole.plan;
  const left = whole.plan.steps.length - steps.length + conflicts.length;
  return { preview: whole, plan: { steps, conflicts: [], unchanged }, left };
}

/** Make before break holds for a part too: the order is that of the whole plan. */
function picked(whole: Preview, takes: Takes): readonly Step[] {
  const all = whole.plan.steps;
  const kept = new Set(all.filter((step) => !isLeaseChange(step) && takes(step, whole)).map(({ key }) => key));
  for (let shrank = true; shrank; ) {
    shrank = false;
    for (const { key, needs, action } of all) {
      const lacks = (need: Step['key']): boolean =>
        all.some((other) => other.key === need && other.action !== 'delete') && !kept.has(need);
      if (action === 'delete' || !kept.has(key) || !needs.some(lacks)) continue;
      kept.delete(key);
      shrank = true;
    }
  }
  return all.filter(({ key }) => kept.has(key));
}

export interface PartReport {
  readonly outcomes: readonly Outcome[];
  /** Steps of the part that a second look still found to be done; when interrupted, those not tried. */
  readonly left: readonly Step[];
}

/** Carries out a part that was shown, and verifies it by planning again. */
export async function applyPart({ preview: shown, plan }: Part, input: PartInput): Promise<PartReport> {
  const { session, adopt, signal, takes } = input;
  const outcomes: Outcome[] = [];
  for await (const some of apply({ steps: plan.steps, drivers: session.drivers, signal })) outcomes.push(...some);
  if (signal.aborted) return { outcomes, left: plan.steps.slice(outcomes.length) };
  const world = await session.drivers.observe(shown.scope, session.kinds, signal);
  const again = conclude({ prepared: shown, world, kinds: session.kinds, adopt, store: session.store.name });
  return { outcomes, left: picked(again, takes) };
}
