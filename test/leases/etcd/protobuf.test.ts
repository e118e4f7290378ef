import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FlanError } from '../../../src/errors.js';
import { RANGE, TXN, WATCH } from '../../../src/leases/etcd/proto.js';
import { bool, bytes, id64, int, message, repeated, string, sub } from '../../../src/leases/etcd/protobuf.js';

const inner = message('Inner', { text: string(1), count: int(2) });
const outer = message('Outer', {
  number: int(1),
  id: id64(2),
  flag: bool(3),
  raw: bytes(4),
  one: sub(5, inner),
  many: repeated(6, inner),
  far: string(2000),
});

const hex = (...parts: readonly string[]) => Uint8Array.from(Buffer.from(parts.join('').replaceAll(' ', ''), 'hex'));

const innerValue = fc.record({ text: fc.string({ unit: 'binary' }), count: fc.maxSafeInteger() });
const outerValue = fc.record({
  number: fc.maxSafeInteger(),
  id: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  flag: fc.boolean(),
  raw: fc.uint8Array({ maxLength: 300 }),
  one: innerValue,
  many: fc.array(innerValue, { maxLength: 20 }),
  far: fc.string(),
});

test('what is written is read back', () => {
  fc.assert(
    fc.property(outerValue, (value) => {
      const read = outer.decode(outer.encode(value));
      expect({ ...read, raw: Uint8Array.from(read.raw) }).toEqual(value);
    }),
  );
});

test('the bytes are those of the specification', () => {
  expect(Buffer.from(outer.encode({ number: 150 })).toString('hex')).toBe('089601');
  expect(Buffer.from(outer.encode({ number: -1 })).toString('hex')).toBe('08ffffffffffffffffff01');
  expect(Buffer.from(outer.encode({ far: 'a' })).toString('hex')).toBe('827d0161');
  expect(outer.decode(hex('08 9601')).number).toBe(150);
  expect(outer.decode(hex('10 ffffffffffffffffff01')).id).toBe(-1n);
});

test('zero is written: inside a oneof it is not the same as absent', () => {
  const request = TXN.request.encode({ compare: [{ version: 0 }] });
  expect(Buffer.from(request).toString('hex')).toBe('0a022000');
});

test('absent fields get their default and unknown ones are passed over', () => {
  const unknown = ['f806 01', 'f906 0102030405060708', 'fd06 01020304', 'fa06 03 616263'];
  const value = outer.decode(hex(...unknown, '0807', ...unknown));
  expect(value).toEqual({ number: 7, id: 0n, flag: false, raw: new Uint8Array(), one: undefined, many: [], far: '' });
});

test.each([
  ['a field cut short', '08 96', 'Outer.number'],
  ['a length beyond the end', '22 05 0102', 'Outer.raw'],
  ['a number beyond 53 bits', '08 ffffffffffffff7f', 'Outer.number'],
  ['an endless varint', '10 ffffffffffffffffffffffff', 'Outer.id'],
  ['a wire type that is not the field’s', '0d 01020304', 'Outer.number'],
  ['a group', '0b', 'Outer'],
  ['trouble further in', '2a 02 1096', 'Inner.count'],
])('%s is an error that names the field', (_, text, where) => {
  expect(() => outer.decode(hex(text))).toThrow(expect.objectContaining({ code: 'E_STORE_PROTOCOL' }));
  expect(() => outer.decode(hex(text))).toThrow(where);
});

test('no bytes make it throw anything else', () => {
  const tables = [RANGE.response, WATCH.response, TXN.response, outer] as const;
  const near = outerValue.map((value) => outer.encode(value));
  const damaged = fc.tuple(near, fc.nat(), fc.nat(255)).map(([whole, at, byte]) => {
    const copy = Uint8Array.from(whole);
    copy[at % Math.max(copy.length, 1)] = byte;
    return copy;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (input) => {
      for (const table of tables) {
        try {
          table.decode(input);
        } catch (error) {
          expect(error).toBeInstanceOf(FlanError);
          expect(error).toHaveProperty('code', 'E_STORE_PROTOCOL');
        }
      }
    }),
    { numRuns: 2000 },
  );
});
