import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Address, overlaps } from '../../src/model/ip.js';
import { type Lease, type LeaseKey, subnetsOf } from '../../src/model/lease.js';
import { type LeaseChange, LeaseTable, type LeaseView } from '../../src/model/lease-table.js';
import { ip, lease, network, stack, V4, V6 } from '../leases/support.js';

const own = lease({ v4: '10.3.1.0/24', ip: '1.1.1.1', node: 'node-a', nodeId: 'id-a' });
const view = (over: Partial<LeaseView> = {}): LeaseView => ({
  network: network(),
  own: { nodeId: 'id-a', lease: own },
  hostAddresses: [ip('1.1.1.1')],
  nobodysAddresses: [],
  ...over,
});
const peer = (n: number, over: Parameters<typeof lease>[0] = {}): Lease =>
  lease({ v4: `10.3.${n}.0/24`, ip: `1.1.1.${n}`, node: `n${n}`, nodeId: `i${n}`, ...over });
const put = (one: Lease): LeaseChange => ({ type: 'put', lease: one });
const snapshot = (...leases: readonly Lease[]): LeaseChange => ({ type: 'snapshot', leases });
const keys = (table: LeaseTable) =>
  table
    .admitted()
    .map((one) => one.key)
    .sort();
const reasons = (table: LeaseTable) =>
  table
    .quarantined()
    .map((q) => `${q.lease.key} ${q.reason}`)
    .sort();

describe('peers', () => {
  test('come, change and go', () => {
    const table = new LeaseTable(view());
    expect(table.absorb(snapshot(peer(2), peer(3))).changed).toEqual(['10.3.2.0-24', '10.3.3.0-24']);
    expect(table.absorb(put(peer(4))).changed).toEqual(['10.3.4.0-24']);
    expect(table.absorb(put(peer(3, { ip: '1.1.1.33' }))).changed).toEqual(['10.3.3.0-24']);
    expect(table.get('10.3.3.0-24' as LeaseKey)?.ipv4?.publicIp).toBe('1.1.1.33');
    expect(table.absorb({ type: 'delete', key: '10.3.2.0-24' as LeaseKey }).changed).toEqual(['10.3.2.0-24']);
    expect(keys(table)).toEqual(['10.3.3.0-24', '10.3.4.0-24']);
  });

  test('a renewal or another origin is no change', () => {
    const table = new LeaseTable(view());
    table.absorb(put(peer(2)));
    expect(table.absorb(put({ ...peer(2), expiresAtMs: 5, origin: 'etcd revision 9' })).changed).toEqual([]);
    expect(table.absorb(put({ ...peer(2), backendType: 'vxlan' })).changed).toEqual(['10.3.2.0-24']);
  });

  test('a snapshot is compared by content: only what differs is told', () => {
    const table = new LeaseTable(view());
    table.absorb(snapshot(own, peer(2), peer(3), peer(4)));
    expect(table.absorb(snapshot(own, peer(2), peer(3, { ip: '1.1.1.33' }), peer(5))).changed.toSorted()).toEqual([
      '10.3.3.0-24',
      '10.3.4.0-24',
      '10.3.5.0-24',
    ]);
  });

  test('a rejected entry changes nothing', () => {
    const table = new LeaseTable(view());
    table.absorb(snapshot(peer(2)));
    expect(table.absorb({ type: 'reject' })).toEqual({ changed: [], quarantined: [] });
    expect(keys(table)).toEqual(['10.3.2.0-24']);
  });

  test('the half of a family that the network does not have is left out', () => {
    const table = new LeaseTable(view());
    const both = lease({ v4: '10.3.2.0/24', v6: 'fd00:9::/64', ip: '1.1.1.2', ip6: 'fd99::2' });
    table.absorb(put(both));
    expect(table.get(both.key)).toEqual({ ...both, ipv6: undefined });
  });
});

