import { describe, expect, it } from 'vitest';
import type { BackendContext } from '../../src/backends/backend.js';
import type { CloudOptions } from '../../src/backends/cloud.js';
import { backendOf } from '../../src/backends/index.js';
import { CLOUDS, type CloudFacts, type CloudName } from '../../src/model/cloud.js';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import type { JsonObject } from '../../src/model/json.js';
import type { Lease, LeaseKey } from '../../src/model/lease.js';

const OWN = parsePrefix('10.244.1.0/24');

const factsOf = (cloud: CloudName): CloudFacts => ({
  ...{ cloud, region: 'r', instance: 'i-1', denied: [] },
  interfaces: [
    {
      ...{ id: 'eni-1', target: 'to-1', network: 'vpc-1', table: 'rtb-1', forwards: true },
      addresses: [parseAddress('192.168.10.1')],
      networkPrefixes: [parsePrefix('192.168.0.0/16')],
    },
    {
      ...{ id: 'eni-2', target: 'to-2', network: 'vpc-2', table: 'rtb-2', forwards: true },
      addresses: [parseAddress('172.16.0.1'), parseAddress('172.16.0.9')],
      networkPrefixes: [],
    },
  ],
  tables: [
    { id: 'rtb-1', network: 'vpc-1', routes: 3, limit: 100 },
    { id: 'rtb-1b', network: 'vpc-1', routes: 3 },
    { id: 'rtb-2', network: 'vpc-2', routes: 90, limit: 100 },
  ],
});

interface Given {
  readonly options?: JsonObject;
  readonly address?: string;
  readonly facts?: CloudFacts;
  readonly network?: string;
  readonly own?: Lease;
}

function contextOf(cloud: CloudName, given: Given = {}): BackendContext {
  const { options = {}, address = '192.168.10.1', facts = factsOf(cloud), network = '10.244.0.0/16' } = given;
  const own: Lease = { key: '10.244.1.0-24' as LeaseKey, backendType: '', ipv4: { subnet: OWN } } as Lease;
  const whole = parsePrefix(network);
  return {
    network: { ipv4: { network: whole }, backend: { type: cloud, options } } as unknown as BackendContext['network'],
    options: backendOf(cloud).options(options),
    identity: { node: 'node-a', nodeId: 'id-a' },
    external: {
      4: {
        ...{ family: 4, dev: 'eth0', index: 2, mtu: 9001, onLink: [] },
        ...{ address: parseAddress(address), publicIp: parseAddress(address) },
      },
    },
    own: 'own' in given ? given.own : own,
    ...{ protocol: 70, alias: 'flan', links: [], lookup: () => undefined },
    cloud: facts,
  };
}

describe.each([...CLOUDS])('backend %s', (cloud) => {
  const backend = backendOf(cloud);

  it('publishes what flannel publishes: nothing', () => {
    expect(backend.publishedType).toBe('');
    expect(backend.advertise(contextOf(cloud))).toEqual({});
    expect(backend.families).toEqual([4]);
    expect(backend.overheadBytes(contextOf(cloud), 4)).toBe(0);
  });

  it('wants one route to the own subnet, which leads to the interface that the overlay uses', () => {
    const routes = (given?: Given) =>
      backend.local(contextOf(cloud, given)).filter(({ kind }) => kind === 'cloud-route');
    expect(routes()).toMatchObject([{ table: 'rtb-1', dst: OWN, target: 'to-1', state: 'active', maker: 'ours' }]);
    expect(routes({ address: '172.16.0.9' })).toMatchObject([{ table: 'rtb-2', target: 'to-2' }]);
  });

  it('wants no route without a lease, and nothing of peers', () => {
    const before = backend.local(contextOf(cloud, { own: undefined as unknown as Lease }));
    expect(before.filter(({ kind }) => kind === 'cloud-route')).toEqual([]);
    expect(backend.peer(contextOf(cloud), { key: 'x' } as unknown as Lease)).toEqual([]);
  });

  it('wants nothing where no cloud was asked', () => {
    const { cloud: _none, ...context } = contextOf(cloud);
    expect(backend.local(context)).toEqual([]);
    expect(backend.check(context)).toEqual([]);
  });

  it('refuses an interface that the cloud does not know', () => {
    const check = () => backend.check(contextOf(cloud, { address: '10.9.9.9' }));
    expect(check).toThrow(
      expect.objectContaining({ code: 'E_BACKEND', message: expect.stringContaining('192.168.10.1') }),
    );
  });

  it('refuses a network inside that of the cloud', () => {
    const check = () => backend.check(contextOf(cloud, { network: '192.168.128.0/17' }));
    expect(check).toThrow(expect.objectContaining({ code: 'E_NETWORK_OVERLAP' }));
  });

  it('tells of a table that is nearly full, and of what it may not do', () => {
    expect(backend.check(contextOf(cloud))).toEqual([]);
    expect(backend.check(contextOf(cloud, { address: '172.16.0.1' }))).toMatchObject([{ code: 'W_CLOUD_TABLE_FULL' }]);
    const facts = { ...factsOf(cloud), denied: ['x:Create'] };
    expect(backend.check(contextOf(cloud, { facts }))).toMatchObject([
      { code: 'W_CLOUD_DENIED', message: expect.stringContaining('x:Create') },
    ]);
  });
});

