import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PrefixTable } from '../../src/dataplane/prefix-table.js';
import {
  type Address,
  addressFromBigInt,
  addressToBytes,
  contains,
  familyOf,
  lengthOf,
  makePrefix,
  type Prefix,
} from '../../src/model/ip.js';

/** Addresses near each other, so that prefixes nest and neighbour. */
const address = fc.oneof(
  fc.nat({ max: 0xffff }).map((n) => addressFromBigInt(BigInt(0x0af40000 + n), 4)),
  fc.bigInt({ min: 0n, max: 0xffffn }).map((n) => addressFromBigInt((0xfd00n << 112n) | (n << 60n) | n, 6)),
);
const prefix = fc.tuple(address, fc.nat({ max: 128 })).map(([a, length]) => {
  const most = familyOf(a) === 4 ? 32 : 128;
  return makePrefix(a, length % (most + 1));
});

const find = (table: PrefixTable, wanted: Address): number => {
  const bytes = new Uint8Array(20);
  bytes.set(addressToBytes(wanted), 3);
  const view = new DataView(bytes.buffer);
  return familyOf(wanted) === 4 ? table.find4(view.getInt32(3)) : table.find6(view, 3);
};

it('finds the longest prefix, whatever was put and removed before', () => {
  fc.assert(
    fc.property(
      fc.array(prefix, { maxLength: 40 }),
      fc.array(prefix),
      fc.array(address, { minLength: 1 }),
      (put, remove, wanted) => {
        const table = new PrefixTable();
        const entries = new Map<Prefix, number>(put.map((one, i) => [one, i]));
        for (const [one, slot] of entries) table.put(one, slot);
        const gone = [...remove, ...put.slice(0, put.length >> 2)];
        for (const one of gone) {
          table.remove(one);
          entries.delete(one);
        }
        // Some come back, and some get another slot.
        for (const one of put.slice(0, put.length >> 3)) {
          table.put(one, 1000 + entries.size);
          entries.set(one, 1000 + entries.size);
        }
        expect(table.size).toBe(entries.size);
        for (const a of [...wanted, ...put.map((one) => one.slice(0, one.indexOf('/')) as Address)]) {
          const best = [...entries]
            .filter(([one]) => contains(one, a))
            .sort(([x], [y]) => lengthOf(y) - lengthOf(x))[0];
          expect(find(table, a)).toBe(best?.[1] ?? -1);
        }
      },
    ),
  );
});

it('holds many', () => {
  const table = new PrefixTable();
  const put = Array.from({ length: 60_000 }, (_, i): [Prefix, number] => [
    makePrefix(addressFromBigInt(BigInt(0x0a000000 + i * 256), 4), 24),
    i,
  ]);
  for (const [one, slot] of put) table.put(one, slot);
  for (const i of [0, 1, 777, 59_999]) {
    expect(find(table, addressFromBigInt(BigInt(0x0a000000 + i * 256 + 9), 4))).toBe(i);
  }
  expect(find(table, '11.0.0.1' as Address)).toBe(-1);
});

it('does not grow by what comes and goes', () => {
  const table = new PrefixTable();
  const one = (i: number) => makePrefix(addressFromBigInt(BigInt(0x0a000000 + i * 256), 4), 24);
  table.put(one(0), 7);
  for (let i = 1; i < 50_000; i++) {
    table.put(one(i), i);
    table.remove(one(i));
  }
  expect([table.size, find(table, '10.0.0.5' as Address), find(table, '10.0.1.5' as Address)]).toEqual([1, 7, -1]);
});
