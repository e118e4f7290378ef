import { describe, expect, it } from 'vitest';
import type { LinkAddress } from '../../src/kinds/address.js';
import type { FdbEntry } from '../../src/kinds/fdb.js';
import type { TextFile } from '../../src/kinds/file.js';
import { kinds } from '../../src/kinds/index.js';
import type { IptablesRules } from '../../src/kinds/iptables-rules.js';
import { ownLease } from '../../src/kinds/lease.js';
import { type Link, linkAlias } from '../../src/kinds/link.js';
import type { Neighbour } from '../../src/kinds/neighbour.js';
import { nftTable } from '../../src/kinds/nft-table.js';
import type { Offload } from '../../src/kinds/offload.js';
import { type Route, route } from '../../src/kinds/route.js';
import type { Rule } from '../../src/kinds/rule.js';
import type { Sysctl } from '../../src/kinds/sysctl.js';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import { parseMac } from '../../src/model/mac.js';
import type { Resource } from '../../src/planner/kind.js';

const NETWORKS = ['10.244.0.0/16', 'fd00:10:244::/48'];
const ours = { protocol: 70, networks: NETWORKS };
const mac = parseMac('0a:00:00:00:00:02');

const v4: Route = route({ dst: parsePrefix('10.244.3.0/24'), via: parseAddress('192.168.10.3'), dev: 'eth0' });
const v6: Route = route({ dst: parsePrefix('fd00:10:244:3::/64'), via: parseAddress('fd00::3'), dev: 'eth0' });
const link: Link = {
  ...{ kind: 'link', name: 'flannel.1', type: 'vxlan', up: true, mtu: 1450, mac, alias: linkAlias(NETWORKS) },
  ...{ underlay: 'eth0', local: parseAddress('192.168.10.1'), learning: false },
  fixed: { vni: 1, port: 8472, family: 4, gbp: false, extras: [] },
};
const address: LinkAddress = {
  ...{ kind: 'address', dev: 'flannel.1', address: parseAddress('10.244.1.0'), len: 32, onOwnLink: true },
};
const neighbour: Neighbour = {
  ...{ kind: 'neighbour', dev: 'flannel.1', address: parseAddress('10.244.3.0'), mac, permanent: true, proto: 70 },
};
const fdb: FdbEntry = {
  ...{ kind: 'fdb', dev: 'flannel.1', mac, dst: parseAddress('192.168.10.3'), permanent: true, onOwnLink: true },
};
const rule: Rule = {
  ...{ kind: 'rule', family: 4, priority: 100, from: parsePrefix('10.244.1.0/24'), table: 77, proto: 70 },
};
const sysctl: Sysctl = { kind: 'sysctl', path: 'net/ipv6/conf/flannel.1/accept_ra', value: '0', dev: 'flannel.1' };
const offload: Offload = { kind: 'offload', dev: 'flannel.1', feature: 'tx-checksum', state: 'off' };
const table = nftTable({ family: 4, lines: ['rule forward ip saddr 10.244.0.0/16 accept'] });
const iptables: IptablesRules = { kind: 'iptables-rules', family: 6, rules: ['-t filter -N FLANNEL-FWD'] };
const file: TextFile = { kind: 'file', path: '/run/flannel/subnet.env', content: 'A=1\n', mode: 0o644 };
const lease = ownLease({
  ...{ node: 'node-a', backendType: 'host-gw' },
  ipv4: { subnet: '10.244.1.0/24', publicIp: parseAddress('192.168.10.1') },
});

const ALL = { lease, link, address, neighbour, fdb, v4, v6, rule, sysctl, offload, table, iptables, file };

it.each([
  ['', 'empty'],
  ['A=1', '1 line'],
  ['A=1\n', '1 line'],
  ['A=1\nB=2', '2 lines'],
])('a file that holds %j is described as %s', (content, words) => {
  const file: TextFile = { kind: 'file', path: '/x', content, mode: 0o644 };
  expect(kinds.of(file).describe(file)).toBe(words);
});

describe('identity', () => {
  it.each([
    [v4, 'route/main/10.244.3.0/24'],
    [v6, 'route/main/fd00:10:244:3::/64'],
    [{ ...v4, metric: 50 }, 'route/main/10.244.3.0/24@50'],
    [{ ...v6, metric: 1024 }, 'route/main/fd00:10:244:3::/64'],
    [{ ...v6, metric: 256 }, 'route/main/fd00:10:244:3::/64@256'],
    [{ ...v4, table: 77 }, 'route/77/10.244.3.0/24'],
    [{ ...v4, table: 255 }, 'route/local/10.244.3.0/24'],
    [link, 'link/flannel.1'],
    [address, 'address/flannel.1/10.244.1.0/32'],
    [neighbour, 'neighbour/flannel.1/10.244.3.0'],
    [fdb, 'fdb/flannel.1/0a:00:00:00:00:02'],
    [rule, 'rule/ipv4/100/from 10.244.1.0/24'],
    [{ ...rule, from: undefined, to: parsePrefix('10.244.1.0/24') }, 'rule/ipv4/100/from all to 10.244.1.0/24'],
    [sysctl, 'sysctl/net/ipv6/conf/flannel.1/accept_ra'],
    [offload, 'offload/flannel.1/tx-checksum'],
    [table, 'nft-table/ip/flannel-ipv4'],
    [iptables, 'iptables-rules/ipv6'],
    [file, 'file/run/flannel/subnet.env'],
    [lease, 'lease/node-a'],
  ] as readonly (readonly [Resource, string])[])('of %j', (resource, key) => expect(kinds.key(resource)).toBe(key));

  it('does not change with a value that can be changed in place', () => {
    for (const resource of Object.values(ALL)) {
      for (const field of kinds.of(resource).inPlace) {
        const changed = { ...resource, [field]: 'something else' } as Resource;
        expect(kinds.key(changed), `${resource.kind}.${field}`).toBe(kinds.key(resource));
      }
    }
  });
});

