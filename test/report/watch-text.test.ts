import { describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { kinds } from '../../src/kinds/index.js';
import type { Route } from '../../src/kinds/route.js';
import { parsePrefix } from '../../src/model/ip.js';
import { type Lease, leaseKey } from '../../src/model/lease.js';
import type { WatchEvent } from '../../src/reconcile/events.js';
import { watchLine } from '../../src/report/watch-text.js';
import { HOSTILE, someRoute, tagged, withoutTags } from './fixtures.js';

const subnet = parsePrefix('10.244.1.0/24');
const lease: Lease = { key: leaseKey({ ipv4: subnet }), backendType: 'host-gw', ipv4: { subnet } };
const error = new FlanError('E_NETLINK', 'the kernel refused', { hint: 'Ask it why.' });
const key = kinds.key(someRoute());
const foreign: Route = { ...someRoute(), proto: 3 };
const applied = { action: 'create', key, reason: 'lease of node-b' } as const;

/** Every event there is: the table does not compile when one is missing. */
const LINES: { readonly [T in WatchEvent['type']]: readonly (readonly [Extract<WatchEvent, { type: T }>, string])[] } =
  {
    lease: [[{ type: 'lease', lease, why: 'held' }, 'lease 10.244.1.0/24 held']],
    waiting: [[{ type: 'waiting', error }, 'waiting: the kernel refused (Ask it why.)']],
    'lease-lost': [[{ type: 'lease-lost', error }, 'lease lost: the kernel refused']],
    ready: [
      [
        { type: 'ready', peers: 3, resources: 4, failed: 0, tookMs: 12.6 },
        'ready: 3 peers, 4 objects in place after 13 ms',
      ],
      [
        { type: 'ready', peers: 3, resources: 4, failed: 1, tookMs: 0.44 },
        'ready: 3 peers, 4 objects in place after 0.4 ms, 1 failed',
      ],
    ],
    applied: [
      [
        { type: 'applied', changes: [applied], tookMs: 1 },
        'applied in 1.0 ms: + create route/main/10.244.2.0/24 (lease of node-b)',
      ],
      [
        { type: 'applied', changes: [...Array(5).fill(applied), { ...applied, action: 'delete' }], tookMs: 1 },
        'applied in 1.0 ms: 5 × create, 1 × delete',
      ],
    ],
    failed: [
      [{ type: 'failed', key, error, more: 0 }, 'failed route/main/10.244.2.0/24: the kernel refused'],
      [{ type: 'failed', key, error, more: 2 }, 'failed route/main/10.244.2.0/24: the kernel refused (and 2 more)'],
    ],
    drift: [
      [{ type: 'drift', drift: { key, what: 'deleted' } }, 'drift route/main/10.244.2.0/24 was deleted'],
      [
        { type: 'drift', drift: { key, what: 'changed', now: someRoute(), by: 'routing protocol 3' } },
        'drift route/main/10.244.2.0/24 was changed to via 192.168.10.2 dev eth0 by routing protocol 3',
      ],
    ],
    healed: [[{ type: 'healed', key, tookMs: 0.57 }, 'healed route/main/10.244.2.0/24 in 0.6 ms']],
    fight: [
      [
        { type: 'fight', key, times: 8, by: 'routing protocol 3' },
        'fight route/main/10.244.2.0/24 was changed back 8 times by routing protocol 3: waiting',
      ],
    ],
    conflict: [
      [
        {
          type: 'conflict',
          conflict: { key, before: foreign, after: someRoute(), fields: ['proto'], reason: '' },
        },
        'conflict route/main/10.244.2.0/24: something foreign stands there (proto 3 → 70)',
      ],
    ],
    resync: [[{ type: 'resync', why: 'periodic resync', tookMs: 3 }, 'resync (periodic resync) in 3.0 ms']],
    peer: [[{ type: 'peer', change: 'removed', lease: 'node-b' }, 'peer node-b removed']],
    quarantined: [
      [{ type: 'quarantined', entry: 'leases/x.yaml', error }, 'left out leases/x.yaml: the kernel refused'],
    ],
    held: [
      [
        { type: 'held', what: 'peers', would: 9, of: 10, holdMs: 60_000 },
        'held: the leases would remove 9 of 10 peers; waiting 60 s',
      ],
    ],
    store: [
      [{ type: 'store', state: 'connected' }, 'store connected'],
      [
        { type: 'store', state: 'disconnected', error, retryInMs: 500 },
        'store disconnected, next try in 500 ms: the kernel refused',
      ],
    ],
    host: [[{ type: 'host', what: 'link eth0 changed' }, 'host: link eth0 changed']],
    warning: [
      [
        { type: 'warning', warning: { code: 'W_IFACE_DOWN', message: 'eth0 is down' } },
        'warning eth0 is down (W_IFACE_DOWN)',
      ],
    ],
    reload: [
      [{ type: 'reload', result: 'unchanged', changed: [] }, 'reload: nothing changed'],
      [{ type: 'reload', result: 'taken', changed: ['network', 'ipMasq'] }, 'reload: network, ipMasq'],
      [
        { type: 'reload', result: 'refused', error },
        'reload refused, everything goes on as it was: the kernel refused',
      ],
    ],
    dumped: [[{ type: 'dumped', path: '/run/flan/state.json' }, 'state written to /run/flan/state.json']],
    'pending-confirm': [
      [
        { type: 'pending-confirm', checkpoint: 'c1', deadlineMs: 0 },
        'waiting for flan confirm of c1, until 1970-01-01T00:00:00.000Z',
      ],
    ],
    'rolled-back': [
      [
        { type: 'rolled-back', checkpoint: 'c1', why: 'nobody confirmed it in time', undone: 2, left: 0 },
        'rolled back c1 (nobody confirmed it in time): 2 undone',
      ],
      [
        { type: 'rolled-back', checkpoint: 'c1', why: 'asked for', undone: 1, left: 1 },
        'rolled back c1 (asked for): 1 undone, 1 could NOT be undone',
      ],
    ],
    'on-hold': [
      [
        { type: 'on-hold', checkpoint: 'c1', sinceMs: 0, keys: 1 },
        'on hold: 1 change as rolled back with c1, until flan resume',
      ],
      [
        { type: 'on-hold', checkpoint: 'c1', sinceMs: 0, keys: 3 },
        'on hold: 3 changes as rolled back with c1, until flan resume',
      ],
    ],
    resumed: [[{ type: 'resumed', why: 'the hold was ended' }, 'resumed: the hold was ended']],
    spared: [
      [
        { type: 'spared', mode: 'warn', changes: [applied] },
        'left as it is (mode warn): + create route/main/10.244.2.0/24 (lease of node-b)',
      ],
    ],
    stopped: [[{ type: 'stopped', why: 'asked to' }, 'stopped: asked to; everything stays in place']],
  };

const all = Object.values(LINES).flat() as readonly (readonly [WatchEvent, string])[];

describe('events of watch as lines', () => {
  it.each(all.map(([event, line]) => [event.type, event, line] as const))('%s', (_type, event, line) => {
    expect(watchLine(event)).toBe(line);
    expect(withoutTags(watchLine(event, tagged) ?? '')).toBe(line);
  });

  it('stay one line whatever others call themselves', () => {
    const hostile = new FlanError('E_LEASE', HOSTILE, { hint: HOSTILE });
    const events: readonly WatchEvent[] = [
      { type: 'peer', change: 'changed', lease: HOSTILE },
      { type: 'quarantined', entry: HOSTILE, error: hostile },
      { type: 'waiting', error: hostile },
      { type: 'store', state: 'disconnected', error: hostile, retryInMs: 1 },
      { type: 'applied', changes: [{ ...applied, reason: HOSTILE }], tookMs: 1 },
      { type: 'warning', warning: { code: 'W_PEER_BACKEND', message: HOSTILE } },
    ];
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
    for (const event of events) expect(watchLine(event)).not.toMatch(/[\x00-\x1f\x7f-\x9f\u202e]/);
  });
});
