import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeAck, extendedAck } from '../../src/netlink/wire/ack.js';
import { decodeAddress } from '../../src/netlink/wire/address.js';
import { DecodeError } from '../../src/netlink/wire/decode-error.js';
import { decodeEvent } from '../../src/netlink/wire/event.js';
import { decodeFdb } from '../../src/netlink/wire/fdb.js';
import { eachMessage, type Message } from '../../src/netlink/wire/frame.js';
import { decodeGenlFamily } from '../../src/netlink/wire/genl.js';
import { decodeLink } from '../../src/netlink/wire/link.js';
import { decodeNeighbour } from '../../src/netlink/wire/neighbour.js';
import { decodeRoute } from '../../src/netlink/wire/route.js';
import { decodeRule } from '../../src/netlink/wire/rule.js';
import { Writer } from '../../src/netlink/wire/writer.js';
import { capture, captureNames } from '../netlink/wire/captures.js';

const RUNS = 10_000;

type Decode = (bytes: Uint8Array, offset: number, length: number) => unknown;
const asMessage =
  (type: number, flags: number): Decode =>
  (bytes, offset, length) =>
    decodeAck({ type, flags, seq: 1, portId: 0, bytes, offset, length });

const DECODERS: Readonly<Record<string, Decode>> = {
  link: decodeLink,
  address: decodeAddress,
  route: (...at) => decodeRoute(...at).fields(), // the getters decode too
  neighbour: (...at) => decodeNeighbour(...at).fields(),
  fdb: (...at) => decodeFdb(...at).fields(),
  rule: decodeRule,
  genl: decodeGenlFamily,
  ack: asMessage(2, 0x200),
  'capped ack': asMessage(2, 0x300),
  done: asMessage(3, 0x200),
};

/** An NLMSG_ERROR as the kernel writes it: errno, the request's header, what is wrong with it. */
function acknowledgement(): Uint8Array {
  const writer = new Writer();
  const start = writer.begin(2, 0x300);
  writer.word(-22);
  writer.end(writer.begin(24, 1));
  extendedAck.write(writer, { text: 'Invalid prefix for given prefix length', offset: 36 });
  writer.end(start);
  return writer.written();
}
const seeds = [...captureNames().flatMap(capture), ...new Array<Uint8Array>(10).fill(acknowledgement())];
/** A real message with some bytes changed, and a piece cut off or put on: near enough to get far into a decoder. */
const mutated = fc
  .record({
    seed: fc.constantFrom(...seeds),
    changes: fc.array(fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(0, 1, 3, 4, 5, 8, 127, 255), fc.nat({ max: 255 }))), {
      maxLength: 6,
    }),
    cut: fc.option(fc.nat(), { freq: 3 }),
    tail: fc.uint8Array({ maxLength: 12 }),
  })
  .map(({ seed, changes, cut, tail }) => {
    const kept = cut === null ? seed : seed.subarray(0, cut % (seed.length + 1));
    const bytes = Uint8Array.from([...kept, ...tail]);
    for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
    return bytes;
  });
const inputs = fc.oneof(fc.uint8Array({ maxLength: 120 }), mutated);

/** Decodes; anything but a value or a DecodeError fails the test. @returns whether there was a value */
function survives(decode: () => unknown): boolean {
  try {
    decode();
    return true;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

describe.each(Object.entries(DECODERS))('decoding %s', (_, decode) => {
  test('throws DecodeError and nothing else, whatever the bytes', () => {
    let decoded = 0;
    let refused = 0;
    fc.assert(
      fc.property(inputs, (bytes) => {
        const header = Math.min(16, bytes.length);
        if (survives(() => decode(bytes, header, bytes.length - header))) decoded++;
        else refused++;
      }),
      { numRuns: RUNS },
    );
    // Otherwise the inputs would be too wild, or too tame, to say anything.
    expect(decoded).toBeGreaterThan(RUNS / 100);
    expect(refused).toBeGreaterThan(RUNS / 100);
  });

  test('reads nothing outside of the span it was given', () => {
    fc.assert(
      fc.property(mutated, (bytes) => {
        const header = Math.min(16, bytes.length);
        const alone = outcome(() => decode(bytes.slice(header), 0, bytes.length - header));
        const framed = Uint8Array.from([...bytes, ...new Array<number>(64).fill(0xa5)]);
        const inside = outcome(() => decode(framed, header, bytes.length - header));
        expect(inside).toEqual(alone);
      }),
      { numRuns: RUNS / 10 },
    );
  });
});

/** The value, or that there is none: places in error texts differ with the offset. */
function outcome(decode: () => unknown): unknown {
  try {
    return { value: decode() };
  } catch (error) {
    if (error instanceof DecodeError) return 'refused';
    throw error;
  }
}

test('whole datagrams of anything end in messages or a DecodeError', () => {
  const datagram = fc
    .array(mutated, { maxLength: 4 })
    .map((parts) => Uint8Array.from(parts.flatMap((part) => [...part])));
  let events = 0;
  fc.assert(
    fc.property(datagram, (bytes) => {
      const visit = (message: Message): void => {
        if (decodeEvent(message) !== undefined) events++;
      };
      survives(() => eachMessage(bytes, bytes.length, visit));
    }),
    { numRuns: RUNS },
  );
  expect(events).toBeGreaterThan(RUNS / 10);
});
