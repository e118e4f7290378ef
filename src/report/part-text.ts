import type { Warning } from '../model/warning.js';
import type { Plan } from '../planner/plan.js';
import { type Paint, plain } from './paint.js';
import { printable } from './printable.js';
import { changesText } from './text.js';

export interface PartView {
  readonly plan: Plan;
  readonly foreign: Readonly<Record<string, number>>;
  /** Changes and conflicts that are not part of it. */
  readonly left: number;
  readonly warnings: readonly Warning[];
}

/** Part of a plan for people: its changes, and how many it leaves alone. */
export function partText({ plan, foreign, left, warnings }: PartView, paint: Paint = plain): string {
  const changes = left === 1 ? 'One other change is' : `${left} other changes are`;
  const notes = warnings.map(
    ({ code, message, hint }) =>
      `${paint.yellow('Warning')} ${printable(message)} (${code})${hint ? `\n  ${paint.dim(printable(hint))}` : ''}\n`,
  );
  const rest = left === 0 ? '' : paint.dim(`${changes} left for \`flan apply\`: see \`flan plan\`.\n`);
  return [changesText(plan, foreign, paint), ...notes, rest].join('');
}