describe('the own lease', () => {
  test('is no peer, by identity or by key, and is held apart', () => {
    const table = new LeaseTable(view());
    const { nodeId: _, node: __, ...anonymous } = own;
    expect(table.absorb(snapshot(own, peer(2))).changed).toEqual(['10.3.2.0-24']);
    expect(table.own()).toEqual([own]);
    expect(table.absorb(put(anonymous)).changed).toEqual([]);
    expect(table.own()).toEqual([anonymous]);
    expect(reasons(table)).toEqual([]);
  });

  test('under our key but another holder: lost, and no peer either', () => {
    const table = new LeaseTable(view());
    table.absorb(put({ ...own, node: 'n9', nodeId: 'i9', ipv4: { subnet: V4own(), publicIp: ip('1.1.1.9') } }));
    expect(table.own()).toEqual([]);
    expect(reasons(table)).toEqual(['10.3.1.0-24 overlaps-own-lease']);
  });

  const V4own = () => subnetsOf(own)[0] ?? V4.network;
});

describe('quarantine', () => {
  const dual = network({ ipv4: V4, ipv6: V6 });
  test.each([
    ['wrong-family', lease({ v6: 'fd00:3:0:2::/64', ip6: 'fd99::2' }), view()],
    ['outside-network', peer(2, { v4: '10.4.2.0/24' }), view()],
    ['outside-network', peer(2, { v6: 'fd01::/64', ip6: 'fd99::2' }), view({ network: dual })],
    ['no-public-address', lease({ v4: '10.3.2.0/24', nodeId: 'x' }), view()],
    ['unusable-public-address', peer(2, { ip: '127.0.0.1' }), view()],
    ['unusable-public-address', peer(2, { ip: '224.0.0.1' }), view()],
    ['unusable-public-address', peer(2, { ip: '10.3.2.7' }), view()],
    ['unusable-public-address', peer(2, { ip: '1.1.1.1' }), view()],
    ['unusable-public-address', peer(2, { ip: '10.3.9.9' }), view()],
    [
      'unusable-public-address',
      peer(2, { ip: '1.1.1.255' }),
      view({ nobodysAddresses: [ip('1.1.1.0'), ip('1.1.1.255')] }),
    ],
    ['covers-host-address', peer(2), view({ hostAddresses: [ip('10.3.2.9')] })],
    ['overlaps-own-lease', peer(2, { v4: '10.3.0.0/23' }), view()],
  ])('%s: %o', (reason, bad, at) => {
    const table = new LeaseTable(at);
    const delta = table.absorb(snapshot(bad, peer(7)));
    expect(delta.quarantined).toEqual([expect.objectContaining({ reason, lease: bad, detail: expect.any(String) })]);
    expect(keys(table)).toEqual(['10.3.7.0-24']);
    expect(table.absorb(snapshot(bad, peer(7))).quarantined).toEqual([]);
  });

  test('a reservation is neither a peer nor at fault, and pushes nobody out', () => {
    const table = new LeaseTable(view());
    table.absorb(snapshot(lease({ v4: '10.3.0.0/22' }), peer(2)));
    expect(keys(table)).toEqual(['10.3.2.0-24']);
    expect(reasons(table)).toEqual([]);
  });

  test('one corrected is admitted', () => {
    const table = new LeaseTable(view());
    table.absorb(put(peer(2, { ip: '127.0.0.1' })));
    expect(table.absorb(put(peer(2)))).toEqual({ changed: ['10.3.2.0-24'], quarantined: [] });
    expect(reasons(table)).toEqual([]);
  });
});

