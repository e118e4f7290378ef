import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { balanceOf } from '../../src/dataplane/counters.js';
import type { SlottedPeer } from '../../src/dataplane/messages.js';
import { VNET } from '../../src/dataplane/vnet-header.js';
import type { Address, Prefix } from '../../src/model/ip.js';
import { oneByOne } from './fake-io.js';
import { fakeNode } from './node.js';
import { headerChecksum, type PacketFields, packet, transportChecksum } from './packets.js';

const peer = (n: number, slot: number): SlottedPeer[] => [
  { slot, subnet: `10.244.${n}.0/24` as Prefix, endpoint: `192.168.10.${n}` as Address, port: 8285 },
  { slot: slot + 100, subnet: `fd00:${n}::/64` as Prefix, endpoint: `fd01::${n}` as Address, port: 8285 },
];
const addresses = (isV6: boolean) =>
  isV6
    ? { source: 'fd00:1::5' as Address, destination: 'fd00:2::6' as Address }
    : { source: '10.244.1.5' as Address, destination: '10.244.2.6' as Address };

/** What a peer's kernel sees as sender: node 1. */
const sockaddr = (isV6: boolean): Uint8Array => {
  const bytes = new Uint8Array(isV6 ? 28 : 16);
  bytes[0] = isV6 ? 10 : 2;
  bytes.set([0x20, 0x5d], 2);
  if (isV6) bytes.set([0xfd, 0x01, ...new Array<number>(13).fill(0), 1], 8);
  else bytes.set([192, 168, 10, 1], 4);
  return bytes;
};

interface Big {
  readonly fields: PacketFields;
  readonly segmentBytes: number;
}

const big: fc.Arbitrary<Big> = fc
  .record({
    isV6: fc.boolean(),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    payload: fc.uint8Array({ minLength: 1, maxLength: 9000 }),
    segmentBytes: fc.integer({ min: 30, max: 1420 }),
    ttl: fc.integer({ min: 3, max: 255 }),
    id: fc.nat({ max: 0xffff }),
    sequence: fc.oneof(fc.nat(), fc.integer({ min: 0xffff_0000, max: 0xffff_ffff })),
    isPushed: fc.boolean(),
    options: fc.constantFrom(0, 12, 40),
    dontFragment: fc.constantFrom('yes' as const, 'no' as const),
  })
  .map(({ isV6, segmentBytes, isPushed, options, ...rest }) => ({
    segmentBytes,
    fields: {
      ...addresses(isV6),
      ...rest,
      flags: isPushed ? 0x18 : 0x10,
      options: new Uint8Array(options).fill(1),
    },
  }));

