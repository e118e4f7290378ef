import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backendOf, backendTypes } from '../../src/backends/index.js';
import { decodeNetwork } from '../../src/config/network.js';
import { FlanError } from '../../src/errors.js';
import { kinds } from '../../src/kinds/index.js';
import { route } from '../../src/kinds/route.js';
import { allocate } from '../../src/leases/allocate.js';
import { tryAddress, tryPrefix } from '../../src/model/ip.js';
import { leaseKey, parseLeaseKey } from '../../src/model/lease.js';
import { LeaseTable } from '../../src/model/lease-table.js';
import { localMac } from '../../src/model/mac.js';
import { plan } from '../../src/planner/plan.js';
import { DesiredIndex } from '../../src/reconcile/desired.js';
import { parseSubnetEnv } from '../../src/traffic/subnet-env.js';
import { ip, lease, network, prefix, request, seeded, stack } from './support.js';

/**
 * flannel's own unit tests as of 0.28, and the tests of ours that show the same: file, then part of a title. Those that
 * no other file shows are below. Not here: mk-docker-opts, a script that flannel ships and flan does not.
 */
const SHOWN: readonly (readonly [flannel: string, file: string, title: string])[] = [
  ['TestConfigDefaults', 'config/network', 'of IPv4, whatever the case of names'],
  ['TestIPv6ConfigDefaults', 'config/network', 'of IPv6 alone'],
  ['TestConfigOverrides, TestIPv6ConfigOverrides', 'config/network', 'are kept when given'],
  ['TestSubnetNodev4, v6', 'leases/flannel-cases', 'names of subnets'],
  ['TestSubnetNodeInvalid', 'leases/flannel-cases', 'is no name of a subnet'],
  ['TestAcquireLease', 'leases/flannel-cases', 'acquires inside of the range'],
  ['TestAcquireLease', 'contracts/lease-store', 'idempotent acquire'],
  ['TestAcquireLease', 'contracts/lease-store', 'previous subnet'],
  ['TestConfigChanged', 'leases/flannel-cases', 'another network'],
  ['TestConfigChanged', 'leases/etcd/acquire', 'a lease outside a changed network is replaced in one step'],
  ['TestWatchLeaseAdded', 'leases/flannel-cases', 'the own lease is never told'],
  ['TestWatchLeaseAdded', 'contracts/lease-store', 'puts and deletes'],
  ['TestWatchLeaseRemoved', 'leases/etcd/faults', 'a lease that expires is told as deleted'],
  ['TestCompleteLease', 'e2e-stores/etcd', 'acquires, publishes, renews, and ends well'],
  ['TestCompleteLease', 'e2e-stores/flannel-faults', 'the own key deleted: it is back'],
  ['TestRenewLease', 'leases/etcd/acquire', 'renewal prolongs without writing'],
  ['TestRenewLease', 'leases/value', 'what was written reads back the same, whatever the data'],
  ['TestEtcdRegistry', 'leases/etcd/acquire', 'no network: the error shows how to make one'],
  ['TestEtcdRegistry', 'leases/etcd/acquire', 'release gives back key and etcd lease'],
  ['WatchSubnets RecoversFromCompaction', 'contracts/lease-store', 'lost history'],
  ['WatchSubnets ReportsRemovalAfterCompaction', 'e2e-stores/flannel-faults', 'history is compacted'],
  ['SurvivesCompactionAfterReconnect', 'leases/etcd/faults', 'compaction in the past of a quiet watch'],
  ['ResyncWatchCancelWithBlockedReceiver', 'contracts/lease-store', 'prompt cancel'],
  ['TestRouteCache v4, v6', 'leases/flannel-cases', 'one subnet, another gateway'],
  ['LookupExtIface', 'host/external', 'which address of an interface'],
  ['TestEnsureRules, Bootstrap', 'drivers/rule-set-suite', 'applied twice: the second time nothing changes'],
  ['TestEnsureRules', 'drivers/rule-set-suite', 'noticed and repaired'],
  ['TestDeleteRules', 'drivers/rule-set-suite', 'removal leaves nothing of ours'],
  ['readers of subnet.env', 'leases/flannel-cases', 'subnet.env'],
  ['annotations', 'leases/kubernetes/annotations', 'annotation prefix'],
  ['mac', 'leases/flannel-cases', 'a made-up MAC'],
  ['FuzzParseConfig', 'fuzz/config-network', 'answers a complete network, or throws a FlanError'],
  ['FuzzParseSubnetKey, IP types', 'leases/flannel-cases', 'whatever the text'],
  ['FuzzKvToIPLease', 'leases/value', 'any text gives a lease or E_LEASE'],
  ['FuzzNodeToLease', 'leases/kubernetes/node', 'never throws, whatever the annotations and podCIDRs hold'],
  ['FuzzVXLANConfig', 'leases/flannel-cases', 'options of any backend'],
];

