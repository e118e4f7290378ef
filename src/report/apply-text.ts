import type { Outcome } from '../drivers/driver.js';
import type { Link } from '../kinds/link.js';
import type { Action, Step } from '../planner/plan.js';
import { subjectOf } from '../planner/step.js';
import { fieldChanges, lineChanges } from './changes.js';
import { type Paint, plain, READING_ORDER } from './paint.js';
import { guarded, printable } from './printable.js';

const DONE: Readonly<Record<Action, string>> = {
  create: 'created',
  update: 'updated',
  replace: 'replaced',
  adopt: 'adopted',
  delete: 'deleted',
};

export interface ApplyResult {
  readonly outcomes: readonly Outcome[];
  /** What a second look still found to be done. */
  readonly left: readonly Step[];
  /** Steps that were never tried because the run was interrupted. */
  readonly untried: number;
}

/** How many of each action were carried out, in reading order: `1 deleted, 3 created`. */
export function doneWords(outcomes: readonly Outcome[]): string {
  const done = outcomes.filter(({ status }) => status === 'done');
  const words = READING_ORDER.map((action) => {
    const count = done.filter(({ step }) => step.action === action).length;
    return count === 0 ? '' : `${count} ${DONE[action]}`;
  }).filter((word) => word !== '');
  return words.length === 0 ? 'nothing changed' : words.join(', ');
}

/** What an apply came to: failures one by one with the kernel's words, then one line. */
export function applyText({ outcomes, left, untried }: ApplyResult, unguarded: Paint = plain): string {
  const paint = guarded(unguarded);
  const failures = outcomes.flatMap((outcome) =>
    outcome.status === 'done'
      ? []
      : [`  ${paint.red('!')} ${paint.bold(outcome.step.key)}  ${printable(outcome.error.message)}`],
  );
  const hints = [...new Set(outcomes.flatMap(hintOf))].map((hint) => `  ${paint.dim('hint:')}  ${printable(hint)}`);
  // What was never tried is counted below: it is the plan again, and may be long.
  const unlike = untried > 0 ? [] : left.filter(({ key }) => !outcomes.some((one) => isFailure(one, key)));
  const still = unlike.map((step) => `  ${paint.red('!')} ${paint.bold(step.key)}  ${printable(unlikeWords(step))}`);
  const state =
    untried > 0
      ? paint.yellow(`interrupted, ${untried} not tried`)
      : failures.length > 0
        ? paint.red(`${failures.length} failed`)
        : left.length > 0
          ? paint.red('not verified')
          : paint.green('verified');
  return `${[...failures, ...still, ...hints, `Applied: ${doneWords(outcomes)}; ${state}.`].join('\n')}\n`;
}

/** What can be done about a failure; of what would fail for the same reason only one tells it. */
function hintOf(outcome: Outcome): readonly string[] {
  if (outcome.status === 'done') return [];
  const { step, error } = outcome;
  const { type } = subjectOf(step) as Partial<Link>;
  if (step.key.startsWith('link/') && error.message.includes(NO_SUCH_DEVICE)) {
    return [`Load the kernel module with \`modprobe ${type}\`; where there is none, choose another backend.`];
  }
  return error.hint === undefined ? [] : [error.hint];
}

/** @see rtnl_newlink in net/core/rtnetlink.c */
const NO_SUCH_DEVICE = 'Unknown device type';

const isFailure = ({ step, status }: Outcome, key: string): boolean => step.key === key && status !== 'done';

/** In which way something does not read back as applied. */
export function unlikeWords(step: Step): string {
  switch (step.action) {
    case 'create':
      return 'was created, and is not there';
    case 'delete':
      return 'was deleted, and is still there';
    default: {
      const lines = lineChanges(step);
      const words = [fieldChanges(step.before, step.after, step.fields), ...lines].filter((part) => part !== '');
      return `does not read back as applied; is → should be: ${words.join(', ')}`;
    }
  }
}
