import type { FlanError } from '../errors.js';
import type { Action } from '../planner/plan.js';

/** What became of a step. */
interface Outcome {
  readonly step: { readonly key: string; readonly action: Action };
  readonly status: string;
  readonly error?: FlanError;
}

/** The same in a document of `--json`. */
export const outcomeDocument = ({ step, status, error }: Outcome) => ({
  key: step.key,
  action: step.action,
  status,
  ...(error && { error: { code: error.code, message: error.message } }),
});
