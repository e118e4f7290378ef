import { type Paint, plain } from './paint.js';
import { printable } from './printable.js';
import { movedLines, type PlanStatus, type SavedPlan, type ShownPlan } from './saved-plan.js';
import { planText } from './text.js';

/** One line about a plan that has just been written. */
export const savedLine = (path: string, { host, expires_at }: SavedPlan): string =>
  `Saved as ${path} for ${printable(host.node)} until ${expires_at}; \`flan apply ${path}\` makes these changes, or none.`;

/** A saved plan with what is to be known of it before it is used. */
export function shownPlanText({ saved, status }: ShownPlan, paint: Paint = plain): string {
  const { host, created_at, expires_at, flan } = saved;
  const head = `Saved plan for ${paint.bold(printable(host.node))}, made ${created_at} by flan ${printable(flan)}, valid until ${expires_at}.`;
  return [head, ...statusLines(status, paint), '', planText(saved.document, paint)].join('\n');
}

/** What keeps it from being applied, as a warning: a plan can always be read. */
export function statusLines({ state, why, moved }: PlanStatus, paint: Paint = plain): string[] {
  if (state === 'fresh') return [];
  const lines = movedLines(moved).map((line) => `  ${printable(line)}`);
  return [`${paint.yellow('Warning')} ${printable(state)}: ${printable(why)}`, ...lines];
}