describe('ownership', () => {
  it.each([
    ['a route with our mark in our network', v4, true],
    ['an IPv6 route with our mark', v6, true],
    ['a route with another mark', { ...v4, proto: 3 }, false],
    ['a route with our mark outside our networks', { ...v4, dst: parsePrefix('10.99.0.0/24') }, false],
    ['a route that covers more than our network', { ...v4, dst: parsePrefix('10.0.0.0/8') }, false],
    ['a link with our alias', link, true],
    ['a link with the alias of one of our networks', { ...link, alias: 'flan 10.244.0.0/16' }, true],
    ['a link of another instance', { ...link, alias: 'flan 10.50.0.0/16' }, false],
    ['a link without alias', { ...link, alias: '' }, false],
    ['a link whose alias only mentions us', { ...link, alias: 'not flan 10.244.0.0/16' }, false],
    ['an address of our link', address, true],
    ["an address of somebody's link", { ...address, onOwnLink: false }, false],
    ['a neighbour with our mark', neighbour, true],
    ['a neighbour that was learned', { ...neighbour, proto: 0, permanent: false }, false],
    ['a permanent FDB entry of our link', fdb, true],
    ['an FDB entry that our link learned', { ...fdb, permanent: false }, false],
    ["an FDB entry of somebody's link", { ...fdb, onOwnLink: false }, false],
    ['a rule with our mark for our network', rule, true],
    ['a rule with our mark for another network', { ...rule, from: parsePrefix('10.99.0.0/24') }, false],
    ['a rule with our mark for everybody', { ...rule, from: undefined }, false],
    ['a rule with another mark', { ...rule, proto: 3 }, false],
    ['our table', table, true],
    ['our table, listed without its comment', { ...table, comment: undefined }, true],
    ["somebody's table of that name", { ...table, comment: 'mine' }, false],
    ['another table', { ...table, table: 'filter' }, false],
    ['the file at our path', file, true],
  ] as readonly (readonly [string, Resource, boolean])[])('%s: %j: %s', (_what, resource, owned) => {
    expect(kinds.of(resource).owns(resource, ours)).toBe(owned);
  });
});

describe('difference', () => {
  it.each([
    [v4, { via: parseAddress('192.168.10.33') }, ['via']],
    [v4, { proto: 3, onlink: true }, ['onlink', 'proto']],
    [v4, { source: parseAddress('192.168.10.1') }, []],
    [v4, { multipath: true }, ['multipath']],
    [link, { mtu: 9000, up: false }, ['mtu', 'up']],
    [link, { fixed: { ...link.fixed, vni: 2 } }, ['fixed']],
    [fdb, { dst: parseAddress('192.168.10.9') }, ['dst']],
    [neighbour, { permanent: false }, ['permanent']],
    [rule, { table: 78 }, ['table']],
    [table, { lines: [] }, ['lines']],
    [table, { comment: undefined }, []],
    [file, { mode: 0o600, content: '' }, ['content', 'mode']],
    [lease, { backendData: { VNI: 1 } }, ['backendData']],
  ] as readonly (readonly [Resource, object, readonly string[]])[])('of %j with %j', (wanted, change, fields) => {
    expect(kinds.differing({ ...wanted, ...change } as Resource, wanted)).toEqual(fields);
  });

  it('of a resource to itself is none', () => {
    for (const resource of Object.values(ALL)) expect(kinds.differing(structuredClone(resource), resource)).toEqual([]);
  });

  it('in what cannot change in place is only in those fields', () => {
    const fixed = Object.values(ALL).flatMap((resource) => {
      const { kind, fields, inPlace } = kinds.of(resource);
      return fields.filter((field) => !inPlace.includes(field)).map((field) => `${kind}.${field}`);
    });
    expect([...new Set(fixed)]).toEqual([
      'lease.subnet',
      'lease.ipv6Subnet',
      'link.type',
      'link.fixed',
      'rule.table',
      'rule.proto',
    ]);
  });
});

describe('order', () => {
  it('has what others stand on first, and subnet.env last', () => {
    const rank = (resource: Resource): number => kinds.of(resource).rank;
    for (const resource of Object.values(ALL)) {
      for (const key of kinds.of(resource).needs(resource)) {
        expect(key.startsWith('link/')).toBe(true);
        expect(rank(link)).toBeLessThan(rank(resource));
      }
    }
    expect(Math.max(...Object.values(ALL).map(rank))).toBe(rank(file));
    expect(Math.min(...Object.values(ALL).map(rank))).toBe(rank(lease));
  });
});

describe('description', () => {
  it.each([
    [v4, 'via 192.168.10.3 dev eth0'],
    [{ ...v4, type: 'blackhole', via: undefined, dev: undefined }, 'blackhole'],
    [{ ...v4, onlink: true, source: '192.168.10.1' }, 'via 192.168.10.3 dev eth0 src 192.168.10.1 onlink'],
    [fdb, 'dst 192.168.10.3 permanent'],
    [neighbour, 'lladdr 0a:00:00:00:00:02 permanent'],
    [table, '1 rule'],
    [file, '1 line'],
    [lease, '10.244.1.0/24 for 192.168.10.1'],
  ] as readonly (readonly [Resource, string])[])('of %j', (resource, words) => {
    expect(kinds.of(resource).describe(resource)).toBe(words);
  });
});