/** As the device hands it over: checksum left open, many segments as one packet. */
function fromDevice({ fields, segmentBytes }: Big): Uint8Array {
  const whole = packet(fields);
  const isV6 = (whole[0] ?? 0) >> 4 === 6;
  const isTcp = fields.protocol === 'tcp';
  const vnet = new Uint8Array(VNET.bytes);
  const view = new DataView(vnet.buffer);
  const isMany = fields.payload.length > segmentBytes;
  vnet[VNET.flags] = 1;
  vnet[VNET.type] = isMany ? (isTcp ? (isV6 ? 4 : 1) : 5) : 0;
  view.setUint16(VNET.segmentBytes, isMany ? segmentBytes : 0, true);
  view.setUint16(VNET.start, isV6 ? 40 : 20, true);
  view.setUint16(VNET.offset, isTcp ? 16 : 6, true);
  // The sum of the pseudo header stands where the checksum belongs.
  const at = (isV6 ? 40 : 20) + (isTcp ? 16 : 6);
  const open = new DataView(whole.buffer);
  open.setUint16(at, 0);
  const inner = whole.slice(isV6 ? 40 : 20);
  const pseudo = packet({ ...fields }).slice(0, isV6 ? 40 : 20);
  const list = [...(isV6 ? pseudo.slice(8, 40) : pseudo.slice(12, 20)), 0, isTcp ? 6 : 17];
  list.push((inner.length >> 8) & 255, inner.length & 255);
  let sum = 0;
  for (let i = 0; i < list.length; i += 2) sum += ((list[i] ?? 0) << 8) | (list[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  open.setUint16(at, sum);
  return Uint8Array.from([...vnet, ...whole]);
}

const node = () => fakeNode([...peer(1, 0), ...peer(2, 1)]);

/** Sends what the device of one node has. @returns the datagrams on the wire, with node 1 as their sender */
function send(bigs: readonly Big[]) {
  const { io, outbound, totals } = node();
  io.fromDevice.push(...bigs.map(fromDevice));
  while (io.fromDevice.length > 0) expect(outbound.pump()).toBe(0);
  expect(balanceOf(totals())).toEqual({ out: 0, in: 0 });
  return io.toPeers.map((datagram) => ({ ...datagram, sockaddr: sockaddr(datagram.sockaddr[0] === 10) }));
}

function receive(datagrams: ReturnType<typeof send>, offload: 'tcp+udp' | 'tcp' | 'none' = 'tcp+udp') {
  const receiver = fakeNode([...peer(1, 0), ...peer(2, 1)], offload);
  receiver.io.fromPeers.push(...datagrams);
  while (receiver.io.fromPeers.length > 0) expect(receiver.inbound.pump(5)).toBe(0);
  expect(balanceOf(receiver.totals())).toEqual({ out: 0, in: 0 });
  return receiver;
}

describe('a packet of many segments', () => {
  it('goes out as packets that anybody understands', () => {
    fc.assert(
      fc.property(big, (one) => {
        const { fields, segmentBytes } = one;
        const packets = oneByOne(send([one])).map(({ bytes }) => bytes);
        expect(packets).toHaveLength(Math.ceil(fields.payload.length / segmentBytes));
        const start =
          (fields.source.includes(':') ? 40 : 20) +
          (fields.protocol === 'tcp' ? 20 + (fields.options?.length ?? 0) : 8);
        for (const [i, bytes] of packets.entries()) {
          const isLast = i === packets.length - 1;
          // Each of them is what a sender that cuts up itself would have sent.
          const expected = packet({
            ...fields,
            payload: fields.payload.slice(i * segmentBytes, (i + 1) * segmentBytes),
            ttl: (fields.ttl ?? 0) - 1,
            id: ((fields.id ?? 0) + i) & 0xffff,
            sequence: ((fields.sequence ?? 0) + i * segmentBytes) >>> 0,
            flags: isLast ? (fields.flags ?? 0) : 0x10,
          });
          expect(bytes.slice(0, start)).toEqual(expected.slice(0, start));
          expect(Buffer.compare(bytes, expected)).toBe(0);
          expect([headerChecksum(bytes), transportChecksum(bytes)]).toEqual([0, 0]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('may hold datagrams of a few bytes', () => {
    const payload = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const isV6 of [false, true]) {
      const fields = { ...addresses(isV6), protocol: 'udp' as const, payload };
      const packets = oneByOne(send([{ fields, segmentBytes: 4 }])).map(({ bytes }) => bytes);
      expect(packets.map((bytes) => [...bytes.slice((isV6 ? 40 : 20) + 8)])).toEqual([[1, 2, 3, 4], [5, 6, 7, 8], [9]]);
      for (const bytes of packets) expect([headerChecksum(bytes), transportChecksum(bytes)]).toEqual([0, 0]);
    }
  });

  it('is dropped when its TCP header is shorter than one can be', () => {
    const fields = { ...addresses(false), protocol: 'tcp' as const, payload: new Uint8Array(3000) };
    const { io, outbound, totals } = node();
    const bytes = fromDevice({ fields, segmentBytes: 1000 });
    bytes[VNET.bytes + 20 + 12] = 0x40;
    io.fromDevice.push(bytes);
    outbound.pump();
    expect(io.toPeers).toEqual([]);
    expect(totals()).toMatchObject({ outRead: 1, outForwarded: 0, outMalformed: 1 });
  });

  it('comes in as it was, whatever the network delivers it as', () => {
    fc.assert(
      fc.property(fc.array(big, { minLength: 1, maxLength: 3 }), fc.boolean(), (bigs, isPlain) => {
        const wire = send(bigs);
        const { io } = receive(isPlain ? oneByOne(wire) : wire);
        // The payloads in order, and nothing else.
        const got = io.toDevice.map((bytes) => bytes.slice(VNET.bytes));
        const payload = got.flatMap((bytes) => {
          const isV6 = (bytes[0] ?? 0) >> 4 === 6;
          const isTcp = bytes[isV6 ? 6 : 9] === 6;
          const start = isV6 ? 40 : 20;
          return [...bytes.slice(start + (isTcp ? ((bytes[start + 12] ?? 0) >> 4) << 2 : 8))];
        });
        expect(payload).toEqual(bigs.flatMap(({ fields }) => [...fields.payload]));
        for (const bytes of got) expect(headerChecksum(bytes)).toBe(0);
        for (const one of got) {
          const isV6 = (one[0] ?? 0) >> 4 === 6;
          expect(isV6 ? 40 + (((one[4] ?? 0) << 8) | (one[5] ?? 0)) : ((one[2] ?? 0) << 8) | (one[3] ?? 0)).toBe(
            one.length,
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  it('comes in as one packet again', () => {
    const fields = {
      ...addresses(false),
      protocol: 'tcp' as const,
      payload: new Uint8Array(20_000).fill(7),
      flags: 0x18,
    };
    const { io } = receive(oneByOne(send([{ fields, segmentBytes: 1420 }])));
    expect(io.toDevice).toHaveLength(1);
    const [one = new Uint8Array()] = io.toDevice;
    const view = new DataView(one.buffer);
    expect([one[VNET.flags], one[VNET.type], view.getUint16(VNET.segmentBytes, true)]).toEqual([1, 1, 1420]);
    expect(one.length).toBe(VNET.bytes + 40 + 20_000);
    expect((one[VNET.bytes + 33] ?? 0) & 0x08).toBe(0x08); // pushed, as its last segment was
  });

  it('comes in packet by packet where the device takes no more', () => {
    const fields = { ...addresses(false), protocol: 'udp' as const, payload: new Uint8Array(1000) };
    const wire = send([{ fields, segmentBytes: 100 }]);
    expect(receive(wire, 'tcp').io.toDevice).toHaveLength(10);
    expect(receive(wire, 'tcp+udp').io.toDevice).toHaveLength(1);
    const receiver = fakeNode([...peer(1, 0), ...peer(2, 1)]);
    receiver.io.refusals.writev.push(22); // EINVAL
    receiver.io.fromPeers.push(...wire);
    receiver.inbound.pump(5);
    expect(receiver.io.toDevice.map(({ length }) => length)).toEqual(new Array(10).fill(VNET.bytes + 128));
    for (const bytes of receiver.io.toDevice) expect(transportChecksum(bytes.slice(VNET.bytes))).toBe(0);
    expect(receiver.totals()).toMatchObject({ inReceived: 10, inDelivered: 10, inRefused: 0 });
  });
});

describe('packets that must not be put together', () => {
  const base = { ...addresses(false), protocol: 'tcp' as const };
  const body = (n: number, length = 100) => new Uint8Array(length).fill(n);
  const first: PacketFields = { ...base, payload: body(1), sequence: 1000, id: 5 };
  const second: PacketFields = { ...base, payload: body(2), sequence: 1100, id: 6 };
  const datagram = (fields: PacketFields, change: (bytes: Uint8Array) => void = () => undefined) => {
    const bytes = packet(fields);
    change(bytes);
    return { sockaddr: sockaddr(false), bytes, segmentBytes: bytes.length };
  };
  const count = (...datagrams: ReturnType<typeof datagram>[]) => receive(datagrams).io.toDevice.length;

  it('are told apart from those that may', () => {
    expect(count(datagram(first), datagram(second))).toBe(1);
  });
  it.each([
    ['a gap', { ...second, sequence: 1101 }],
    ['a repetition', { ...second, sequence: 1000 }],
    ['another connection', { ...second, destination: '10.244.2.7' as Address }],
    ['another time to live', { ...second, ttl: 63 }],
    ['FIN', { ...second, flags: 0x11 }],
    ['RST', { ...second, flags: 0x14 }],
    ['SYN', { ...second, flags: 0x12 }],
    ['CWR', { ...second, flags: 0x90 }],
    ['a longer one', { ...second, payload: body(2, 101) }],
    ['other options', { ...second, options: new Uint8Array(12).fill(1) }],
    ['no data', { ...second, payload: body(2, 0) }],
    ['another protocol', { ...second, protocol: 'udp' as const }],
  ])('%s', (_what, fields) => {
    expect(count(datagram(first), datagram(fields))).toBe(2);
  });
  it('numbers that jump where fragments are allowed', () => {
    const may = { dontFragment: 'no' as const };
    expect(count(datagram({ ...first, ...may }), datagram({ ...second, ...may, id: 6 }))).toBe(1);
    expect(count(datagram({ ...first, ...may }), datagram({ ...second, ...may, id: 7 }))).toBe(2);
  });
  it('a wrong checksum, which stays wrong', () => {
    const spoil = (bytes: Uint8Array) => bytes.set([(bytes.at(-1) ?? 0) ^ 1], bytes.length - 1);
    for (const pair of [
      [datagram(first, spoil), datagram(second)],
      [datagram(first), datagram(second, spoil)],
    ]) {
      const { io } = receive(pair);
      expect(io.toDevice.map((bytes) => transportChecksum(bytes.slice(VNET.bytes)) === 0).sort()).toEqual([
        false,
        true,
      ]);
    }
  });
  it('after a push, and after a short one', () => {
    expect(count(datagram({ ...first, flags: 0x18 }), datagram(second))).toBe(2);
    const third = { ...base, payload: body(3, 50), sequence: 1100, id: 6 };
    const fourth = { ...base, payload: body(4, 50), sequence: 1150, id: 7 };
    expect(count(datagram(first), datagram(third), datagram(fourth))).toBe(2);
  });
  it('fragments', () => {
    const more = (bytes: Uint8Array) => bytes.set([0x20], 6);
    expect(count(datagram(first, more), datagram(second, more))).toBe(2);
  });
});

describe('sends that the kernel refuses', () => {
  const fields = { ...addresses(false), protocol: 'tcp' as const, payload: new Uint8Array(3000) };
  const refuse = (...errnos: number[]) => {
    const { io, outbound, totals } = node();
    io.fromDevice.push(fromDevice({ fields, segmentBytes: 1000 }), fromDevice({ fields, segmentBytes: 1000 }));
    io.refusals.sendmmsg.push(...errnos);
    outbound.pump();
    return { sent: io.toPeers.map(({ bytes, segmentBytes }) => [bytes.length, segmentBytes]), totals: totals() };
  };

  it('go out one by one where the path takes less, or nobody can cut them up', () => {
    for (const errno of [90, 22, 5]) {
      const { sent, totals } = refuse(errno);
      expect(sent.slice(0, 6)).toEqual(new Array(6).fill([1040, 1040]));
      expect(totals.outRefused).toBe(0);
    }
  });
  it('are waited for when the socket is full, and counted when it stays full', () => {
    expect(refuse(11, 11).sent).toEqual([[6240, 1040]]);
    expect(refuse(...new Array<number>(10).fill(11)).totals.outRefused).toBe(6);
  });
  it('are counted by peer when there is no way', () => {
    const { io, outbound, counters } = node();
    io.fromDevice.push(fromDevice({ fields, segmentBytes: 4000 }));
    io.refusals.sendmmsg.push(101); // ENETUNREACH
    outbound.pump();
    expect(io.toPeers).toEqual([]);
    expect([...counters.slice(32 + 8, 32 + 16)]).toEqual([1, 3040, 0, 0, 0, 1, 0, 0]);
  });
});
