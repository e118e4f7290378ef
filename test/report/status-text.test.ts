import { describe, expect, it } from 'vitest';
import { bytesWords } from '../../src/report/bytes-words.js';
import { judge, type Look, type StatusDocument } from '../../src/report/status-document.js';
import { statusText } from '../../src/report/status-text.js';
import type { WatchStatus } from '../../src/report/watch-status.js';

const NOW = Date.UTC(2026, 10, 23, 1, 0, 0);
const summary = {
  ...{ create: 0, update: 0, replace: 0, adopt: 0, delete: 0 },
  ...{ unchanged: 7, conflicts: 0, foreign: 2 },
};
const lease = {
  key: '10.244.1.0-24',
  subnets: ['10.244.1.0/24'],
  addresses: ['192.168.10.1'],
  expiresAtMs: NOW + 82_800_000,
};
const look: Extract<Look, { state: 'taken' }> = {
  state: 'taken',
  ...{ backend: 'wireguard', store: 'etcd http://10.0.0.1:2379', networks: ['10.244.0.0/16'] },
  external: [{ family: 4, dev: 'eth0', address: '192.168.10.1', publicIp: '192.168.10.1', rule: 'default route' }],
  ...{ lease, peers: 3, leftOut: [], warnings: [], summary, changes: [] },
};
const failed: Look = { state: 'failed', code: 'E_STORE_UNREACHABLE', message: 'no answer' };
const watch: WatchStatus & { aliveAtMs: number } = {
  format_version: '1.0',
  kind: 'flan.watch-status',
  flan: '9.9.9',
  process: { pid: 7, started: '1' },
  ...{ startedAtMs: NOW - 7_200_000, aliveAtMs: NOW - 3000, ready: true, why: 'the node does its part' },
  run: {
    about: { node: 'node-a', backend: 'wireguard', store: 'etcd http://10.0.0.1:2379', networks: ['10.244.0.0/16'] },
    lease,
    peers: { total: 3, failing: { count: 0, first: [] }, leftOut: { count: 0, first: [] } },
    objects: 7,
    failing: { count: 0, first: [] },
  },
  store: { state: 'connected', sinceMs: NOW - 7_000_000 },
  drift: { detected: 0, repaired: 0 },
};
const failing = (count: number): Partial<WatchStatus> =>
  watch.run === undefined ? {} : { run: { ...watch.run, failing: { count, first: [] } } };

const guard = { sinceMs: NOW - 18_000, untilMs: NOW + 42_000, would: 9, of: 10 };

describe('the judgement', () => {
  const base = { atMs: NOW, look, watch };
  it.each<[string, Parameters<typeof judge>[0], string, readonly string[]]>([
    ['all is well', base, 'in order', []],
    ['nobody watches, but all is in place', { atMs: NOW, look }, 'in order', []],
    [
      'nobody watches what needs it',
      { atMs: NOW, look: { ...look, needsWatch: 'backend udp carries packets in flan watch' } },
      'not in order',
      ['backend udp carries packets in flan watch, and it does not run'],
    ],
    [
      'peers are gone all at once',
      { ...base, watch: { ...watch, guard: { ...guard, what: 'peers' } } },
      'not in order',
      ['the store says that 9 of 10 peers are gone: flan watch keeps them, and believes it in 42 s'],
    ],
    [
      'an empty store was found at the start',
      { ...base, watch: { ...watch, guard: { ...guard, what: 'objects' } } },
      'not in order',
      [
        'the store says that 9 of 10 objects on this host belong to nobody any more: flan watch keeps them, and believes it in 42 s',
      ],
    ],
    [
      'the daemon was stopped',
      { ...base, watch: { ...watch, aliveAtMs: NOW - 61_000 } },
      'not in order',
      ['flan watch (pid 7) has shown no life for 61 s'],
    ],
    [
      'the daemon starts',
      { ...base, watch: { ...watch, ready: false, why: 'starting' } },
      'not in order',
      ['flan watch is not ready: starting'],
    ],
    [
      'the store is away',
      {
        ...base,
        look: failed,
        watch: { ...watch, store: { state: 'disconnected', sinceMs: NOW, message: 'refused' } },
      },
      'not in order',
      ['the store is away: refused', 'nothing could be looked at: no answer'],
    ],
    ['nothing can be asked', { atMs: NOW, look: failed }, 'unknown', ['nothing could be looked at: no answer']],
    [
      'things are to be done',
      { ...base, look: { ...look, summary: { ...summary, create: 1, delete: 1, conflicts: 1 } } },
      'not in order',
      ['2 changes are to be made', "1 of others' objects stand in the way"],
    ],
    ['one object fails', { ...base, watch: { ...watch, ...failing(1) } }, 'not in order', ['1 object cannot be made']],
    [
      'no lease is held',
      { atMs: NOW, look: withoutLease() },
      'not in order',
      ['this node holds no lease', '1 change is to be made'],
    ],
    [
      'an apply waits',
      { ...base, pending: { id: 'x', state: 'pending' } },
      'not in order',
      ['the last apply waits to be confirmed (x)'],
    ],
    [
      'something is held back',
      { ...base, onHold: { id: 'x', sinceMs: NOW, objects: 2 } },
      'not in order',
      ['2 objects are held back since x was rolled back: flan resume ends that'],
    ],
  ])('%s', (_, input, state, problems) => {
    expect(judge(input)).toEqual({ state, problems });
  });

  function withoutLease(): Look {
    const { lease: _, ...rest } = look;
    return { ...rest, summary: { ...summary, create: 1 } };
  }
});

