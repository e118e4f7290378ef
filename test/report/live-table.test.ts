import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { neighbourKind } from '../../src/kinds/neighbour.js';
import { route, routeKind } from '../../src/kinds/route.js';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import { type Lease, leaseKey } from '../../src/model/lease.js';
import type { Mac } from '../../src/model/mac.js';
import { type LiveRow, liveRows } from '../../src/report/live-rows.js';
import { type LiveState, liveFrame } from '../../src/report/live-table.js';
import type { WatchStatus } from '../../src/report/watch-status.js';
import { viewOf } from '../telemetry/view.js';

const NOW = Date.UTC(2026, 10, 23, 1, 2, 3);
const status: WatchStatus = {
  format_version: '1.0',
  kind: 'flan.watch-status',
  flan: '9.9.9',
  process: { pid: 7, started: '1' },
  startedAtMs: NOW - 60_000,
  ready: true,
  why: 'the node does its part',
  run: {
    about: { node: 'node-a', backend: 'vxlan', store: 'etcd', networks: ['10.244.0.0/16'] },
    lease: {
      key: '10.244.1.0-24',
      subnets: ['10.244.1.0/24'],
      addresses: ['192.168.10.1'],
      expiresAtMs: NOW + 3_600_000,
    },
    peers: { total: 2, failing: { count: 0, first: [] }, leftOut: { count: 1, first: [] } },
    objects: 7,
    failing: { count: 0, first: [] },
  },
  store: { state: 'connected', sinceMs: NOW - 60_000 },
  drift: { detected: 2, repaired: 2 },
};
const row = (name: string, more: Partial<LiveRow> = {}): LiveRow => ({
  name,
  subnets: ['10.244.2.0/24'],
  addresses: ['192.168.10.2'],
  backend: 'vxlan',
  counts: { route: { desired: 1, inPlace: 1 }, fdb: { desired: 1, inPlace: 1 } },
  state: 'in place',
  drifts: 0,
  sinceMs: NOW - 5000,
  ...more,
});
const state = (more: Partial<LiveState> = {}): LiveState => ({
  ...{ nowMs: NOW, status, rows: [row('node-b')], events: [], mode: 'live', help: 'hidden', skipped: 0 },
  ...more,
});

describe('the frame', () => {
  it('shows header, peers, events and keys', () => {
    const lacking = row('node-c', {
      counts: { route: { desired: 2, inPlace: 1 }, neigh: { desired: 1, inPlace: 1 } },
      ...{ state: 'lacking', drifts: 3, changedMs: NOW - 2000 },
    });
    const events = [{ atMs: NOW, level: 'warn', words: 'drift route/main/10.244.2.0/24 was deleted' }] as const;
    const frame = liveFrame(state({ rows: [lacking, row('node-b')], events }), { columns: 110, lines: 16 });
    expect(frame.map((line) => line.trimEnd()).join('\n')).toMatchInlineSnapshot(`
      "node-a  vxlan · 10.244.0.0/16  ✓ ready  up 1 min  flan 9.9.9
      store  connected for 1 min  etcd
      lease  10.244.1.0/24 through 192.168.10.1, for 1 h 0 min unless renewed
      peers  2 in use, 1 lacking, 1 left out · 7 objects, 0 failing · drift 2, repaired 2

      NODE    SUBNET         ADDRESS       BACKEND  ROUTE  NEIGH  FDB  DRIFT  CHANGED  AGE
      node-c  10.244.2.0/24  192.168.10.2  vxlan    ✕ 1/2  ✓      -    3      2 s ago  5 s
      node-b  10.244.2.0/24  192.168.10.2  vxlan    ✓      -      ✓    0      -        5 s



      events
      01:02:03  drift route/main/10.244.2.0/24 was deleted


      q quit   p pause   r read again   ? help"
    `);
  });

  it('never leaves the screen, whatever its size and whatever names come', () => {
    const name = fc.string({ unit: 'binary', maxLength: 80 });
    const rows = fc.array(fc.record({ name, address: name }), { maxLength: 30 });
    fc.assert(
      fc.property(
        rows,
        name,
        fc.nat(200),
        fc.nat(60),
        fc.nat(40),
        fc.boolean(),
        (peers, words, columns, lines, skipped, asks) => {
          const frame = liveFrame(
            state({
              rows: peers.map((peer) => row(peer.name, { addresses: [peer.address] })),
              events: [{ atMs: NOW, level: 'info', words }],
              help: asks ? 'shown' : 'hidden',
              skipped,
            }),
            { columns, lines },
          );
          expect(frame.length).toBeLessThanOrEqual(lines);
          for (const line of frame) {
            expect(line.length).toBeLessThanOrEqual(columns);
            // biome-ignore lint/suspicious/noControlCharactersInRegex: none may come through
            expect(line).not.toMatch(/[\x00-\x1f\x7f-\x9f]/);
          }
        },
      ),
    );
  });

  it('colours words without counting the colours', () => {
    const red = (text: string): string => `<red>${text}</red>`;
    const same = (text: string): string => text;
    const paint = { bold: same, dim: same, green: same, yellow: same, cyan: same, red };
    const frame = liveFrame(state({ status: { ...status, ready: false } }), { columns: 45, lines: 20, paint });
    expect(frame[0]).toBe('node-a  vxlan · 10.244.0.0/16  <red>✕ not ready</red>  u');
  });
});

it('rows tell for each peer what is there of what should be, those that lack something first', () => {
  const lease = (n: number): Lease => {
    const subnet = parsePrefix(`10.244.${n}.0/24`);
    const publicIp = parseAddress(`192.168.10.${n}`);
    return { key: leaseKey({ ipv4: subnet }), node: `node-${n}`, backendType: '', ipv4: { subnet, publicIp } };
  };
  const peers = [lease(2), lease(10), lease(3)];
  const objects = peers.flatMap(({ node, ipv4 }) => {
    const made = route({ dst: parsePrefix(ipv4?.subnet ?? ''), dev: 'eth0' });
    const mac = '02:00:00:00:00:01' as Mac;
    const near = {
      kind: 'neighbour',
      dev: 'x',
      address: parseAddress(ipv4?.publicIp ?? ''),
      mac,
      permanent: true,
      proto: 70,
    } as const;
    const because = `lease of ${node}`;
    return [
      { key: routeKind.key(made), resource: made, because },
      { key: neighbourKind.key(near), resource: near, because },
    ];
  });
  const last = objects.at(-1)?.key;
  const rows = liveRows(
    viewOf({
      peers: () => peers,
      desired: () => new Map(objects.map(({ key, ...wanted }) => [key, wanted])),
      observed: () => new Map(objects.slice(1).map(({ key, resource }) => [key, resource])),
      failing: () => new Map(last === undefined ? [] : [[last, new FlanError('E_NETLINK', 'no')]]),
    }),
    (reason) => ({ drifts: reason.endsWith('-10') ? 4 : 0, sinceMs: 1 }),
  );
  expect(rows.map(({ name, state: is, drifts, counts }) => [name, is, drifts, counts.route, counts.neigh])).toEqual([
    ['node-2', 'lacking', 0, { desired: 1, inPlace: 0 }, { desired: 1, inPlace: 1 }],
    ['node-3', 'lacking', 0, { desired: 1, inPlace: 1 }, { desired: 1, inPlace: 0 }],
    ['node-10', 'in place', 4, { desired: 1, inPlace: 1 }, { desired: 1, inPlace: 1 }],
  ]);
});
