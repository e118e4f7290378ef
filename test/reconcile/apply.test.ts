import { describe, expect, it } from 'vitest';
import type { Driver, Outcome } from '../../src/drivers/driver.js';
import { Drivers } from '../../src/drivers/drivers.js';
import { FlanError } from '../../src/errors.js';
import type { Key } from '../../src/planner/kind.js';
import { plan, type Step } from '../../src/planner/plan.js';
import { apply } from '../../src/reconcile/apply.js';
import { nobody, seen, type Toy, toyKinds, wanted } from '../support/toy-kind.js';

const toy = (name: string, parent?: string): Toy => ({
  ...{ kind: parent === undefined ? 'toy' : 'toy-child', name, colour: 'red', shape: 'round', mine: true },
  ...(parent !== undefined && { parent }),
});

interface Bed {
  readonly calls: (readonly Key[])[];
  readonly drivers: Drivers;
}

/** A driver that answers at once, as rtnetlink does, and says no to some keys. */
function bed(refuse: readonly string[] = []): Bed {
  const calls: (readonly Key[])[] = [];
  const perform = async (steps: readonly Step[]): Promise<readonly Outcome[]> => {
    calls.push(steps.map(({ key }) => key));
    return steps.map((step) =>
      refuse.includes(step.key)
        ? { step, status: 'failed', error: new FlanError('E_NETLINK', 'no') }
        : { step, status: 'done' },
    );
  };
  const driver: Driver = {
    ...{ name: 'toys', kinds: ['toy', 'toy-child', 'file'], perform, close: () => undefined },
    observe: async () => ({ resources: [], foreign: {} }),
  };
  return { calls, drivers: new Drivers([driver]) };
}

const stepsFor = (want: readonly Toy[], have: readonly Toy[] = []): readonly Step[] =>
  plan({ desired: wanted(want), observed: seen(have), kinds: toyKinds, ownership: nobody }).steps;

async function outcomesOf(steps: readonly Step[], { drivers }: Bed, signal = new AbortController().signal) {
  const outcomes: Outcome[] = [];
  for await (const some of apply({ steps, drivers, signal })) outcomes.push(...some);
  return outcomes;
}

describe('apply', () => {
  it('blocks what needs a failed step, and nothing else', async () => {
    const steps = stepsFor([toy('a'), toy('b'), toy('on-a', 'a'), toy('on-b', 'b')]);
    const outcomes = await outcomesOf(steps, bed(['toy/a']));
    expect(outcomes.map(({ step, status }) => [step.key, status])).toEqual([
      ['toy/a', 'failed'],
      ['toy/b', 'done'],
      ['toy-child/on-a', 'blocked'],
      ['toy-child/on-b', 'done'],
    ]);
    const stuck = outcomes.find(({ status }) => status === 'blocked');
    expect(stuck).toMatchObject({ error: { code: 'E_BLOCKED', message: expect.stringContaining('toy/a') } });
  });

  it('makes before it breaks, and deletes what stands on something before that', async () => {
    const some = bed();
    await outcomesOf(stepsFor([toy('new')], [toy('old'), toy('on-old', 'old')]), some);
    expect(some.calls).toEqual([['toy/new'], ['toy-child/on-old'], ['toy/old']]);
  });

  it('leaves the record of before where a deletion failed, but writes the first one', async () => {
    const file = (content: string) => ({ kind: 'file', path: '/run/none', content, mode: 0o644 });
    const common = { key: 'file/run/none' as Key, needs: [], reason: 'own lease' };
    const update = {
      ...common,
      action: 'update',
      before: file('old'),
      after: file('new'),
      fields: ['content'],
    } as const;
    const create = { ...common, action: 'create', after: file('new') } as const;
    const remove = { ...common, action: 'delete', before: file('old') } as const;
    const deletions = stepsFor([], [toy('old')]);
    for (const [record, status] of [
      [update, 'blocked'],
      [remove, 'blocked'],
      [create, 'done'],
    ] as const) {
      const outcomes = await outcomesOf([...deletions, record], bed(['toy/old']));
      expect(outcomes.map((each) => each.status)).toEqual(['failed', status]);
      const [, well] = await outcomesOf([...deletions, record], bed());
      expect(well).toMatchObject({ step: { key: common.key }, status: 'done' });
    }
    // Something else that could not be made takes no mark off anything.
    const made = await outcomesOf([...stepsFor([toy('new')]), update], bed(['toy/new']));
    expect(made.map((each) => each.status)).toEqual(['failed', 'done']);
  });

  it('hears what happens between two slices: an abort leaves whole slices done and the rest untried', async () => {
    const toys = Array.from({ length: 2000 }, (_, i) => toy(`t${i}`));
    const stop = new AbortController();
    const some = bed();
    // A signal is heard by the event loop, which steps that answer at once never give back by themselves.
    setImmediate(() => stop.abort());
    const outcomes = await outcomesOf(stepsFor(toys), some, stop.signal);
    expect(some.calls).toHaveLength(1);
    expect(outcomes).toHaveLength(some.calls.flat().length);
    expect(outcomes.length).toBeLessThan(toys.length);
  });

  it('does nothing at all when it is aborted from the start', async () => {
    const some = bed();
    expect(await outcomesOf(stepsFor([toy('a')]), some, AbortSignal.abort())).toEqual([]);
    expect(some.calls).toEqual([]);
  });

  it('turns what a driver throws into the outcome of its steps', async () => {
    const drivers = new Drivers([
      {
        ...{ name: 'broken', kinds: ['toy'], close: () => undefined },
        observe: async () => ({ resources: [], foreign: {} }),
        perform: async () => {
          throw new Error('the cable is out');
        },
      },
    ]);
    const [outcome] = await outcomesOf(stepsFor([toy('a')]), { drivers, calls: [] });
    expect(outcome).toMatchObject({ status: 'failed', error: { message: 'the cable is out' } });
  });
});
