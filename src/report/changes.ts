import { diffLines } from 'diff';
import { kinds } from '../kinds/index.js';
import { fieldOf, type Resource, sameValue } from '../planner/kind.js';
import type { Conflict, Step } from '../planner/plan.js';

const show = (value: unknown): string =>
  value === undefined || value === '' ? '(none)' : typeof value === 'object' ? JSON.stringify(value) : String(value);

/** A field of several lines, or a list of rules, is shown line by line instead of as one value. */
const isText = (value: unknown): value is string | readonly string[] =>
  typeof value === 'string' ? value.includes('\n') : Array.isArray(value);

const linesOf = (value: unknown): string =>
  Array.isArray(value) ? value.map((line) => `${show(line)}\n`).join('') : value ? show(value) : '';

/** `via 192.168.10.3 → 192.168.10.33`, fields in the order of the kind; of a field that has parts those that differ. */
export function fieldChanges(before: Resource, after: Resource, fields: readonly string[]): string {
  return fields
    .filter((field) => !isText(fieldOf(after, field)) && !isText(fieldOf(before, field)))
    .flatMap((field) => differingParts({ name: field, old: fieldOf(before, field), now: fieldOf(after, field) }))
    .map(({ name, old, now }) => `${name} ${show(old)} → ${show(now)}`)
    .join(', ');
}

interface Part {
  readonly name: string;
  readonly old: unknown;
  readonly now: unknown;
}

function differingParts({ name, old, now }: Part): Part[] {
  const [before, after] = [partsOf(old), partsOf(now)];
  if (before === undefined && after === undefined) return [{ name, old, now }];
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return (
    [...names]
      .map((part) => ({ name: part, old: wordsOf(before?.[part]), now: wordsOf(after?.[part]) }))
      // What one has and the other lacks is no difference where it is empty: `extras` of one type of link.
      .filter((part) => !sameValue(part.old, part.now) && show(part.old) !== show(part.now))
  );
}

const partsOf = (value: unknown): Readonly<Record<string, unknown>> | undefined =>
  typeof value === 'object' && value !== null ? { ...value } : undefined;

const wordsOf = (value: unknown): unknown => (Array.isArray(value) ? value.map(show).join(' ') : value);

/** Lines that differ in fields of several, with `-`/`+` in front; empty when there is no such field. */
export function lineChanges(step: Step | Conflict): string[] {
  const before = 'before' in step ? step.before : undefined;
  const after = 'after' in step ? step.after : undefined;
  const subject = after ?? before;
  if (subject === undefined) return [];
  return kinds.of(subject).fields.flatMap((field) => {
    const [old, now] = [before && fieldOf(before, field), after && fieldOf(after, field)];
    if (!isText(old) && !isText(now)) return [];
    return diffLines(linesOf(old), linesOf(now))
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
