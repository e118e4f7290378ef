import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plan } from '../../src/planner/plan.js';
import { carryOut, nobody, seen, type Toy, toyKinds, wanted } from '../support/toy-kind.js';

const name = fc.constantFrom('a', 'b', 'c', 'd');
const colour = fc.constantFrom('red', 'green');
const shape = fc.constantFrom('round', 'square');
const note = fc.option(fc.constantFrom('x', 'y'), { nil: undefined });

const parent = (mine: fc.Arbitrary<boolean>): fc.Arbitrary<Toy> =>
  fc.record({ kind: fc.constant('toy' as const), name, colour, shape, note, mine }) as fc.Arbitrary<Toy>;
const child = (mine: fc.Arbitrary<boolean>): fc.Arbitrary<Toy> =>
  fc.record({
    kind: fc.constant('toy-child' as const),
    name,
    colour,
    shape,
    note,
    parent: name,
    mine,
  }) as fc.Arbitrary<Toy>;

/** A desired state is closed: whoever needs a parent has it. */
const closed = (toys: readonly Toy[]): Toy[] => {
  const parents = new Set(toys.filter(({ kind }) => kind === 'toy').map((toy) => toy.name));
  return toys.filter((toy) => toy.parent === undefined || parents.has(toy.parent));
};

const desired = fc.array(fc.oneof(parent(fc.constant(true)), child(fc.constant(true))), { maxLength: 8 }).map(closed);

/** Near-equal to the desired state: most resources are taken over, some with one field changed, some dropped, some foreign. */
const pair = desired.chain((toys) =>
  fc
    .tuple(
      fc.array(
        fc.record({ keep: fc.boolean(), recolour: fc.boolean(), reshape: fc.boolean(), foreign: fc.boolean() }),
        {
          minLength: toys.length,
          maxLength: toys.length,
        },
      ),
      fc.array(fc.oneof(parent(fc.boolean()), child(fc.boolean())), { maxLength: 4 }),
    )
    .map(([changes, extra]) => {
      const near = toys.flatMap((toy, i): Toy[] => {
        const change = changes[i];
        if (!change?.keep) return [];
        return [
          {
            ...toy,
            colour: change.recolour ? 'blue' : toy.colour,
            shape: change.reshape ? 'flat' : toy.shape,
            mine: !change.foreign,
          },
        ];
      });
      return { want: wanted(toys), have: seen(closed([...extra, ...near])) };
    }),
);

const base = { kinds: toyKinds, ownership: nobody } as const;

describe('plan', () => {
  it('is empty for a settled state', () => {
    fc.assert(
      fc.property(desired, (toys) => {
        const have = seen([...wanted(toys).values()].map(({ resource }) => resource as unknown as Toy));
        const { steps, conflicts, unchanged } = plan({ ...base, desired: wanted(toys), observed: have });
        expect({ steps, conflicts }).toEqual({ steps: [], conflicts: [] });
        expect(unchanged).toBe(wanted(toys).size);
      }),
    );
  });

  it('settles any state when it is carried out with --adopt', () => {
    fc.assert(
      fc.property(pair, ({ want, have }) => {
        const first = plan({ ...base, desired: want, observed: have, adopt: 'yes' });
        const after = carryOut(have, first.steps);
        expect(plan({ ...base, desired: want, observed: after, adopt: 'yes' }).steps).toEqual([]);
        for (const [key, { resource }] of want) {
          const now = after.get(key);
          expect(now && toyKinds.differing(now, resource)).toEqual([]);
        }
      }),
    );
  });

  it('never touches what is not ours, and says where that is in the way', () => {
    fc.assert(
      fc.property(pair, ({ want, have }) => {
        const { steps, conflicts } = plan({ ...base, desired: want, observed: have });
        const foreign = [...have].filter(([, resource]) => !(resource as unknown as Toy).mine).map(([key]) => key);
        for (const key of foreign)
          expect(steps.filter((step) => step.key === key && step.action !== 'create')).toEqual([]);
        // What goes down with a replaced parent is in nobody's way when ours is made.
        const made = new Set(steps.map(({ key }) => key));
        const inTheWay = foreign.filter((key) => want.has(key) && !made.has(key));
        expect(conflicts.map(({ key }) => key).sort()).toEqual(inTheWay.sort());
      }),
    );
  });

  it('says one thing of every key that is wanted', () => {
    fc.assert(
      fc.property(pair, ({ want, have }) => {
        const { steps, conflicts, heldUp = [], unchanged } = plan({ ...base, desired: want, observed: have });
        const waiting = heldUp.map(({ step }) => step);
        const told = [...steps, ...conflicts, ...waiting].map(({ key }) => key).filter((key) => want.has(key));
        expect(new Set(told).size).toBe(told.length);
        expect(told.length + unchanged).toBe(want.size);
      }),
    );
  });

  it('makes nothing that would stand on what is not ours, at any depth', () => {
    fc.assert(
      fc.property(pair, ({ want, have }) => {
        const { steps, conflicts, heldUp = [] } = plan({ ...base, desired: want, observed: have });
        const out = new Set([...conflicts.map(({ key }) => key), ...heldUp.map(({ step }) => step.key)]);
        for (const { action, needs } of steps)
          if (action !== 'delete') expect(needs.filter((key) => out.has(key))).toEqual([]);
        for (const { by } of heldUp) expect(conflicts.map(({ key }) => key)).toContain(by);
      }),
    );
  });

  it('creates nothing where something stands', () => {
    fc.assert(
      fc.property(pair, fc.constantFrom('yes', 'no'), ({ want, have }, adopt) => {
        carryOut(have, plan({ ...base, desired: want, observed: have, adopt }).steps);
      }),
    );
  });

  it('plans some keys as it plans them among all', () => {
    fc.assert(
      fc.property(pair, ({ want, have }) => {
        const whole = plan({ ...base, desired: want, observed: have });
        const keys = new Set([...want.keys(), ...have.keys()]);
        expect(plan({ ...base, desired: want, observed: have, keys }).steps).toEqual(whole.steps);
        // What is only made again because its parent is replaced is not to be seen from its own key.
        for (const step of whole.steps.filter(({ reason }) => !reason.endsWith('is replaced'))) {
          const alone = plan({ ...base, desired: want, observed: have, keys: [step.key] }).steps;
          expect(alone.map(({ key }) => key)).toContain(step.key);
        }
      }),
    );
  });

  it('counts as ours what this process wrote, whoever changed its mark', () => {
    fc.assert(
      fc.property(pair, ({ want, have }) => {
        const written = new Set(want.keys());
        expect(plan({ ...base, desired: want, observed: have, written }).conflicts).toEqual([]);
      }),
    );
  });
});