test.each(SHOWN)('%s: see %s, "%s"', (_, file, title) => {
  const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
  const names = [`${file}.test.ts`, `${file}.ts`];
  const texts = names.flatMap((name) => {
    try {
      return [read(name)];
    } catch {
      return [];
    }
  });
  // This file names every title once in the table.
  const wanted = file === 'leases/flannel-cases' ? 2 : 1;
  expect((texts.join('').split(title).length ?? 1) - 1).toBeGreaterThanOrEqual(wanted);
});

describe('names of subnets', () => {
  test.each([
    ['10.12.13.0-24', { ipv4: '10.12.13.0/24' }],
    ['10.12.13.0-24&fd00:12:13::-56', { ipv4: '10.12.13.0/24', ipv6: 'fd00:12:13::/56' }],
    ['0.0.0.0-0&fd00:12:13::-56', { ipv6: 'fd00:12:13::/56' }],
  ])('%s', (key, subnets) => {
    expect(parseLeaseKey(key)).toEqual(subnets);
    const made = leaseKey({
      ...('ipv4' in subnets && subnets.ipv4 && { ipv4: prefix(subnets.ipv4) }),
      ...('ipv6' in subnets && subnets.ipv6 && { ipv6: prefix(subnets.ipv6) }),
    });
    expect(made).toBe(key);
  });

  test.each([
    ...['10', '10.12.13.0', '10.12.13-24', '10.12.13.300-24', '10.12.13.0-24hi', '10.12.13.0-32', ''],
    ...['&:12:13:-56', '&20011::-56', '&2001-56', '&2001::', '&2001::-56hi', '&2001::-128'].map(
      (v6) => `10.12.13.0-24${v6}`,
    ),
    ...['10.12.13.0-24&2001::-56&2001::-56', '10.12.13.0-24&10.1.0.0-24', '0.0.0.0-0', '&2001::-56'],
  ])('%j is no name of a subnet', (key) => {
    expect(parseLeaseKey(key)).toBeUndefined();
  });
});

const RANGE = network({ ipv4: stack('10.3.0.0/16', 24, '10.3.1.0', '10.3.25.0') });
const TAKEN = [1, 2, 4, 5].map((n) => lease({ v4: `10.3.${n}.0/24`, ip: `192.0.2.${n}` }));

describe('acquires inside of the range', () => {
  const take = (previous?: string) => {
    const asked = request({ network: RANGE, ip: '192.0.2.77', ...(previous && { previous: { v4: previous } }) });
    return allocate({ request: asked, leases: TAKEN, random: seeded(7) });
  };
  const FREE = Array.from({ length: 25 }, (_, i) => i + 1)
    .filter((n) => ![1, 2, 4, 5].includes(n))
    .map((n) => `10.3.${n}.0/24`);

  test('a free one', () => {
    const chosen = take();
    expect(chosen.type === 'take' && FREE.includes(String(chosen.ipv4))).toBe(true);
  });
  test('the previous one', () => expect(take('10.3.6.0/24')).toMatchObject({ type: 'take', ipv4: '10.3.6.0/24' }));
  test('not a previous one that is outside', () => {
    const chosen = take('10.4.1.0/24');
    expect(chosen.type === 'take' && FREE.includes(String(chosen.ipv4))).toBe(true);
  });
});

test('another network: the old lease is given back for one inside of it', () => {
  const moved = network({ ipv4: stack('10.4.0.0/16', 24, '10.4.1.0', '10.4.255.0') });
  const own = lease({ v4: '10.3.9.0/24', ip: '192.0.2.77', nodeId: 'id-a' });
  const chosen = allocate({ request: request({ network: moved }), leases: [...TAKEN, own], random: seeded(7) });
  expect(chosen).toMatchObject({ type: 'replace', old: own, ipv4: expect.stringMatching(/^10\.4\.\d+\.0\/24$/) });
});

