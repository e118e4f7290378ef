import { describe, expect, it } from 'vitest';
import { plan } from '../../src/planner/plan.js';
import { nobody, seen, type Toy, toyKinds, wanted } from '../support/toy-kind.js';

const toy = (name: string, more: Partial<Toy> = {}): Toy => ({
  kind: 'toy',
  name,
  colour: 'red',
  shape: 'round',
  mine: true,
  ...more,
});
const child = (name: string, parent: string, more: Partial<Toy> = {}): Toy => ({
  ...toy(name, more),
  kind: 'toy-child',
  parent,
});

const planOf = (want: readonly Toy[], have: readonly Toy[], adopt: 'yes' | 'no' = 'no') => {
  const { steps, conflicts, unchanged } = plan({
    desired: wanted(want),
    observed: seen(have),
    kinds: toyKinds,
    ownership: nobody,
    adopt,
  });
  const words = steps.map((step) =>
    ('fields' in step ? [step.action, step.key, ...step.fields] : [step.action, step.key]).join(' '),
  );
  return { steps: words, conflicts: conflicts.map(({ key }) => key), unchanged };
};

describe('plan', () => {
  it.each([
    ['creates what is missing', [toy('a')], [], ['create toy/a']],
    ['deletes ours that nobody wants', [], [toy('a')], ['delete toy/a']],
    ['leaves foreign alone', [], [toy('a', { mine: false })], []],
    ['changes in place what can be', [toy('a', { colour: 'blue' })], [toy('a')], ['update toy/a colour']],
    ['replaces what cannot', [toy('a', { shape: 'flat', colour: 'blue' })], [toy('a')], ['replace toy/a colour shape']],
    ['leaves alone what desired does not mention', [toy('a')], [toy('a', { note: 'x' })], []],
    ['makes parents first', [child('x', 'a'), toy('a')], [], ['create toy/a', 'create toy-child/x']],
    [
      'makes before it breaks',
      [toy('b')],
      [toy('a'), child('x', 'a')],
      ['create toy/b', 'delete toy-child/x', 'delete toy/a'],
    ],
    [
      'makes again what stands on a replaced parent',
      [toy('a', { shape: 'flat' }), child('x', 'a'), child('y', 'b'), toy('b')],
      [toy('a'), toy('b'), child('x', 'a'), child('y', 'b')],
      ['replace toy/a shape', 'create toy-child/x'],
    ],
  ])('%s', (_title, want, have, steps) => {
    expect(planOf(want, have).steps).toEqual(steps);
  });

  it('calls a foreign resource on our key a conflict, and takes it over only when told', () => {
    const have = [toy('a', { mine: false, colour: 'blue' })];
    expect(planOf([toy('a')], have)).toEqual({ steps: [], conflicts: ['toy/a'], unchanged: 0 });
    expect(planOf([toy('a')], have, 'yes').steps).toEqual(['adopt toy/a colour']);
    // What cannot become ours as it is has to be made anew.
    const other = [toy('a', { mine: false, shape: 'flat' })];
    expect(planOf([toy('a')], other).conflicts).toEqual(['toy/a']);
    expect(planOf([toy('a')], other, 'yes').steps).toEqual(['replace toy/a shape']);
  });

  it('counts what is made again with its parent as a change, and as nothing else', () => {
    const want = [toy('a', { shape: 'flat' }), child('x', 'a'), child('y', 'a'), toy('b')];
    const have = [toy('a'), child('x', 'a'), child('y', 'a', { mine: false }), toy('b')];
    expect(planOf(want, have)).toEqual({
      steps: ['replace toy/a shape', 'create toy-child/x', 'create toy-child/y'],
      conflicts: [],
      unchanged: 1,
    });
  });

  it('leaves where it is what comes to a replaced parent from elsewhere', () => {
    const want = [toy('a', { shape: 'flat' }), child('x', 'a'), child('y', 'a'), toy('b')];
    const have = [toy('a'), toy('b'), child('x', 'b'), child('y', 'b', { mine: false })];
    expect(planOf(want, have)).toEqual({
      steps: ['replace toy/a shape', 'update toy-child/x parent'],
      conflicts: ['toy-child/y'],
      unchanged: 1,
    });
  });

  it('takes over with a foreign parent what stands on it, and removes what is stale of that', () => {
    const foreign = (toys: readonly Toy[]): Toy[] => toys.map((one) => ({ ...one, mine: false }));
    const want = [toy('a'), child('x', 'a'), child('y', 'a')];
    const have = foreign([
      toy('a'),
      child('x', 'a'),
      child('y', 'a', { colour: 'blue' }),
      child('z', 'a'),
      child('w', 'b'),
    ]);
    expect(planOf(want, have)).toMatchObject({ steps: [], conflicts: ['toy/a', 'toy-child/x', 'toy-child/y'] });
    expect(planOf(want, have, 'yes')).toEqual({
      steps: ['adopt toy/a', 'adopt toy-child/y colour', 'delete toy-child/z'],
      conflicts: [],
      unchanged: 1,
    });
  });

  it('gives every change a reason', () => {
    const { steps } = plan({
      desired: wanted([toy('b')]),
      observed: seen([toy('a')]),
      kinds: toyKinds,
      ownership: nobody,
      whyGone: () => 'its lease is gone',
    });
    expect(steps.map(({ key, reason }) => [key, reason])).toEqual([
      ['toy/b', 'the test says so'],
      ['toy/a', 'its lease is gone'],
    ]);
  });
});
