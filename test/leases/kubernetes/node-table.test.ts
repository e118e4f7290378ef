import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { annotationNames } from '../../../src/leases/kubernetes/annotations.js';
import { leaseOfNode } from '../../../src/leases/kubernetes/node.js';
import { type NodeEntry, nodeTable } from '../../../src/leases/kubernetes/node-table.js';
import type { LeaseEvent } from '../../../src/leases/store.js';
import type { Lease, LeaseKey } from '../../../src/model/lease.js';

const names = annotationNames();

interface Written {
  readonly name: string;
  readonly subnet: number;
  readonly ip: string;
  readonly v6?: string;
  readonly member?: 'no';
  readonly uid?: string;
}

let version = 0;
function entry({ name, subnet, ip, v6, member, uid = name }: Written): NodeEntry {
  const resourceVersion = String(++version);
  const annotations: Record<string, string> = {
    [names.member]: member === 'no' ? 'false' : 'true',
    [names.publicIp]: ip,
    ...(v6 && { [names.publicIpv6]: v6 }),
  };
  const podCIDRs = subnet === 0 ? [] : [`10.244.${subnet}.0/24`, ...(v6 ? [`fd00:${subnet}::/64`] : [])];
  const record = { name, uid, resourceVersion, annotations, podCIDRs };
  return { name, uid, resourceVersion, lease: leaseOfNode(record, names, [4, 6]) };
}

const a1: Written = { name: 'a', subnet: 1, ip: '192.0.2.1' };

describe('Nodes as leases', () => {
  test('a heartbeat says nothing, in whatever family a change is it is told', () => {
    const table = nodeTable();
    const both: Written = { ...a1, v6: '2001:db8::1' };
    table.absorb({ type: 'snapshot', items: [entry(both)] });
    expect(table.absorb({ type: 'put', item: entry(both) })).toEqual([]);
    expect(table.absorb({ type: 'put', item: entry({ ...both, v6: '2001:db8::2' }) })).toMatchObject([{ type: 'put' }]);
    expect(table.absorb({ type: 'put', item: entry({ ...both, v6: '2001:db8::2', ip: '192.0.2.2' }) })).toMatchObject([
      { type: 'put' },
    ]);
  });

  test('a changed podCIDR is another lease', () => {
    const table = nodeTable();
    table.absorb({ type: 'snapshot', items: [entry(a1)] });
    expect(table.absorb({ type: 'put', item: entry({ ...a1, subnet: 2 }) })).toMatchObject([
      { type: 'delete', key: '10.244.1.0-24' },
      { type: 'put', lease: { key: '10.244.2.0-24' } },
    ]);
  });

  test.each<[string, Partial<Written>]>([
    ['its annotations', { member: 'no' }],
    ['its podCIDR', { subnet: 0 }],
  ])('a Node that lost %s gave its lease back', (_, change) => {
    const table = nodeTable();
    table.absorb({ type: 'snapshot', items: [entry(a1)] });
    expect(table.absorb({ type: 'put', item: entry({ ...a1, ...change }) })).toEqual([
      { type: 'delete', key: '10.244.1.0-24' },
    ]);
    expect(table.absorb({ type: 'delete', item: entry(a1) })).toEqual([]);
  });

  test('an unreadable Node is told once and keeps its lease, until it is another Node', () => {
    const table = nodeTable();
    table.absorb({ type: 'snapshot', items: [entry(a1)] });
    const broken = { ...a1, ip: 'nowhere' };
    expect(table.absorb({ type: 'put', item: entry(broken) })).toMatchObject([
      { type: 'reject', rejected: { entry: 'Node a' } },
    ]);
    expect(table.absorb({ type: 'put', item: entry(broken) })).toEqual([]);
    expect(table.absorb({ type: 'snapshot', items: [entry(broken)] })).toMatchObject([
      { leases: [{ key: '10.244.1.0-24' }], rejected: [{}] },
    ]);
    expect(table.absorb({ type: 'put', item: entry({ ...broken, uid: 'new' }) })).toEqual([
      { type: 'delete', key: '10.244.1.0-24' },
    ]);
  });

  test('of two Nodes with one podCIDR the first by name has the lease, and the other after it', () => {
    const table = nodeTable();
    const b1 = { ...a1, name: 'b', ip: '192.0.2.9' };
    table.absorb({ type: 'snapshot', items: [entry(b1)] });
    expect(table.absorb({ type: 'put', item: entry(a1) })).toMatchObject([{ type: 'put', lease: { node: 'a' } }]);
    expect(table.absorb({ type: 'put', item: entry({ ...b1, ip: '192.0.2.8' }) })).toMatchObject([
      { type: 'reject', rejected: { entry: 'Node b' } },
    ]);
    expect(table.absorb({ type: 'delete', item: entry(a1) })).toMatchObject([{ type: 'put', lease: { node: 'b' } }]);
  });

  test('whatever happened in whatever order, what was told is what a fresh list tells', () => {
    const written = fc.record({
      name: fc.constantFrom('a', 'b', 'c', 'd'),
      subnet: fc.integer({ min: 0, max: 3 }),
      ip: fc.constantFrom('192.0.2.1', '192.0.2.2'),
      member: fc.option(fc.constant('no' as const), { nil: undefined }),
    });
    const action = fc.record({ type: fc.constantFrom('put', 'delete', 'snapshot'), written });
    fc.assert(
      fc.property(fc.array(action), (actions) => {
        const table = nodeTable();
        const nodes = new Map<string, NodeEntry>();
        const told = new Map<LeaseKey, Lease>();
        for (const {
          type,
          written: { member, ...rest },
        } of actions) {
          const item = entry({ ...rest, ...(member && { member }) });
          if (type === 'delete') nodes.delete(item.name);
          else nodes.set(item.name, item);
          const event =
            type === 'snapshot'
              ? ({ type, items: [...nodes.values()] } as const)
              : { type: type as 'put' | 'delete', item };
          for (const said of table.absorb(event)) apply(told, said);
        }
        const fresh = nodeTable().replace([...nodes.values()]).leases;
        const content = (leases: Iterable<Lease>) =>
          [...leases].map(({ origin: _, ...rest }) => JSON.stringify(rest)).sort();
        expect(content(told.values())).toEqual(content(fresh));
      }),
      { numRuns: 500 },
    );
  });
});

function apply(told: Map<LeaseKey, Lease>, event: LeaseEvent): void {
  if (event.type === 'snapshot') {
    told.clear();
    for (const lease of event.leases) told.set(lease.key, lease);
  } else if (event.type === 'put') told.set(event.lease.key, event.lease);
  else if (event.type === 'delete') told.delete(event.key);
}
