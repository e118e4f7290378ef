import { createTwoFilesPatch } from 'diff';
import { kinds } from '../kinds/index.js';
import { fieldOf, type Resource } from '../planner/kind.js';
import type { PlanDocument } from './document.js';
import { printable } from './printable.js';
import { yamlText } from './yaml.js';

/** Every object that changes as a YAML mapping under its key: one file of how they are, one of how they will be. */
export function planDiff({ node, plan }: PlanDocument): string {
  const all = [...plan.conflicts, ...plan.steps].toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const before = all.flatMap((each) => ('before' in each ? [each.before] : []));
  const after = all.flatMap((each) => ('after' in each ? [each.after] : []));
  if (all.length === 0) return '';
  const name = printable(node).replaceAll(/[\s/]/g, '_');
  const patch = createTwoFilesPatch(
    `a/${name}.yaml`,
    `b/${name}.yaml`,
    shape(before),
    shape(after),
    'observed',
    'desired',
  );
  // What the library puts first belongs to no format that others read.
  return patch.replace(/^=+\n/, '');
}

function shape(resources: readonly Resource[]): string {
  if (resources.length === 0) return '';
  return yamlText(Object.fromEntries(resources.map((resource) => [kinds.key(resource), fieldsOf(resource)])));
}

const fieldsOf = (resource: Resource): object =>
  Object.fromEntries(
    kinds
      .of(resource)
      .fields.map((field) => [field, fieldOf(resource, field)])
      .filter(([, value]) => value !== undefined),
  );
