import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressAt,
  addressFromBigInt,
  addressFromBytes,
  addressToBigInt,
  addressToBytes,
  compareAddresses,
  contains,
  hostPrefix,
  isCanonicalPrefix,
  isGlobalUnicast,
  lastAddressOf,
  makePrefix,
  overlaps,
  parseAddress,
  parsePrefix,
  sizeOf,
  tryAddress,
  tryPrefix,
} from '../../src/model/ip.js';

const v4 = fc.bigInt({ min: 0n, max: (1n << 32n) - 1n }).map((n) => addressFromBigInt(n, 4));
// Runs of zero groups are what canonical IPv6 text is about, so they are made often.
const v6 = fc
  .array(fc.oneof(fc.constant(0), fc.constant(0), fc.integer({ min: 0, max: 0xffff })), { minLength: 8, maxLength: 8 })
  .map((groups) =>
    addressFromBigInt(
      groups.reduce((n, g) => (n << 16n) | BigInt(g), 0n),
      6,
    ),
  );
const address = fc.oneof(v4, v6);
const prefix = address.chain((a) =>
  fc.integer({ min: 0, max: a.includes(':') ? 128 : 32 }).map((len) => makePrefix(a, len)),
);

describe('canonical prefixes', () => {
  it('are those that come out as they went in, and no other text', () => {
    const digits = fc.stringMatching(/^[0-9.:a-f/]{0,20}$/);
    fc.assert(
      fc.property(fc.oneof(prefix.map(String), digits), (text) => {
        expect(isCanonicalPrefix(text)).toBe(tryPrefix(text) === text);
      }),
    );
  });

  it.each(['0.0.0.0/0', '10.0.0.0/8', '10.1.2.3/32', '128.0.0.0/1', '::/0', 'fd00::/64'])('%s is one', (text) => {
    expect(isCanonicalPrefix(text)).toBe(true);
  });

  it.each([
    '10.0.0.1/8',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0.0',
    '/8',
    '128.0.0.0/0',
    'FD00::/64',
    'fd00::1/64',
    '::/129',
  ])('%s is none', (text) => {
    expect(isCanonicalPrefix(text)).toBe(false);
  });
});

describe('addresses', () => {
  it.each([
    ['10.244.3.0', '10.244.3.0'],
    ['FD00::1', 'fd00::1'],
    ['fd00:0:0:0:0:0:0:1', 'fd00::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
    ['::', '::'],
    ['1::', '1::'],
    ['::1.2.3.4', '::102:304'],
  ])('%s reads as %s', (text, canonical) => {
    expect(parseAddress(text)).toBe(canonical);
  });

  it.each([
    '',
    '10',
    '10.1.2',
    '10.1.2.3.4',
    '10.1.2.256',
    '10.01.2.3',
    '10.1.2.3 ',
    '1..2.3',
    '.1.2.3',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    'fd00::g',
    'fe80::1%eth0',
    '12345::',
    '1.2.3.4::',
    '::1.2.3',
    '1:2:3:4:5:6:7::8',
  ])('%j is none', (text) => {
    expect(tryAddress(text)).toBeUndefined();
  });

  it('survive the way through bytes and numbers', () => {
    fc.assert(
      fc.property(address, (a) => {
        const family = a.includes(':') ? 6 : 4;
        expect(addressFromBytes(addressToBytes(a), 0, family)).toBe(a);
        expect(addressFromBigInt(addressToBigInt(a), family)).toBe(a);
        expect(parseAddress(a)).toBe(a);
      }),
    );
  });

  it('compare as numbers do', () => {
    fc.assert(
      fc.property(v6, v6, (a, b) => {
        const [x, y] = [addressToBigInt(a), addressToBigInt(b)];
        expect(Math.sign(compareAddresses(a, b))).toBe(x < y ? -1 : x > y ? 1 : 0);
      }),
    );
  });

  it.each([
    ['10.0.0.1', true],
    ['192.0.2.1', true],
    ['fd00::1', true],
    ['2001:db8::1', true],
    ['169.254.1.1', false],
    ['fe80::1', false],
    ['127.0.0.1', false],
    ['::1', false],
    ['224.0.0.1', false],
    ['0.0.0.0', false],
  ])('%s is global unicast: %s', (text, expected) => {
    expect(isGlobalUnicast(parseAddress(text))).toBe(expected);
  });
});

describe('prefixes', () => {
  it.each([
    ['10.50.3.7/16', '10.50.0.0/16'],
    ['10.244.3.0/24', '10.244.3.0/24'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['fd00:10:244:3::5/64', 'fd00:10:244:3::/64'],
    ['fd00::ff/121', 'fd00::80/121'],
  ])('%s is %s', (text, canonical) => {
    expect(parsePrefix(text)).toBe(canonical);
  });

  it.each(['10.0.0.0', '10.0.0.0/33', 'fd00::/129', '10.0.0.0/-1', '10.0.0.0/', '/24', '10.0.0.0/a', '10.0.0/24'])(
    '%j is none',
    (text) => {
      expect(tryPrefix(text)).toBeUndefined();
    },
  );

  it('hold their first and last address and nothing beside them', () => {
    fc.assert(
      fc.property(prefix, (p) => {
        expect(contains(p, addressAt(p, 0))).toBe(true);
        expect(contains(p, lastAddressOf(p))).toBe(true);
        expect(contains(p, p)).toBe(true);
        const family = p.includes(':') ? 6 : 4;
        const after = addressToBigInt(lastAddressOf(p)) + 1n;
        if (after >> BigInt(family === 4 ? 32 : 128) === 0n) {
          expect(contains(p, addressFromBigInt(after, family))).toBe(false);
          expect(overlaps(p, hostPrefix(addressFromBigInt(after, family)))).toBe(false);
        }
        expect(addressToBigInt(lastAddressOf(p)) - addressToBigInt(addressAt(p, 0))).toBe(sizeOf(p) - 1n);
      }),
    );
  });

  it('overlap exactly when one holds the other', () => {
    fc.assert(
      fc.property(prefix, prefix, (p, q) => {
        expect(overlaps(p, q)).toBe(contains(p, q) || contains(q, p));
      }),
    );
  });

  it('never mix families', () => {
    fc.assert(
      fc.property(v4, v6, (a, b) => {
        expect(contains(makePrefix(a, 0), b) || contains(makePrefix(b, 0), a)).toBe(false);
      }),
    );
  });
});
