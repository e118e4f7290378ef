import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fold, sumBytes, sumOver } from '../../src/dataplane/checksum.js';
import { hopsLeft, packetLength, takeHop } from '../../src/dataplane/ip-header.js';
import type { Address } from '../../src/model/ip.js';
import { makeArena } from '../../src/sys/arena.js';
import { headerChecksum, naiveChecksum, packet } from './packets.js';

const MEMORY_BYTES = 140_000;

it('sums as RFC 1071 says, by script and by WebAssembly, wherever the bytes lie', () => {
  const arena = makeArena(MEMORY_BYTES);
  expect(arena.memory).toBeDefined();
  const sums = [sumOver(arena), sumOver({ memory: undefined, view: arena.view })];
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 130 }),
    fc.nat({ max: 65_535 }).map((length) => new Uint8Array(length).fill(0xff)),
  );
  fc.assert(
    fc.property(piece, fc.nat({ max: 40 }), (bytes, offset) => {
      arena.bytes.fill(0xa5);
      arena.bytes.set(bytes, offset);
      // In memory order, so the halves of each word are the other way round.
      const expected = naiveChecksum(bytes);
      const swapped = ((expected & 0xff) << 8) | (expected >>> 8);
      for (const sum of sums) expect(~fold(sum(offset, bytes.length)) & 0xffff).toBe(swapped);
    }),
    { numRuns: 300 },
  );
});

it('takes a hop and keeps the header checksum as right, or as wrong, as it was', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 255 }),
      fc.nat({ max: 0xffff }),
      fc.nat({ max: 0xffff }),
      fc.boolean(),
      (ttl, id, error, isV6) => {
        const [source, destination] = (isV6 ? ['fd00::1', 'fd00::2'] : ['10.1.0.1', '10.1.1.1']) as Address[];
        if (source === undefined || destination === undefined) return;
        const bytes = packet({ source, destination, protocol: 'udp', payload: new Uint8Array(3), ttl, id });
        const view = new DataView(bytes.buffer);
        const spoil = isV6 ? 0 : error;
        if (!isV6) view.setUint16(10, (view.getUint16(10) + spoil) % 0xffff);
        const before = headerChecksum(bytes);
        takeHop(view, 0);
        expect(hopsLeft(view, 0)).toBe(ttl - 1);
        // 0 and 0xffff are the same number in this arithmetic.
        expect(headerChecksum(bytes) % 0xffff).toBe(before % 0xffff);
      },
    ),
  );
});

it('knows a packet by its header, and nothing else by anything', () => {
  const length = (bytes: readonly number[]) =>
    packetLength(new DataView(Uint8Array.from(bytes).buffer), 0, bytes.length);
  const v4 = [
    ...packet({
      source: '10.1.0.1' as Address,
      destination: '10.1.1.1' as Address,
      protocol: 'udp',
      payload: new Uint8Array(5),
    }),
  ];
  expect(length(v4)).toBe(33);
  expect(length([...v4, 0, 0])).toBe(33);
  expect(length(v4.slice(0, -1))).toBe(0);
  expect(length([])).toBe(0);
  expect(length([0x44, ...v4.slice(1)])).toBe(0);
  expect(length([0x55, ...v4.slice(1)])).toBe(0);
  expect(length([0x45, 0, 0, 19, ...v4.slice(4)])).toBe(0);
  expect(length([0x60, ...v4.slice(1)])).toBe(0);
  expect(sumBytes(new DataView(new ArrayBuffer(0)), 0, 0)).toBe(0);
});
