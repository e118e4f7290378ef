import type { Kinds, Resource } from './kind.js';
import type { Step } from './plan.js';

const subjectOf = (step: Step): Resource => (step.action === 'delete' ? step.before : step.after);

/**
 * Make before break: everything that creates or changes, lowest rank first, then deletions, highest rank first.
 * Within a rank the order of the input stays, so equal inputs give equal plans.
 */
export function inDependencyOrder(steps: readonly Step[], kinds: Kinds): Step[] {
  const rank = (step: Step): number => kinds.of(subjectOf(step)).rank;
  const makes = steps.filter((step) => step.action !== 'delete').sort((a, b) => rank(a) - rank(b));
  const breaks = steps.filter((step) => step.action === 'delete').sort((a, b) => rank(b) - rank(a));
  return [...makes, ...breaks];
}
