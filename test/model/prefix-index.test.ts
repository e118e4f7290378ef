import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressFromBigInt, makePrefix, overlaps, type Prefix, parseAddress, parsePrefix } from '../../src/model/ip.js';
import { PrefixIndex } from '../../src/model/prefix-index.js';

/** Few bits are free, so that prefixes meet often. */
const v4 = fc
  .tuple(fc.nat(63), fc.integer({ min: 6, max: 32 }))
  .map(([n, len]) => makePrefix(addressFromBigInt(BigInt(n) << 24n, 4), len));
const v6 = fc
  .tuple(fc.nat(63), fc.integer({ min: 40, max: 70 }))
  .map(([n, len]) => makePrefix(addressFromBigInt((0xfdn << 120n) | (BigInt(n) << 62n), 6), len));
const anyPrefix = fc.oneof(v4, v6);

test('finds exactly what overlaps, through additions and removals, as a search through all does', () => {
  const step = fc.record({
    prefix: anyPrefix,
    item: fc.nat(5),
    action: fc.constantFrom('add', 'remove', 'ask', 'ask'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const index = new PrefixIndex<number>();
      const naive = new Map<string, { prefix: Prefix; item: number }>();
      for (const { prefix, item, action } of steps) {
        const name = `${prefix} ${item}`;
        if (action === 'add') {
          index.add(prefix, item);
          naive.set(name, { prefix, item });
        } else if (action === 'remove') {
          index.remove(prefix, item);
          naive.delete(name);
        } else {
          const wanted = [...naive.values()]
            .filter((entry) => overlaps(entry.prefix, prefix))
            .map((entry) => entry.item);
          expect([...index.overlapping(prefix)].sort()).toEqual(wanted.sort());
        }
      }
    }),
  );
});

test('an address is covered by what contains it', () => {
  const index = new PrefixIndex<string>();
  for (const text of ['10.0.0.0/8', '10.3.0.0/16', '10.4.0.0/16', 'fd00::/8']) index.add(parsePrefix(text), text);
  expect([...index.covering(parseAddress('10.3.0.1'))].sort()).toEqual(['10.0.0.0/8', '10.3.0.0/16']);
  expect([...index.covering(parseAddress('fd00::1'))]).toEqual(['fd00::/8']);
});
