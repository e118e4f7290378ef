import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kinds } from '../../src/kinds/index.js';
import { route } from '../../src/kinds/route.js';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import { ABSENT, canonicalJson, digestOf, fingerprint } from '../../src/planner/fingerprint.js';

const shuffled = (value: unknown): unknown => {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(shuffled);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, shuffled(member)]),
  );
};

describe('canonical JSON', () => {
  it('is JSON of the same value, and the same text whatever the order of members', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(shuffled(value))).toBe(text);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });

  it('tells different values apart', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        const isSame = JSON.stringify(JSON.parse(canonicalJson(a))) === JSON.stringify(JSON.parse(canonicalJson(b)));
        expect(digestOf(a) === digestOf(b)).toBe(isSame);
      }),
    );
  });

  it('sorts by code units, leaves out what is undefined, and adds no space', () => {
    expect(canonicalJson({ b: [1, { d: undefined, c: 'x' }], a: null, é: true, B: '€' })).toBe(
      '{"B":"€","a":null,"b":[1,{"c":"x"}],"é":true}',
    );
  });
});

describe('the fingerprint of a resource', () => {
  const one = fc.record({
    dst: fc.constantFrom('10.244.2.0/24', '10.244.3.0/24').map(parsePrefix),
    via: fc.option(fc.constantFrom('192.168.10.2', '192.168.10.3').map(parseAddress), { nil: undefined }),
    metric: fc.constantFrom(0, 5),
    onlink: fc.boolean(),
    proto: fc.constantFrom(3, 70),
  });

  it('is the same exactly for what a plan would not change', () => {
    fc.assert(
      fc.property(one, one, (a, b) => {
        const [x, y] = [a, b].map(({ via, ...rest }) => route({ ...rest, dev: 'eth0', ...(via && { via }) }));
        if (x === undefined || y === undefined) return;
        const isSame = kinds.key(x) === kinds.key(y) && kinds.differing(x, y).length === 0;
        expect(fingerprint(x, kinds) === fingerprint(y, kinds)).toBe(isSame);
      }),
    );
  });

  it('of nothing says so', () => {
    expect(fingerprint(undefined, kinds)).toBe(ABSENT);
  });
});
