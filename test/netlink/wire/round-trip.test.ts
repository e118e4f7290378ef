import fc from 'fast-check';
import { expect, test } from 'vitest';
import { familyOf, lengthOf } from '../../../src/model/ip.js';
import { decodeAddress, writeAddressMessage } from '../../../src/netlink/wire/address.js';
import { attributes } from '../../../src/netlink/wire/attributes.js';
import {
  bytes,
  i32,
  list,
  nested,
  presence,
  string,
  u8,
  u16,
  u16be,
  u32,
  u32be,
} from '../../../src/netlink/wire/codecs.js';
import { eachMessage, type Message } from '../../../src/netlink/wire/frame.js';
import { decodeLink, writeLink } from '../../../src/netlink/wire/link.js';
import { decodeNd, writeNd } from '../../../src/netlink/wire/nd.js';
import { decodeRoute, writeRoute } from '../../../src/netlink/wire/route.js';
import { decodeRule, writeRule } from '../../../src/netlink/wire/rule.js';
import { Writer } from '../../../src/netlink/wire/writer.js';
import * as any from './arbitrary.js';

/** A buffer that was used before and is far too small, at an odd place in a message. */
function written<T>(write: (writer: Writer, value: T) => void, value: T): [Uint8Array, number, number] {
  const writer = new Writer(8);
  writer.bytes.fill(0xff);
  writer.word(0xffffffff);
  write(writer, value);
  return [writer.bytes, 4, writer.length - 4];
}

test('a route reads back as it was written', () => {
  fc.assert(
    fc.property(any.route, (route) => {
      const message = decodeRoute(...written(writeRoute, route));
      const { family, ...fields } = message.fields();
      expect(fields).toEqual(route);
      expect(family).toBe(familyOf(route.dst));
      expect(message.dstLen).toBe(lengthOf(route.dst));
      expect(message.onlink).toBe(((route.flags ?? 0) & 4) !== 0);
    }),
    { numRuns: 1000 },
  );
});

test('a neighbour or forwarding entry reads back as it was written', () => {
  fc.assert(
    fc.property(any.nd, fc.constantFrom(2, 7, 10), (entry, af) => {
      const message = decodeNd(
        ...written((writer: Writer, value: typeof entry) => writeNd(writer, { af }, value), entry),
      );
      expect(message.fields()).toEqual({ af, ...entry });
    }),
    { numRuns: 1000 },
  );
});

const readsBack = <T>(values: fc.Arbitrary<T>, write: (writer: Writer, value: T) => void, decode: Decode<T>): void =>
  fc.assert(
    fc.property(values, (value) => {
      expect(decode(...written(write, value))).toEqual(value);
    }),
    { numRuns: 1000 },
  );
type Decode<T> = (bytes: Uint8Array, offset: number, length: number) => T;

test('an address, a rule and a link read back as they were written', () => {
  readsBack(any.addressMessage, writeAddressMessage, decodeAddress);
  readsBack(any.rule, writeRule, decodeRule);
  readsBack(any.link, writeLink, decodeLink);
});

const inner = attributes('INNER', { a: u8(1), b: string(2) });
const table = attributes('TABLE', {
  one: u8(1),
  two: u16(2),
  twoBe: u16be(3),
  four: u32(4),
  fourBe: u32be(5),
  signed: i32(6),
  text: string(7),
  blob: bytes(8),
  here: presence(9),
  nest: nested(10 | 0x8000, inner),
  items: list(11 | 0x8000, inner),
});

test('every kind of attribute reads back, and network order is on the wire', () => {
  const values = {
    ...{ one: 255, two: 0x0102, twoBe: 0x0102, four: 0x01020304, fourBe: 0xf1020304, signed: -5 },
    ...{ text: 'naïve', blob: Uint8Array.of(1, 2, 3), here: true as const },
    ...{ nest: { a: 1, b: 'x' }, items: [{ a: 2 }, { b: 'y' }] },
    unknown: [{ type: 99 | 0x8000, value: Uint8Array.of(7) }],
  };
  const [buffer, offset, length] = written((writer: Writer, v: typeof values) => table.write(writer, v), values);
  expect(table.read(buffer, offset, length)).toEqual(values);
  const hex = Buffer.from(buffer.subarray(offset, offset + length)).toString('hex');
  expect(hex).toContain('060002000201'); // two
  expect(hex).toContain('060003000102'); // twoBe
  expect(hex).toContain('08000500f1020304'); // fourBe
});

test('a value of the wrong size is an error with table, attribute and place', () => {
  const value = Uint8Array.of(4, 0, 4, 0, 6, 0, 4, 0, 1, 2);
  expect(() => table.read(value, 4, 6)).toThrow(
    expect.objectContaining({
      code: 'E_DECODE',
      place: { table: 'TABLE', attribute: 'four', offset: 8 },
      message: 'TABLE.four at byte 8: a value of 2 bytes',
    }),
  );
});

test('messages of one datagram are told apart, and stopping stops', () => {
  const writer = new Writer(16);
  for (const type of [16, 24, 28]) {
    const start = writer.begin(type, 2);
    writer.word(type);
    writer.end(start);
  }
  const seen: Message[] = [];
  eachMessage(writer.bytes, writer.length, (message) => {
    seen.push(message);
  });
  expect(seen.map(({ type, flags, length }) => [type, flags, length])).toEqual([
    [16, 2, 4],
    [24, 2, 4],
    [28, 2, 4],
  ]);
  let visits = 0;
  eachMessage(writer.bytes, writer.length, () => {
    visits++;
    return 'stop';
  });
  expect(visits).toBe(1);
});
