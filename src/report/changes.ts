import { diffLines } from 'diff';
import { kinds } from '../kinds/index.js';
import { fieldOf, type Resource } from '../planner/kind.js';
import type { Conflict, Step } from '../planner/plan.js';

const show = (value: unknown): string =>
  value === undefined ? '(none)' : typeof value === 'object' ? JSON.stringify(value) : String(value);

/** A field holding several lines is shown line by line instead of as one value. */
const isText = (value: unknown): value is string => typeof value === 'string' && value.includes('\n');

/** `via 192.168.10.3 → 192.168.10.33`, fields in the order of the kind. */
export function fieldChanges(before: Resource, after: Resource, fields: readonly string[]): string {
  return fields
    .filter((field) => !isText(fieldOf(after, field)) && !isText(fieldOf(before, field)))
    .map((field) => `${field} ${show(fieldOf(before, field))} → ${show(fieldOf(after, field))}`)
    .join(', ');
}

/** Lines of a text field that differ, with `-`/`+` in front; empty when no field is text. */
export function lineChanges(step: Step | Conflict): string[] {
  const before = 'before' in step ? step.before : undefined;
  const after = 'after' in step ? step.after : undefined;
  const subject = after ?? before;
  if (subject === undefined) return [];
  return kinds.of(subject).fields.flatMap((field) => {
    const [old, now] = [before && fieldOf(before, field), after && fieldOf(after, field)];
    if (!isText(old) && !isText(now)) return [];
    return diffLines(show(old ?? ''), show(now ?? ''))
      .filter((part) => part.added || part.removed)
      .flatMap((part) =>
        part.value
          .split('\n')
          .filter(Boolean)
          .map((line) => `${part.added ? '+' : '-'} ${line}`),
      );
  });
}

/** The words after the key on a change's first line. */
export function describeStep(step: Step): string {
  switch (step.action) {
    case 'create':
      return kinds.of(step.after).describe(step.after);
    case 'delete':
      return kinds.of(step.before).describe(step.before);
    default:
      return fieldChanges(step.before, step.after, step.fields);
  }
}