test('the own lease is never told, one that is added exactly once', () => {
  const own = lease({ v4: '10.3.9.0/24', ip: '192.0.2.77', nodeId: 'id-a' });
  const table = new LeaseTable({
    network: RANGE,
    own: { nodeId: 'id-a', lease: own },
    hostAddresses: [],
    nobodysAddresses: [],
  });
  const first = table.absorb({ type: 'snapshot', leases: [...TAKEN, own] });
  expect(first.changed).toEqual(TAKEN.map(({ key }) => key));
  const added = lease({ v4: '10.3.8.0/24', ip: '192.0.2.8' });
  expect(table.absorb({ type: 'put', lease: added }).changed).toEqual([added.key]);
  expect(table.absorb({ type: 'put', lease: added }).changed).toEqual([]);
  expect(table.absorb({ type: 'put', lease: { ...own, expiresAtMs: 1 } }).changed).toEqual([]);
  expect(table.absorb({ type: 'delete', key: own.key }).changed).toEqual([]);
});

describe('one subnet, another gateway', () => {
  test.each([
    ['10.3.2.0/24', '192.0.2.2', '192.0.2.22'],
    ['fd00:3:0:2::/64', 'fd00::2', 'fd00::22'],
  ])('%s: one route, changed in place', (dst, before, after) => {
    const via = (gateway: string) => route({ dst: prefix(dst), via: ip(gateway), dev: 'eth0', proto: 70 });
    const index = new DesiredIndex(kinds);
    index.set('peer', [{ resource: via(before), because: 'lease' }]);
    index.set('peer', [{ resource: via(after), because: 'lease' }]);
    expect([...index.desired.values()].map(({ resource }) => resource)).toEqual([via(after)]);
    const observed = new Map([[kinds.key(via(before)), via(before)]]);
    const ownership = { protocol: 70, networks: [dst], alias: '' };
    const { steps } = plan({ desired: index.desired, observed, kinds, ownership });
    expect(steps).toEqual([expect.objectContaining({ action: 'update', fields: ['via'] })]);
  });
});

describe('subnet.env', () => {
  test.each([
    ['FLANNEL_SUBNET=10.3.6.1/24', { ipv4: '10.3.6.0/24' }],
    ['FLANNEL_SUBNET=nonsense,10.3.6.1/24,10.3', { ipv4: '10.3.6.0/24' }],
    ['FLANNEL_SUBNET=10.3.6.1/24,10.3.7.1/24', {}],
    ['FLANNEL_SUBNET=nonsense', {}],
    ['FLANNEL_SUBNET=fd00:3:0:6::1/64', {}],
    ['FLANNEL_IPV6_SUBNET=fd00:3:0:6::1/64\nFLANNEL_SUBNET=', { ipv6: 'fd00:3:0:6::/64' }],
    ['', {}],
    ['\0\n=\nFLANNEL_SUBNET', {}],
  ])('%j', (text, subnets) => {
    expect(parseSubnetEnv(text)).toEqual({ networks: [], ...subnets });
  });
});

test('a made-up MAC has six bytes, is local and no group', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 8 }), (seed) => {
      const mac = localMac(seed);
      expect(mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
      expect(Number.parseInt(mac.slice(0, 2), 16) & 3).toBe(2);
    }),
  );
});

test('whatever the text: a name of subnets or none, an address or none, never an exception', () => {
  const almost = fc.stringMatching(/^[0-9a-f.:&/-]{0,40}$/);
  fc.assert(
    fc.property(fc.oneof(almost, fc.string()), (text) => {
      const subnets = parseLeaseKey(text);
      if (subnets !== undefined) expect(parseLeaseKey(leaseKey(subnets))).toEqual(subnets);
      const address = tryAddress(text);
      if (address !== undefined) expect(tryAddress(address)).toBe(address);
      const found = tryPrefix(text);
      if (found !== undefined) expect(tryPrefix(found)).toBe(found);
    }),
    { numRuns: 2000 },
  );
});

test('options of any backend are read, or refused with E_NETWORK_CONFIG', () => {
  const keys = fc.constantFrom('VNI', 'Port', 'GBP', 'Learning', 'DirectRouting', 'MTU', 'MacPrefix', 'vni', 'Other');
  const values = fc.oneof(fc.jsonValue(), fc.integer(), fc.boolean(), fc.constantFrom('0e-2a', '1', 'true'));
  fc.assert(
    fc.property(fc.constantFrom(...backendTypes()), fc.dictionary(keys, values), (type, given) => {
      const config = { Network: '10.3.0.0/16', Backend: { ...given, Type: type } };
      try {
        backendOf(type).options(
          decodeNetwork(JSON.parse(JSON.stringify(config)), 'net-conf.json').network.backend.options,
        );
      } catch (error) {
        expect(error).toBeInstanceOf(FlanError);
        expect((error as FlanError).code).toBe('E_NETWORK_CONFIG');
      }
    }),
    { numRuns: 1000 },
  );
});
