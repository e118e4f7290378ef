import { boolean, option } from '@oclif/core/flags';

export const PLAN_FORMATS = ['text', 'json', 'ndjson', 'yaml', 'markdown', 'github', 'ip', 'diff'] as const;
export type PlanFormat = (typeof PLAN_FORMATS)[number];

/** The form that a plan is printed in. */
export const PLAN_OUTPUT = option({
  char: 'o',
  options: PLAN_FORMATS,
  default: 'text' as const,
  summary:
    'Format: text, json, ndjson (a line per change), yaml, markdown (a comment for a pull request), github (annotations ' +
    'of a workflow run), ip (the same as ip(8) commands), diff (unified, of YAML)',
});

/** Only the part of a plan that others are the reason of. */
export const DRIFT = boolean({
  exclusive: ['snapshot'],
  summary: 'Only what undoes what others changed since flan made it, as far as the history tells',
});