describe('overlapping peers', () => {
  test('the wide one gives way, and comes in when the last inside it goes', () => {
    const table = new LeaseTable(view());
    const wide = peer(9, { v4: '10.3.4.0/22' });
    table.absorb(put(wide));
    expect(keys(table)).toEqual([wide.key]);
    expect(table.absorb(put(peer(5))).changed.toSorted()).toEqual(['10.3.4.0-22', '10.3.5.0-24']);
    expect(table.absorb(put(peer(6))).changed).toEqual(['10.3.6.0-24']);
    expect(reasons(table)).toEqual(['10.3.4.0-22 overlaps-other-lease']);
    table.absorb({ type: 'delete', key: peer(5).key });
    expect(keys(table)).toEqual(['10.3.6.0-24']);
    expect(table.absorb({ type: 'delete', key: peer(6).key }).changed.toSorted()).toEqual([
      '10.3.4.0-22',
      '10.3.6.0-24',
    ]);
    expect(keys(table)).toEqual([wide.key]);
  });

  test('a node going dual-stack: the new lease counts while the old one is still there', () => {
    const table = new LeaseTable(view({ network: network({ ipv4: V4, ipv6: V6 }) }));
    const now = peer(2, { v6: 'fd00:3:0:2::/64', ip6: 'fd99::2' });
    table.absorb(put(peer(2)));
    expect(table.absorb(put(now)).changed.toSorted()).toEqual([peer(2).key, now.key].sort());
    expect(keys(table)).toEqual([now.key]);
    expect(table.absorb({ type: 'delete', key: peer(2).key }).changed).toEqual([]);
  });

  test('what gives way to one that gives way itself is admitted', () => {
    const table = new LeaseTable(view());
    const [widest, wide] = [peer(9, { v4: '10.3.8.0/21' }), peer(8, { v4: '10.3.12.0/22' })];
    table.absorb(snapshot(widest, wide));
    // Both are irregular, so the lower key counts: 10.3.12.0-22 before 10.3.8.0-21.
    expect(keys(table)).toEqual([wide.key]);
    table.absorb(put(peer(13)));
    expect(keys(table)).toEqual(['10.3.13.0-24']);
  });
});

describe('another view', () => {
  test('a host address that comes and goes', () => {
    const table = new LeaseTable(view());
    table.absorb(snapshot(peer(2), peer(3)));
    const delta = table.look(view({ hostAddresses: [ip('10.3.2.1'), ip('1.1.1.3')] }));
    expect(delta.changed.toSorted()).toEqual(['10.3.2.0-24', '10.3.3.0-24']);
    expect(reasons(table)).toEqual(['10.3.2.0-24 covers-host-address', '10.3.3.0-24 unusable-public-address']);
    expect(table.look(view()).changed.toSorted()).toEqual(['10.3.2.0-24', '10.3.3.0-24']);
  });

  test('the own lease is acquired, then another', () => {
    const table = new LeaseTable(view({ own: { nodeId: 'id-a' } }));
    table.absorb(snapshot(peer(1, { ip: '1.1.1.21' }), peer(2)));
    expect(table.look(view()).changed).toEqual(['10.3.1.0-24']);
    const moved = { ...own, ...lease({ v4: '10.3.2.0/24' }) };
    expect(table.look(view({ own: { nodeId: 'id-a', lease: moved } })).changed).toEqual(['10.3.1.0-24', '10.3.2.0-24']);
    expect(keys(table)).toEqual(['10.3.1.0-24']);
  });

  test('another network', () => {
    const table = new LeaseTable(view());
    table.absorb(snapshot(peer(2)));
    const other = network({ ipv4: stack('10.4.0.0/16', 24, '10.4.1.0', '10.4.255.0') });
    expect(table.look(view({ network: other })).changed).toEqual(['10.3.2.0-24']);
    expect(reasons(table)).toEqual(['10.3.2.0-24 outside-network']);
  });
});

