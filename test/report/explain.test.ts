import { describe, expect, it } from 'vitest';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import type { ExplainDocument } from '../../src/report/explain-document.js';
import { pastOf } from '../../src/report/explain-history.js';
import { explainText } from '../../src/report/explain-text.js';
import type { HistoryEntry } from '../../src/report/history-entry.js';

const KEY = 'route/main/10.244.2.0/24';
const at = (minute: number): string => new Date(Date.UTC(2026, 10, 23, 1, minute)).toISOString();
const change = { action: 'create', key: KEY, reason: 'lease of node-b' } as const;
const apply = (minute: number, more: Partial<Extract<HistoryEntry, { kind: 'apply' }>> = {}): HistoryEntry => ({
  ...{ at: at(minute), kind: 'apply', by: 'apply', counts: { create: 1 }, changes: [change], failed: 0 },
  ...more,
});
const drift = (minute: number): HistoryEntry => ({ at: at(minute), kind: 'drift', key: KEY, what: 'deleted' });
const repair = (minute: number): HistoryEntry => ({ at: at(minute), kind: 'repair', key: KEY, tookMs: 1 });

describe('the past of an object', () => {
  it.each<[string, readonly HistoryEntry[], object]>([
    ['nothing is known', [], {}],
    ['others are told of', [{ ...drift(1), key: 'x' } as HistoryEntry], {}],
    ['it was made', [apply(1)], { since: { at: at(1), by: 'apply' } }],
    [
      'it was repaired since',
      [apply(1), drift(2), repair(2)],
      {
        since: { at: at(2), by: 'a repair of watch' },
        drift: { times: 1, last: { at: at(2), words: `${KEY} was deleted` } },
      },
    ],
    [
      'it was one of very many',
      [apply(1), apply(2, { changes: [], others: { delete: ['x'], create: ['y', KEY] } }), apply(3, { changes: [] })],
      { since: { at: at(2), by: 'apply' } },
    ],
    [
      'it is drifting and nobody repairs',
      [drift(3), drift(4)],
      { drift: { times: 2, last: { at: at(4), words: `${KEY} was deleted` } } },
    ],
  ])('%s', (_, history, past) => {
    expect(pastOf(KEY, history)).toEqual(past);
  });
});

it('an explanation tells every state of an object, and no name writes lines of its own', () => {
  const entry = { dst: parsePrefix('10.244.2.128/25'), type: 'unicast', table: 254, proto: 4, metric: 20 };
  const document: ExplainDocument = {
    ...{ format_version: '1.0', kind: 'flan.explain', atMs: Date.UTC(2026, 10, 23, 1, 30) },
    ...{ asked: '10.244.2.200', node: 'node-a', backend: 'vxlan', state: 'not in order' },
    problems: ['something'],
    is: 'an address in the subnet of node-b\u001b[31m',
    lease: {
      ...{
        key: '10.244.2.0-24',
        role: 'peer',
        name: 'node-b',
        subnets: ['10.244.2.0/24'],
        addresses: ['192.168.10.2'],
      },
      ...{ backendType: 'vxlan', expiresAtMs: Date.UTC(2026, 10, 23, 1, 0), origin: 'etcd revision 7' },
    },
    kernel: {
      address: '10.244.2.200',
      answer: { state: 'way', dev: 'eth0', via: parseAddress('192.168.10.66'), entry },
      wanted: KEY,
    },
    objects: [
      {
        key: KEY,
        state: 'in place',
        desired: 'via a',
        because: 'lease of node-b',
        ...pastOf(KEY, [apply(1), drift(2)]),
      },
      { key: 'neighbour/x/1', state: 'missing', desired: 'lladdr m' },
      { key: 'fdb/x/m', state: 'differs', desired: 'dst a', observed: 'dst b' },
      { key: 'link/x', state: 'foreign', desired: 'vni 1', observed: 'vni 2' },
      {
        key: 'route/main/x',
        state: 'stale',
        observed: 'via c',
        since: { at: at(5), by: 'watch' },
      },
    ],
  };
  expect(explainText(document)).toMatchInlineSnapshot(`
    "10.244.2.200  ✕ not in order
      ! something
      is         an address in the subnet of node-b\\u{1b}[31m
      lease      peer, 10.244.2.0/24 through 192.168.10.2, expired 30 min ago
      backend    vxlan
      read from  etcd revision 7
      kernel     to 10.244.2.200: via 192.168.10.66 dev eth0, by 10.244.2.128/25 (table 254, proto 4, metric 20)
      should     follow route/main/10.244.2.0/24

    objects
      ✓ route/main/10.244.2.0/24  in place  via a
          because: lease of node-b
          last written 29 min ago by apply (2026-11-23T01:01:00.000Z)
          changed by others once 28 min ago
      + neighbour/x/1  missing  lladdr m
          written before the history begins, or never
      ~ fdb/x/m  differs  dst b, should be dst a
          written before the history begins, or never
      ! link/x  foreign  vni 2, should be vni 1
          written before the history begins, or never
      - route/main/x  stale  via c
          last written 25 min ago by watch (2026-11-23T01:05:00.000Z)
    "
  `);
  const none = { ...document, kernel: { address: 'x', answer: { state: 'no way', refusal: 'ENETUNREACH' } } } as const;
  expect(explainText(none)).toContain('to x: no way (ENETUNREACH)');
});
