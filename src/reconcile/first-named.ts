import type { Key } from '../planner/kind.js';

/** So many are named, the others counted. */
const NAMED = 5;

/** Keys for a sentence: `a, b, c, d, e and 7 more`. */
export function firstNamed(keys: readonly Key[]): string {
  const more = keys.length > NAMED ? ` and ${keys.length - NAMED} more` : '';
  return `${keys.slice(0, NAMED).join(', ')}${more}`;
}
