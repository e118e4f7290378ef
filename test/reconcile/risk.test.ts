import { describe, expect, it } from 'vitest';
import { kinds } from '../../src/kinds/index.js';
import type { Link } from '../../src/kinds/link.js';
import { type Route, route } from '../../src/kinds/route.js';
import type { Address, Prefix } from '../../src/model/ip.js';
import { type HostRoute, wayTo } from '../../src/model/way.js';
import type { Resource } from '../../src/planner/kind.js';
import type { Plan, Step } from '../../src/planner/plan.js';
import { type Contact, isProtected, isRisk, refuseMassDelete, risksOf } from '../../src/reconcile/risk.js';

const host = (dst: string, more: Partial<HostRoute> = {}): HostRoute => ({
  ...{ dst: dst as Prefix, metric: 0, carries: 'packets', dev: 'eth0' },
  ...more,
});
const to = (dst: string, more: Partial<Route> = {}): Route =>
  route({ dst: dst as Prefix, dev: 'eth0', via: '192.168.10.2' as Address, ...more });

const common = (resource: Resource) => ({ key: kinds.key(resource), reason: 'the test says so', needs: [] });
const create = (after: Resource): Step => ({ action: 'create', after, ...common(after) });
const remove = (before: Resource): Step => ({ action: 'delete', before, ...common(before) });
const change = (before: Resource, after: Resource): Step => ({
  ...{ action: 'update', before, after, fields: [] },
  ...common(after),
});

const routes = [
  host('0.0.0.0/0', { via: '192.168.10.254' as Address }),
  host('192.168.10.0/24'),
  host('10.244.3.0/24', { via: '192.168.10.3' as Address }),
  host('fd00:10::/64', { metric: 1024 }),
];

const contact = (who: Contact['who'], address: string): Contact => ({ who, address: address as Address });

describe('wayTo', () => {
  it.each([
    ['10.244.3.9', '10.244.3.0/24'],
    ['10.244.4.9', '0.0.0.0/0'],
    ['192.168.10.7', '192.168.10.0/24'],
    ['fd00:10::7', 'fd00:10::/64'],
    ['fd00:11::7', undefined],
  ])('%s by %s', (address, dst) => expect(wayTo(address as Address, routes)?.dst).toBe(dst));

  it('takes the lower metric of two of the same length', () => {
    const two = [host('10.0.0.0/8', { metric: 20 }), host('10.0.0.0/8', { metric: 10, dev: 'eth1' })];
    expect(wayTo('10.1.1.1' as Address, two)?.dev).toBe('eth1');
  });
});

