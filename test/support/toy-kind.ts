import { type Key, type Kind, Kinds, keyOf, type Ownership, type Resource } from '../../src/planner/kind.js';
import type { Observed, Step, Wanted } from '../../src/planner/plan.js';

/** A resource with every trait a kind can have: in place and fixed fields, an optional one, a parent, a mark. */
export interface Toy {
  readonly kind: 'toy' | 'toy-child';
  readonly name: string;
  readonly colour: string;
  readonly shape: string;
  readonly note?: string;
  readonly parent?: string;
  readonly mine: boolean;
}

const toyKind: Kind<Toy> = {
  kind: 'toy',
  rank: 1,
  key: ({ name }) => keyOf('toy', name),
  fields: ['colour', 'shape', 'note'],
  inPlace: ['colour', 'note'],
  optional: ['note'],
  needs: () => [],
  owns: ({ mine }) => mine,
  describe: ({ colour, shape }) => `${colour} ${shape}`,
};

const childKind: Kind<Toy> = {
  ...toyKind,
  kind: 'toy-child',
  rank: 2,
  key: ({ name }) => keyOf('toy-child', name),
  // What a resource stands on is part of its value unless it is part of its key: a route's link is.
  fields: [...toyKind.fields, 'parent'],
  inPlace: [...toyKind.inPlace, 'parent'],
  needs: ({ parent }) => (parent === undefined ? [] : [keyOf('toy', parent)]),
  goesWith: ({ parent }) => (parent === undefined ? undefined : keyOf('toy', parent)),
};

export const toyKinds = new Kinds([toyKind, childKind] as readonly unknown[] as Kind[]);

export const nobody: Ownership = { protocol: 70, networks: [] };

export const wanted = (toys: Iterable<Toy>): Map<Key, Wanted> =>
  new Map([...toys].map((resource) => [toyKinds.key(resource), { resource, because: 'the test says so' }]));

export const seen = (toys: Iterable<Toy>): Map<Key, Resource> =>
  new Map([...toys].map((resource) => [toyKinds.key(resource), resource]));

/** What a faithful driver makes of a plan: deleting a parent takes its children along. Throws where a real one would. */
export function carryOut(observed: Observed, steps: readonly Step[]): Map<Key, Resource> {
  const world = new Map(observed);
  const remove = (key: Key): void => {
    world.delete(key);
    for (const [child, resource] of world) if (toyKinds.of(resource).needs(resource).includes(key)) world.delete(child);
  };
  for (const step of steps) {
    if (step.action === 'delete') {
      remove(step.key);
      continue;
    }
    if (step.action === 'replace') remove(step.key);
    const missing = step.needs.find((key) => !world.has(key));
    if (missing !== undefined) throw new Error(`${step.key} was made before ${missing}`);
    const before = world.get(step.key);
    if (step.action === 'update' && before === undefined) throw new Error(`${step.key} is not there to be updated`);
    if (step.action === 'create' && before !== undefined) throw new Error(`${step.key} is there already`);
    const kept = step.action === 'replace' ? undefined : before;
    world.set(step.key, { ...kept, ...step.after, mine: true } as Resource);
  }
  return world;
}