it('the screen tells all of it, and no name writes lines of its own', () => {
  const known = {
    atMs: NOW,
    look,
    watch: { ...watch, drift: lastDrift() },
    pending: { id: 'c1', state: 'pending', deadlineMs: NOW + 90_000 },
  };
  const document: StatusDocument = {
    ...{ format_version: '1.0', kind: 'flan.status', node: 'node-a' },
    ...judge(known),
    ...known,
    look: {
      ...look,
      summary: { ...summary, create: 1 },
      changes: [{ action: 'create', key: 'route/main/10.244.9.0/24' }],
      leftOut: [{ entry: 'leases/evil\n  fake', code: 'E_LEASE', message: 'outside the network' }],
      warnings: [{ code: 'W_MTU', message: 'small' }],
    },
    lock: { state: 'held', holder: 'pid 7 (flan watch)' },
    lastApply: {
      at: new Date(NOW - 60_000).toISOString(),
      ...{ kind: 'apply', by: 'apply', counts: { create: 3 }, changes: [], failed: 0 },
    },
    tunnels: {
      totals: [],
      peers: [
        {
          ...{ dev: 'flannel-wg', peer: 'node-b', publicKey: 'k=', endpoint: '192.168.10.2:51820' },
          ...{ lastHandshakeMs: NOW - 12_000, receivedBytes: 1_300_000, sentBytes: 999 },
        },
        { dev: 'flannel-wg', peer: 'node-c', publicKey: 'l=', receivedBytes: 0, sentBytes: 148 },
        {
          ...{ dev: 'flannel0', peer: 'node-d', receivedBytes: 5, sentBytes: 6 },
          packets: { received: 1, sent: 1, spoofed: 2, sendErrors: 1 },
        },
        {
          ...{ dev: 'ipsec', peer: 'node-e', endpoint: '192.168.10.5:4500', receivedBytes: 7, sentBytes: 8 },
          ...{ state: 'established', establishedMs: NOW - 60_000 },
        },
        { dev: 'ipsec', peer: 'node-f', endpoint: '192.168.10.6', state: 'down', receivedBytes: 0, sentBytes: 0 },
      ],
    },
  };
  expect(statusText(document)).toMatchInlineSnapshot(`
    "node-a  ✕ not in order
      ! the last apply waits to be confirmed (c1)
      backend  wireguard · 10.244.0.0/16
      through  eth0 192.168.10.1 (default route)
      watch    ready, runs for 2 h 0 min (pid 7, flan 9.9.9)
      store    etcd http://10.0.0.1:2379, connected for 1 h 56 min
      lease    10.244.1.0/24 through 192.168.10.1, for 23 h 0 min unless renewed
      peers    3 in use, 1 left out
      kernel   Plan: 1 to create; 7 unchanged; 2 foreign objects left alone.
      drift    2 since it runs, 2 repaired; last 2 min ago: route/main/10.244.2.0/24 was deleted by bird
      applied  1 min ago, by apply: 3 × create
      lock     held by pid 7 (flan watch)
      confirm  c1 is pending, rolled back in 1 min: flan confirm keeps it

    to be done
      create  route/main/10.244.9.0/24

    left out
      leases/evil\\u{a}  fake  outside the network

    warnings
      W_MTU  small

    tunnels
      node-b  flannel-wg  192.168.10.2:51820  heard of 12 s ago      1.2 MiB in  999 B out
      node-c  flannel-wg  -                   never heard of         0 B in      148 B out
      node-d  flannel0    -                                          5 B in      6 B out    3 dropped
      node-e  ipsec       192.168.10.5:4500   established for 1 min  7 B in      8 B out
      node-f  ipsec       192.168.10.6        no SA                  0 B in      0 B out
    "
  `);

  function lastDrift() {
    const last = { atMs: NOW - 120_000, key: 'route/main/10.244.2.0/24', what: 'deleted', by: 'bird' };
    return { detected: 2, repaired: 2, last };
  }
});

it('bytes in words', () => {
  expect([0, 1, 1023, 1024, 1_300_000, 250 * 2 ** 30, 5e15].map(bytesWords)).toEqual([
    '0 B',
    '1 B',
    '1023 B',
    '1.0 KiB',
    '1.2 MiB',
    '250 GiB',
    '4547 TiB',
  ]);
});