describe('risksOf', () => {
  const codes = (steps: readonly Step[], contacts: readonly Contact[]): string[] => {
    const risks = risksOf({ steps, routes, contacts });
    expect(risks.every(isRisk)).toBe(true);
    return risks.map(({ code }) => code);
  };

  it('tells a more specific route that takes packets another way', () => {
    expect(codes([create(to('10.244.5.0/24'))], [contact('ssh', '10.244.5.7')])).toEqual(['W_CUTS_SSH']);
    expect(codes([create(to('10.244.5.0/24'))], [contact('ssh', '10.244.6.7')])).toEqual([]);
  });

  it('judges each contact by itself', () => {
    const contacts = [
      contact('store', '10.244.5.7'),
      contact('ssh', '10.244.5.8'),
      contact('gateway', '192.168.10.254'),
    ];
    expect(codes([create(to('10.244.5.0/24'))], contacts)).toEqual(['W_CUTS_STORE', 'W_CUTS_SSH']);
  });

  it('tells a deletion after which no way is left, or another one', () => {
    const gone = remove(to('10.244.3.0/24', { via: '192.168.10.3' as Address }));
    expect(codes([gone], [contact('ssh', '10.244.3.7')])).toEqual(['W_CUTS_SSH']);
    const [warning] = risksOf({
      steps: [remove(to('fd00:10::/64'))],
      routes,
      contacts: [contact('store', 'fd00:10::1')],
    });
    expect(warning?.message).toMatch(/^the lease store \(fd00:10::1\) is reached .*: no way leads there then$/);
  });

  it('tells a blackhole, and a route that moves to another gateway', () => {
    const hole = create(route({ dst: '192.168.10.254/32' as Prefix, type: 'blackhole' }));
    expect(codes([hole], [contact('gateway', '192.168.10.254')])).toEqual(['W_CUTS_GATEWAY']);
    const moved = change(to('10.244.3.0/24'), to('10.244.3.0/24', { via: '192.168.10.9' as Address }));
    expect(codes([moved], [contact('ssh', '10.244.3.7')])).toEqual(['W_CUTS_SSH']);
  });

  it('takes no notice of other tables, other metrics behind, and what changes nothing', () => {
    const contacts = [contact('ssh', '10.244.3.7')];
    const same = to('10.244.3.0/24', { via: '192.168.10.3' as Address });
    expect(codes([create(to('10.244.3.0/24', { table: 77 }))], contacts)).toEqual([]);
    expect(codes([create(to('10.244.3.0/24', { metric: 50 }))], contacts)).toEqual([]);
    expect(codes([change(same, { ...same, proto: 70 } as Route)], contacts)).toEqual([]);
  });

  it('takes the routes of a device along that goes down or is made anew', () => {
    const link: Link = {
      ...{ kind: 'link', name: 'eth0', type: 'other', up: true, mtu: 1500 },
      alias: '',
      fixed: { infoKind: '' },
    };
    expect(codes([remove(link)], [contact('gateway', '192.168.10.254')])).toEqual(['W_CUTS_GATEWAY']);
    expect(codes([change(link, { ...link, up: false } as Link)], [contact('ssh', '8.8.8.8')])).toEqual(['W_CUTS_SSH']);
    expect(codes([change(link, { ...link, mtu: 1400 } as Link)], [contact('ssh', '8.8.8.8')])).toEqual([]);
  });

  it('does not warn of losing who is out of reach already', () => {
    expect(codes([create(to('fd77::/64'))], [contact('ssh', 'fd77::1')])).toEqual([]);
  });
});

describe('isProtected', () => {
  const protect = ['10.244.0.0/16', '0.0.0.0/0', 'fd00::/8'] as Prefix[];
  it.each([
    ['a route inside that is deleted', remove(to('10.244.3.0/24')), true],
    ['a route inside that is changed', change(to('10.244.3.0/24'), to('10.244.3.0/24')), true],
    ['a route inside that is made', create(to('10.244.3.0/24')), false],
    ['a route outside, for all that a default route covers', remove(to('10.245.3.0/24')), false],
    ['the default route', remove(to('0.0.0.0/0')), true],
    ['a wider route', remove(to('10.0.0.0/8')), false],
    ['a route of IPv6', remove(to('fd00:1::/64', { via: 'fe80::1' as Address })), true],
  ])('%s', (_what, step, is) => expect(isProtected(step, protect)).toBe(is));
});

describe('refuseMassDelete', () => {
  const planOf = (deleted: number, unchanged: number): Plan => ({
    steps: Array.from({ length: deleted }, (_, i) => remove(to(`10.244.${i}.0/24`))),
    conflicts: [],
    unchanged,
  });
  it.each([
    [5, 5, 0.5, false],
    [6, 4, 0.5, true],
    [9, 0, 0.5, false],
    [10, 0, 0.5, true],
    [10, 0, 1, false],
    [2, 8, 0.1, true],
  ])('%i of them gone, %i left, at %f', (gone, unchanged, fraction, refused) => {
    const run = (): void => refuseMassDelete(planOf(gone, unchanged), fraction);
    if (refused) expect(run).toThrow(/deletes/);
    else expect(run).not.toThrow();
  });

  it('counts what others are made for as moved, not as lost', () => {
    const made = (count: number) => Array.from({ length: count }, (_, i) => create(to(`10.245.${i}.0/24`)));
    const withMade = (count: number): Plan => {
      const { steps, ...rest } = planOf(10, 0);
      return { ...rest, steps: [...made(count), ...steps] };
    };
    expect(() => refuseMassDelete(withMade(5), 0.5)).not.toThrow();
    expect(() => refuseMassDelete(withMade(4), 0.5)).toThrow(/deletes 10 of the 10/);
  });
});
