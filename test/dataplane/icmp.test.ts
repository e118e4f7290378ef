import { closeSync } from 'node:fs';
import { expect, it } from 'vitest';
import { makeCounterMemory, readTotals } from '../../src/dataplane/counters.js';
import { icmpErrors, mayAnswer } from '../../src/dataplane/icmp.js';
import type { Address } from '../../src/model/ip.js';
import { makeArena } from '../../src/sys/arena.js';
import { openIcmpSocket } from '../../src/sys/udp-socket.js';
import { kernelTest } from '../support/kernel.js';
import { packet } from './packets.js';

const arena = makeArena(4096);

const answers = (bytes: Uint8Array): boolean => {
  arena.bytes.set(bytes, 64);
  return mayAnswer(arena, 64, bytes.length);
};

const v4 = (source = '10.1.0.5', destination = '10.1.1.6'): Uint8Array =>
  packet({
    source: source as Address,
    destination: destination as Address,
    protocol: 'udp',
    payload: new Uint8Array(8),
  });
const v6 = (source = 'fd00::5', destination = 'fd00::6'): Uint8Array => v4(source, destination);

/** An ICMP message of a type in the packet. */
const icmp = (bytes: Uint8Array, type: number): Uint8Array => {
  const isV6 = (bytes[0] ?? 0) >> 4 === 6;
  bytes[isV6 ? 6 : 9] = isV6 ? 58 : 1;
  bytes[isV6 ? 40 : 20] = type;
  return bytes;
};

it('answers what one node sent to another', () => {
  expect([answers(v4()), answers(v6())]).toEqual([true, true]);
  expect([answers(icmp(v4(), 8)), answers(icmp(v6(), 128))]).toEqual([true, true]);
});

it.each([3, 4, 5, 11, 12])('never answers ICMP error %i', (type) => {
  expect(answers(icmp(v4(), type))).toBe(false);
});
it.each([1, 2, 3, 4, 127])('never answers ICMPv6 error %i', (type) => {
  expect(answers(icmp(v6(), type))).toBe(false);
});

it('answers the first fragment and no other', () => {
  const fragment = (offset: number) => {
    const bytes = v4();
    new DataView(bytes.buffer).setUint16(6, 0x2000 | offset);
    return bytes;
  };
  expect([answers(fragment(0)), answers(fragment(1)), answers(fragment(0x1fff))]).toEqual([true, false, false]);
});

/** An IPv6 packet with other headers before what is in it: their numbers and bytes, and the first byte of the rest. */
const behind = (headers: readonly (readonly [number, readonly number[]])[], last: number, type: number): Uint8Array => {
  const bytes = v6();
  const chain = headers.flatMap(([, [, ...rest]], i) => [headers[i + 1]?.[0] ?? last, ...rest]);
  bytes[6] = headers[0]?.[0] ?? last;
  return Uint8Array.from([...bytes.slice(0, 40), ...chain, type, 0, 0, 0]);
};
const OPTIONS = [0, [0, 0, 1, 4, 0, 0, 0, 0]] as const;
const LONG = [60, [0, 1, ...new Array<number>(14).fill(0)]] as const;
const fragment6 = (offset: number) => [44, [0, 0, offset >> 5, (offset << 3) & 0xff, 0, 0, 0, 1]] as const;

it('finds ICMPv6 errors behind other headers', () => {
  for (const headers of [[OPTIONS], [LONG], [OPTIONS, LONG, fragment6(0)]]) {
    expect([answers(behind(headers, 58, 1)), answers(behind(headers, 58, 128))]).toEqual([false, true]);
    expect(answers(behind(headers, 17, 1))).toBe(true);
    // What cannot be read to its end is not answered either.
    expect(answers(behind(headers, 58, 128).slice(0, -5))).toBe(false);
  }
  expect([1, 32, 8191].map((offset) => answers(behind([fragment6(offset)], 17, 0)))).toEqual([false, false, false]);
});

it.each([
  ['0.0.0.0', '10.1.1.6'],
  ['127.0.0.1', '10.1.1.6'],
  ['224.0.0.5', '10.1.1.6'],
  ['255.255.255.255', '10.1.1.6'],
  ['10.1.0.5', '224.0.0.1'],
  ['10.1.0.5', '255.255.255.255'],
  ['::', 'fd00::6'],
  ['::1', 'fd00::6'],
  ['ff02::1', 'fd00::6'],
  ['fd00::5', 'ff02::2'],
])('never answers what was from nobody or for many: %s to %s', (source, destination) => {
  expect(answers(v4(source, destination))).toBe(false);
});

it('never answers the stump of an ICMP message', () => {
  expect(answers(icmp(v4(), 8).slice(0, 20))).toBe(false);
  expect(answers(icmp(v6(), 128).slice(0, 40))).toBe(false);
});

kernelTest('answers a burst of fifty, and then a thousand a second', {}, async ({ netns, onEnd }) => {
  await netns.ip('address add 10.1.0.5/32 dev lo');
  const socket = openIcmpSocket(4, netns.name);
  expect(socket).toBeDefined();
  onEnd(() => socket !== undefined && closeSync(socket));
  const counters = new Float64Array(makeCounterMemory());
  let nowMs = 0;
  const icmp = icmpErrors({ arena, counters, sockets: { v4: socket, v6: undefined }, nowMs: () => nowMs });
  const sentOf = (count: number, bytes = v4()): number => {
    arena.bytes.set(bytes, 64);
    const before = readTotals([counters]).icmpSent;
    for (let i = 0; i < count; i++) icmp.noRoute(64, bytes.length);
    return readTotals([counters]).icmpSent - before;
  };
  expect(sentOf(60)).toBe(50);
  nowMs = 7;
  expect(sentOf(60)).toBe(7);
  // What is never answered costs nobody else an answer.
  nowMs = 10;
  expect(sentOf(60, icmp4Error())).toBe(0);
  expect(sentOf(60)).toBe(3);
  nowMs = 60_000;
  expect(sentOf(60)).toBe(50);
  // No IPv6 here: nobody is told, and that is counted.
  expect(sentOf(5, v6())).toBe(0);
  const { icmpSent, icmpWithheld } = readTotals([counters]);
  expect([icmpSent, icmpWithheld]).toEqual([110, 60 * 5 + 5 - 110]);
  expect(await netns.sh('nstat -asz IcmpOutDestUnreachs | tail -1')).toMatch(/\s110\s/);
});

const icmp4Error = (): Uint8Array => icmp(v4(), 3);
