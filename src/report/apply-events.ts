import type { Outcome } from '../drivers/driver.js';
import type { Key } from '../planner/kind.js';
import type { Action, Step } from '../planner/plan.js';

/** How far an apply is: on every line, so that a reader needs no memory. */
export interface Totals {
  readonly node: string;
  readonly done: number;
  readonly failed: number;
  /** How many changes there are in all. */
  readonly of: number;
}

interface OneChange extends Totals {
  readonly key: Key;
  readonly action: Action;
}

/** One line of an apply as a stream. */
export type ApplyEvent =
  | { readonly type: 'apply_start'; readonly node: string; readonly of: number }
  | ({ readonly type: 'apply_complete' } & OneChange)
  | ({
      readonly type: 'apply_errored';
      readonly status: 'failed' | 'raced' | 'blocked';
      readonly error: { readonly code: string; readonly message: string };
    } & OneChange)
  | ({
      readonly type: 'apply_result';
      readonly verified: boolean;
      /** What a second look still found to be done. */
      readonly left: readonly Step[];
    } & Omit<Totals, 'of'>);

/** A line for each outcome; `before` is how far the apply was until then. */
export function applyEvents(outcomes: readonly Outcome[], before: Totals): readonly ApplyEvent[] {
  let { done, failed } = before;
  return outcomes.map((outcome): ApplyEvent => {
    if (outcome.status === 'done') done += 1;
    else failed += 1;
    const { key, action } = outcome.step;
    const one = { ...before, done, failed, key, action };
    if (outcome.status === 'done') return { type: 'apply_complete', ...one };
    const { code, message } = outcome.error;
    return { type: 'apply_errored', ...one, status: outcome.status, error: { code, message } };
  });
}
