import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { didYouMean, distance } from '../../src/model/did-you-mean.js';

describe('distance', () => {
  it.each([
    ['', '', 0],
    ['abc', '', 3],
    ['kitten', 'sitting', 3],
    ['iface', 'ifcae', 1], // a swap of neighbours is one mistake
    ['VNI', 'vni', 0],
  ])('%s → %s is %i', (a, b, cost) => {
    expect(distance(a, b)).toBe(cost);
  });

  it('is symmetric, and at most the longer length', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        expect(distance(a, b)).toBe(distance(b, a));
        expect(distance(a, b)).toBeLessThanOrEqual(Math.max(a.toLowerCase().length, b.toLowerCase().length));
      }),
    );
  });
});

describe('didYouMean', () => {
  const names = ['etcdEndpoints', 'etcdPrefix', 'iface', 'ifaceRegex'];
  it.each([
    ['etcd-endpoints', 'etcdEndpoints'],
    ['ifcae', 'iface'],
    ['ETCDPREFIX', 'etcdPrefix'],
    ['somethingElse', undefined],
    ['x'.repeat(10_000), undefined],
  ])('%s → %s', (word, meant) => {
    expect(didYouMean(word, names)).toBe(meant);
  });
});
