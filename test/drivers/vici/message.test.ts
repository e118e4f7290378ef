import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeMessage,
  encodeMessage,
  listIn,
  sectionsIn,
  textIn,
  type ViciMessage,
} from '../../../src/drivers/vici/message.js';
import { decodePacket, encodePacket, packetAssembler, type ViciPacket } from '../../../src/drivers/vici/packet.js';
import { FlanError } from '../../../src/errors.js';

const bytes = (hex: string): Uint8Array => Buffer.from(hex.replaceAll(' ', ''), 'hex');
const hex = (data: Uint8Array): string => Buffer.from(data).toString('hex');
const text = (value: string): string => Buffer.from(value).toString('hex');

/** Encoded text and what it means. The first and the last are of strongSwan's documentation of VICI. */
const VECTORS: readonly (readonly [message: ViciMessage, encoded: string])[] = [
  [{ key1: 'value1' }, `03 04${text('key1')} 0006${text('value1')}`],
  [{}, ''],
  [{ '': '' }, '03 00 0000'],
  [{ list: [] }, `04 04${text('list')} 06`],
  [{ s: {} }, `01 01${text('s')} 02`],
  [{ ä: '€' }, `03 02${text('ä')} 0003${text('€')}`],
  [
    { key1: 'value1', section1: { 'sub-section': { key2: 'value2' }, list1: ['item1', 'item2'] } },
    [
      `03 04${text('key1')} 0006${text('value1')}`,
      `01 08${text('section1')} 01 0b${text('sub-section')} 03 04${text('key2')} 0006${text('value2')} 02`,
      `04 05${text('list1')} 05 0005${text('item1')} 05 0005${text('item2')} 06 02`,
    ].join(''),
  ],
];

const MALFORMED: readonly (readonly [why: string, encoded: string])[] = [
  ['ends within a name', '03 04 6b'],
  ['ends within a length', '03 01 6b 00'],
  ['ends within a value', '03 01 6b 0002 61'],
  ['has no such element', '07'],
  ['ends a section that did not begin', '02'],
  ['does not end a section', '01 01 73'],
  ['does not end a list', '04 01 6c 05 0001 61'],
  ['has a list in a list', '04 01 6c 04 01 6d 06 06'],
  ['has an item outside of a list', '05 0001 61'],
  ['has a name twice', '03 01 6b 0000 03 01 6b 0000'],
  ['is nested without end', '01 00 '.repeat(10_000)],
];

describe('messages of VICI', () => {
  it.each(VECTORS)('are what the protocol says: %j', (message, encoded) => {
    expect(hex(encodeMessage(message))).toBe(encoded.replaceAll(' ', ''));
    expect(plain(decodeMessage(bytes(encoded)))).toEqual(message);
  });

  it.each(MALFORMED)('are refused when one %s', (_why, encoded) => {
    expect(() => decodeMessage(bytes(encoded))).toThrow(expect.objectContaining({ code: 'E_DECODE' }));
  });

  it('take no names or values that their lengths cannot say', () => {
    expect(() => encodeMessage({ ['n'.repeat(256)]: '' })).toThrow('256 bytes');
    expect(() => encodeMessage({ n: 'v'.repeat(65_536) })).toThrow('65536 bytes');
    expect(
      textIn(decodeMessage(encodeMessage({ ['n'.repeat(255)]: 'v'.repeat(65_535) })), 'n'.repeat(255)),
    ).toHaveLength(65_535);
  });

  it('come back as they went', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(plain(decodeMessage(encodeMessage(message)))).toEqual(message);
      }),
    );
  });

  it('are read by name without surprises', () => {
    const message = decodeMessage(encodeMessage({ a: 'x', b: ['y'], c: { d: 'z' } }));
    expect([textIn(message, 'a'), textIn(message, 'b'), textIn(message, 'toString')]).toEqual(['x', '', '']);
    expect([listIn(message, 'b'), listIn(message, 'a'), listIn(message, 'constructor')]).toEqual([['y'], [], []]);
    expect(sectionsIn(message).map(([name, section]) => [name, textIn(section, 'd')])).toEqual([['c', 'z']]);
    expect(textIn(decodeMessage(encodeMessage({ ['__proto__']: 'p' } as ViciMessage)), 'x')).toBe('');
  });
});

