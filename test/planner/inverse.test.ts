import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { imager, mergedImages, undo } from '../../src/planner/inverse.js';
import type { Key, Resource } from '../../src/planner/kind.js';
import { type Observed, plan } from '../../src/planner/plan.js';
import { carryOut, nobody, seen, type Toy, toyKinds, wanted } from '../support/toy-kind.js';

const base = { kinds: toyKinds, ownership: nobody } as const;

const name = fc.constantFrom('a', 'b', 'c', 'd');
const toy = fc
  .record({
    kind: fc.constantFrom('toy' as const, 'toy-child' as const),
    name,
    colour: fc.constantFrom('red', 'green'),
    shape: fc.constantFrom('round', 'square'),
    parent: name,
    mine: fc.boolean(),
  })
  .map(({ parent, ...rest }): Toy => (rest.kind === 'toy' ? rest : { ...rest, parent }));

/** Nothing stands on what is not there. */
const closed = (toys: readonly Toy[]): Toy[] => {
  const parents = new Set(toys.filter(({ kind }) => kind === 'toy').map((one) => one.name));
  return toys.filter(({ parent }) => parent === undefined || parents.has(parent));
};
const world = fc.array(toy, { maxLength: 8 }).map(closed);

/** The mark apart, which the toys' world always sets: what kinds compare, and what is there at all. */
const plainly = (observed: Observed): ReadonlyMap<Key, unknown> =>
  new Map([...observed].sort().map(([key, resource]) => [key, { ...resource, mine: undefined }]));

const restored = (now: Observed, images: ReturnType<typeof mergedImages>) =>
  carryOut(now, undo({ ...base, images, observed: now }).steps);

describe('undo', () => {
  it('restores what was there, after all steps of a plan and after any number of them', () => {
    fc.assert(
      fc.property(world, world, fc.nat(), fc.nat(12), (wish, have, cut, slice) => {
        const before = seen(have);
        const desired = wanted(wish.map((one) => ({ ...one, mine: true })));
        const { steps } = plan({ ...base, desired, observed: before, adopt: 'yes' });
        const done = steps.slice(0, cut % (steps.length + 1));
        // The journal knows of the slice that was under way too.
        const known = steps.slice(0, done.length + slice);
        const images = mergedImages(imager({ observed: before, kinds: toyKinds })(known));
        const after = carryOut(before, done);
        expect(plainly(restored(after, images))).toEqual(plainly(before));
      }),
      { numRuns: 500 },
    );
  });

  it('is empty where nothing has happened', () => {
    fc.assert(
      fc.property(world, world, (wish, have) => {
        const before = seen(have);
        const { steps } = plan({ ...base, desired: wanted(wish), observed: before, adopt: 'yes' });
        const images = mergedImages(imager({ observed: before, kinds: toyKinds })(steps));
        expect(undo({ ...base, images, observed: before }).steps).toEqual([]);
      }),
    );
  });

  it('leaves alone what somebody else put there since', () => {
    const ours: Toy = { kind: 'toy', name: 'a', colour: 'red', shape: 'round', mine: true };
    const images = mergedImages(imager({ observed: new Map(), kinds: toyKinds })(created(ours)));
    const theirs = seen([{ ...ours, colour: 'blue', mine: false }]);
    expect(undo({ ...base, images, observed: theirs })).toEqual({ steps: [], moved: ['toy/a'] });
    // With our mark it is a later state of the same thing.
    const later = seen([{ ...ours, colour: 'blue' }]);
    expect(undo({ ...base, images, observed: later }).steps).toMatchObject([{ action: 'delete', key: 'toy/a' }]);
  });

  it('takes the oldest state before and the newest after of what changed twice', () => {
    const [red, green, blue] = ['red', 'green', 'blue'].map((colour): Toy => {
      return { kind: 'toy', name: 'a', colour, shape: 'round', mine: true };
    });
    const change = (before: Toy | undefined, after: Toy | undefined) => ({
      key: 'toy/a' as Key,
      ...(before && { before: before as Resource }),
      ...(after && { after: after as Resource }),
    });
    expect(mergedImages([change(red, green), change(green, blue)]).get('toy/a' as Key)).toEqual(change(red, blue));
    expect(mergedImages([change(undefined, green), change(green, blue)]).get('toy/a' as Key)).toEqual(
      change(undefined, blue),
    );
  });
});

const created = (one: Toy) => plan({ ...base, desired: wanted([one]), observed: new Map() }).steps;