describe('for all leases', () => {
  const anyLease = fc
    .record({
      n: fc.nat(15),
      len: fc.constantFrom(24, 24, 24, 22, 23, 25, 20),
      v6: fc.option(fc.record({ n: fc.nat(7), len: fc.constantFrom(64, 64, 62, 60) }), { nil: undefined }),
      host: fc.nat(7),
      held: fc.boolean(),
    })
    .map(({ n, len, v6, host, held }) =>
      lease({
        v4: `10.3.${n}.0/${len}`,
        ...(v6 && { v6: `fd00:3:0:${v6.n}::/${v6.len}`, ip6: `fd99::${host}` }),
        ...(held && { ip: `1.1.1.${host}`, nodeId: `i${host}` }),
      }),
    );
  const distinct = fc.uniqueArray(anyLease, { selector: (one) => one.key, maxLength: 14 });
  const views = fc
    .record({
      ownThere: fc.boolean(),
      hosts: fc.subarray(['10.3.5.1', '1.1.1.1', '1.1.1.4', '10.3.9.9', 'fd00:3:0:2::1']),
    })
    .map(({ ownThere, hosts }) =>
      view({
        network: network({ ipv4: V4, ipv6: V6 }),
        own: { nodeId: 'id-a', ...(ownThere && { lease: own }) },
        hostAddresses: hosts.map((text): Address => ip(text)),
        nobodysAddresses: hosts.slice(1).map((text): Address => ip(text)),
      }),
    );
  const state = (table: LeaseTable) => ({
    admitted: [...table.admitted()].sort((a, b) => (a.key < b.key ? -1 : 1)),
    quarantined: reasons(table),
  });

  test('whatever the way there, the same leases give the same result, and no two admitted ones overlap', () => {
    const noise = fc.array(anyLease, { maxLength: 6 });
    fc.assert(
      fc.property(distinct, noise, views, views, fc.func(fc.integer()), (leases, others, first, last, order) => {
        const fresh = new LeaseTable(last);
        fresh.absorb(snapshot(...leases));
        const table = new LeaseTable(first);
        table.absorb(snapshot(...others));
        const wanted = new Set(leases.map((one) => one.key));
        const shuffled = leases.toSorted((a, b) => order(a.key) - order(b.key));
        for (const [i, one] of shuffled.entries()) {
          table.absorb(put(one));
          if (i === Math.floor(shuffled.length / 2)) table.look(last);
        }
        for (const one of others) if (!wanted.has(one.key)) table.absorb({ type: 'delete', key: one.key });
        table.look(last);
        expect(state(table)).toEqual(state(fresh));
        const admitted = table.admitted();
        for (const [i, a] of admitted.entries()) {
          for (const b of admitted.slice(i + 1)) {
            expect(subnetsOf(a).some((x) => subnetsOf(b).some((y) => overlaps(x, y)))).toBe(false);
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  test('who only listens to the deltas knows what the table knows', () => {
    const change = fc.oneof(
      anyLease.map((one): LeaseChange => put(one)),
      anyLease.map((one): LeaseChange => ({ type: 'delete', key: one.key })),
      distinct.map((leases): LeaseChange => snapshot(...leases)),
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(change, views), { maxLength: 25 }), (steps) => {
        const table = new LeaseTable(view());
        const heard = new Map<LeaseKey, Lease>();
        for (const step of steps) {
          const { changed } = 'type' in step ? table.absorb(step) : table.look(step);
          expect(new Set(changed).size).toBe(changed.length);
          for (const key of changed) {
            const now = table.get(key);
            if (now) heard.set(key, now);
            else heard.delete(key);
          }
          expect([...heard.keys()].sort()).toEqual(keys(table));
        }
      }),
      { numRuns: 300 },
    );
  });
});

test('one event among 20,000 leases, with one that overlaps them all, touches few', () => {
  const big = network({ ipv4: stack('10.0.0.0/8', 24, '10.0.0.0', '10.255.255.0') });
  const nth = (n: number) =>
    lease({ v4: `10.${n >> 8}.${n & 255}.0/24`, ip: `1.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, nodeId: `${n}` });
  const leases = Array.from({ length: 20_000 }, (_, n) => nth(n));
  const table = new LeaseTable(view({ network: big, own: { nodeId: 'id-a' }, hostAddresses: [] }));
  const all = lease({ v4: '10.0.0.0/8', ip: '9.9.9.9', nodeId: 'x' });
  expect(table.absorb(snapshot(all, ...leases)).quarantined.map((q) => q.lease.key)).toEqual([all.key]);
  for (let n = 0; n < 20_000; n += 10) {
    expect(table.absorb({ type: 'delete', key: nth(n).key }).changed).toEqual([nth(n).key]);
    expect(table.absorb(put(nth(n))).changed).toEqual([nth(n).key]);
  }
  expect(table.admitted()).toHaveLength(20_000);
});
