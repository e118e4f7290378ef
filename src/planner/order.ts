import type { Kinds } from './kind.js';
import { type Step, subjectOf } from './step.js';

/**
 * Make before break: everything that creates or changes, lowest rank first, then deletions, highest rank first, and
 * records at the very end.
 * Within a rank the order of the input stays, so equal inputs give equal plans.
 */
export function inDependencyOrder(steps: readonly Step[], kinds: Kinds): Step[] {
  const rank = (step: Step): number => kinds.of(subjectOf(step)).rank;
  const isRecord = (step: Step): boolean => kinds.of(subjectOf(step)).isRecord === true;
  const others = steps.filter((step) => !isRecord(step));
  const makes = others.filter((step) => step.action !== 'delete').sort((a, b) => rank(a) - rank(b));
  const breaks = others.filter((step) => step.action === 'delete').sort((a, b) => rank(b) - rank(a));
  return [...makes, ...breaks, ...steps.filter(isRecord)];
}