describe('backend aws-vpc', () => {
  const { local, check } = backendOf('aws-vpc');
  const tables = (value: unknown) =>
    local(contextOf('aws-vpc', { options: { RouteTableID: value } as JsonObject }))
      .filter(({ kind }) => kind === 'cloud-route')
      .map((route) => (route as unknown as { table: string }).table);

  it('takes a route table or several, in whatever case the option is written', () => {
    expect(tables('rtb-1b')).toEqual(['rtb-1b']);
    expect(tables(['rtb-1', 'rtb-1b', 'rtb-1'])).toEqual(['rtb-1', 'rtb-1b']);
    expect(tables(null)).toEqual(['rtb-1']);
    expect(tables([])).toEqual(['rtb-1']);
  });

  it.each([[''], [7], [['rtb-1', '']], [{ a: 1 }], [[1]]])('refuses %j', (value) => {
    expect(() => tables(value)).toThrow(expect.objectContaining({ code: 'E_NETWORK_CONFIG' }));
  });

  it.each(['rtb-2', 'rtb-9'])('refuses table %s, which is not of the network', (table) => {
    const wrong = () => check(contextOf('aws-vpc', { options: { RouteTableID: table } }));
    expect(wrong).toThrow(expect.objectContaining({ code: 'E_BACKEND', message: expect.stringContaining(table) }));
  });

  it('wants the check of sources and destinations off', () => {
    expect(local(contextOf('aws-vpc'))[0]).toEqual({ kind: 'cloud-forwarding', interface: 'eni-1', allowed: true });
  });
});

it('refuses a VM of Google that may not forward', () => {
  const [first, ...rest] = factsOf('gce').interfaces;
  const interfaces = first === undefined ? [] : [{ ...first, forwards: false }, ...rest];
  const check = () => backendOf('gce').check(contextOf('gce', { facts: { ...factsOf('gce'), interfaces } }));
  expect(check).toThrow(
    expect.objectContaining({ code: 'E_BACKEND', message: expect.stringContaining('canIpForward') }),
  );
});

it.each(['ali-vpc', 'tencent-vpc'])('takes both halves of a key or none: %s', (cloud) => {
  const read = (raw: JsonObject) => (backendOf(cloud).options(raw) as CloudOptions).keys;
  expect(read({ AccessKeyID: 'a', AccessKeySecret: 'b' })).toEqual({ id: 'a', secret: 'b' });
  expect(read({ AccessKeyID: 'a' })).toBeUndefined();
  expect(read({ AccessKeyID: '', AccessKeySecret: 'b' })).toBeUndefined();
  expect(() => read({ AccessKeySecret: 7 })).toThrow(/^(?!.*7)/);
});