describe('packets of VICI', () => {
  it('are what the protocol says', () => {
    expect(hex(encodePacket({ type: 'request', name: 'version', message: {} }))).toBe(
      `0000000900 07${text('version')}`.replaceAll(' ', ''),
    );
    expect(hex(encodePacket({ type: 'register', name: 'log' }))).toBe(
      `0000000503 03${text('log')}`.replaceAll(' ', ''),
    );
    expect(decodePacket(bytes('05'))).toEqual({ type: 'confirm' });
    expect(decodePacket(bytes('02'))).toEqual({ type: 'unknown command' });
  });

  it('come back as they went, in whatever pieces they arrive', () => {
    fc.assert(
      fc.property(fc.array(anyPacket, { maxLength: 5 }), fc.array(fc.nat(40)), (packets, cuts) => {
        const stream = Buffer.concat(packets.map(encodePacket));
        const assemble = packetAssembler();
        const found: ViciPacket[] = [];
        let at = 0;
        for (const cut of [...cuts, stream.length]) {
          found.push(...assemble(stream.subarray(at, at + cut)));
          at += cut;
        }
        expect(
          found.map((packet) => ('message' in packet ? { ...packet, message: plain(packet.message) } : packet)),
        ).toEqual(packets);
      }),
    );
  });

  it('that say to be endless are refused', () => {
    expect(() => packetAssembler()(bytes('ffffffff'))).toThrow(expect.objectContaining({ code: 'E_DECODE' }));
  });

  it.each(['', '08', '00 05 61', '05 00', '03 01 61 00'])('%s is none', (encoded) => {
    expect(() => decodePacket(bytes(encoded))).toThrow(expect.objectContaining({ code: 'E_DECODE' }));
  });

  it('are refused and nothing worse, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (data) => decodesOrRefuses(data)),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(anyPacket, fc.nat(), fc.nat(255), (packet, at, value) => {
        const data = Buffer.from(encodePacket(packet)).subarray(4);
        data[at % data.length] = value;
        decodesOrRefuses(data);
      }),
      { numRuns: 3000 },
    );
  });
});

function decodesOrRefuses(data: Uint8Array): void {
  try {
    decodePacket(data);
  } catch (error) {
    expect(error).toBeInstanceOf(FlanError);
    expect(error).toMatchObject({ code: 'E_DECODE' });
  }
}

/** With prototypes, for comparing. */
const plain = (message: ViciMessage): unknown => JSON.parse(JSON.stringify(message));

const name = fc
  .string({ maxLength: 40, unit: 'grapheme' })
  .filter((one) => Buffer.byteLength(one) <= 255 && one !== '__proto__');
const value = fc.string({ maxLength: 200, unit: 'grapheme' });
const { anyMessage } = fc.letrec<{ anyMessage: ViciMessage }>((tie) => ({
  anyMessage: fc
    .dictionary(name, fc.oneof({ maxDepth: 4 }, value, fc.array(value, { maxLength: 4 }), tie('anyMessage')), {
      maxKeys: 4,
    })
    .map((one) => ({ ...one }) as ViciMessage),
}));
const anyPacket: fc.Arbitrary<ViciPacket> = fc.oneof(
  fc.record({ type: fc.constantFrom('request' as const, 'event' as const), name, message: anyMessage }),
  fc.record({ type: fc.constantFrom('register' as const, 'unregister' as const), name }),
  fc.record({ type: fc.constant('response' as const), message: anyMessage }),
  fc.record({ type: fc.constantFrom('unknown command' as const, 'confirm' as const, 'unknown event' as const) }),
);
