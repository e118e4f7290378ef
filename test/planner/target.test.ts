import { describe, expect, it } from 'vitest';
import type { Key } from '../../src/planner/kind.js';
import { plan } from '../../src/planner/plan.js';
import { globMatches, narrow, parseTarget, type Target } from '../../src/planner/target.js';
import { nobody, seen, type Toy, toyKinds, wanted } from '../support/toy-kind.js';

const toy = (name: string, more: Partial<Toy> = {}): Toy => ({
  ...{ kind: 'toy', name, colour: 'red', shape: 'round', mine: true },
  ...more,
});
const child = (name: string, parent: string, more: Partial<Toy> = {}): Toy =>
  toy(name, { kind: 'toy-child', parent, ...more });

const planned = (want: readonly Toy[], have: readonly Toy[] = []) =>
  plan({ desired: wanted(want), observed: seen(have), kinds: toyKinds, ownership: nobody });

const targets = (...texts: readonly string[]): Target[] =>
  texts.map((text) => {
    const target = parseTarget(text);
    if (target === undefined) throw new Error(`not understood: ${text}`);
    return target;
  });

const nodeOf = (key: Key): string | undefined => ({ 'toy-child/x': 'node-b', 'toy-child/y': 'node-c' })[key as string];

/** Nothing is needed by all else. */
const isBasis = (): boolean => false;

const keys = (steps: readonly { readonly key: string }[]): string[] => steps.map(({ key }) => key);

describe('parseTarget', () => {
  it.each([
    ['route/main/10.244.3.*', { by: 'address', pattern: 'route/main/10.244.3.*' }],
    ['*/flannel.1/*', { by: 'address', pattern: '*/flannel.1/*' }],
    ['route/main/fd00::/64', { by: 'address', pattern: 'route/main/fd00::/64' }],
    ['kind:fdb', { by: 'kind', pattern: 'fdb' }],
    ['node:node-b', { by: 'node', pattern: 'node-b' }],
    ['', undefined],
    ['kind:', undefined],
    ['sort:fdb', undefined],
  ])('%s', (text, target) => expect(parseTarget(text)).toEqual(target));
});

describe('globMatches', () => {
  it.each([
    ['a*', 'abc', true],
    ['a*', 'ba', false],
    ['*', '', true],
    ['10.244.3.*', '10x244.3.1', false],
    ['a*c*', 'abcd', true],
    ['(a|b)', 'a', false],
  ])('%s on %s', (pattern, text, matches) => expect(globMatches(pattern, text)).toBe(matches));
});

describe('narrow', () => {
  const whole = planned([toy('a'), child('x', 'a'), child('y', 'a'), toy('b')], [toy('old')]);

  it('leaves everything in when nothing is asked for', () => {
    const { plan: narrowed, leftOut } = narrow({ plan: whole, target: [], exclude: [], nodeOf, isBasis });
    expect(keys(narrowed.steps)).toEqual(keys(whole.steps));
    expect(leftOut).toEqual([]);
  });

  it('takes what a target needs along and says so', () => {
    const result = narrow({ plan: whole, target: targets('toy-child/x'), exclude: [], nodeOf, isBasis });
    expect(keys(result.plan.steps)).toEqual(['toy/a', 'toy-child/x']);
    expect(keys(result.added)).toEqual(['toy/a']);
    expect(keys(result.leftOut).sort()).toEqual(['toy-child/y', 'toy/b', 'toy/old']);
  });

  it('takes along what all else follows from, with whatever is named and never alone', () => {
    const input = { plan: whole, exclude: [], nodeOf, isBasis: ({ key }: { readonly key: Key }) => key === 'toy/b' };
    const named = narrow({ ...input, target: targets('toy/old') });
    expect([keys(named.plan.steps), keys(named.added)]).toEqual([['toy/b', 'toy/old'], ['toy/b']]);
    expect(narrow({ ...input, target: targets('toy/none') }).plan.steps).toEqual([]);
  });

  it('keeps out what needs something excluded', () => {
    const result = narrow({ plan: whole, target: [], exclude: targets('toy/a'), nodeOf, isBasis });
    expect(keys(result.plan.steps).sort()).toEqual(['toy/b', 'toy/old']);
  });

  it('selects by kind and by node', () => {
    const byKind = narrow({ plan: whole, target: targets('kind:toy'), exclude: [], nodeOf, isBasis });
    expect(keys(byKind.plan.steps).sort()).toEqual(['toy/a', 'toy/b', 'toy/old']);
    const [target, exclude] = [targets('node:node-*'), targets('node:node-c')];
    const byNode = narrow({ plan: whole, target, exclude, nodeOf, isBasis });
    expect(keys(byNode.plan.steps)).toEqual(['toy/a', 'toy-child/x']);
  });

  it('makes again what stands on something that is replaced', () => {
    const change = planned([toy('a', { shape: 'flat' }), child('x', 'a')], [toy('a'), child('x', 'a')]);
    expect(keys(narrow({ plan: change, target: targets('toy/a'), exclude: [], nodeOf, isBasis }).plan.steps)).toEqual([
      'toy/a',
      'toy-child/x',
    ]);
  });

  it('says what is in the way of what is asked for, whoever named that', () => {
    const held = planned([toy('a'), child('x', 'a'), child('y', 'a')], [toy('a', { mine: false })]);
    const one = narrow({ plan: held, target: targets('toy-child/x'), exclude: [], nodeOf, isBasis }).plan;
    expect(keys(one.conflicts)).toEqual(['toy/a']);
    expect(one.heldUp?.map(({ step }) => step.key)).toEqual(['toy-child/x']);
    const without = narrow({ plan: held, target: [], exclude: targets('toy/a'), nodeOf, isBasis });
    expect([without.plan.conflicts, without.plan.heldUp]).toEqual([[], undefined]);
    expect(keys(without.leftOut).sort()).toEqual(['toy-child/x', 'toy-child/y']);
  });

  it('narrows conflicts too', () => {
    const foreign = planned([toy('a'), toy('b')], [toy('a', { mine: false }), toy('b', { mine: false })]);
    const { conflicts } = narrow({ plan: foreign, target: targets('toy/b'), exclude: [], nodeOf, isBasis }).plan;
    expect(keys(conflicts)).toEqual(['toy/b']);
  });
});
