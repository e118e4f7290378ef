import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { annotationNames } from '../../../src/leases/kubernetes/annotations.js';
import { annotationsFor, leaseOfNode, type NodeRecord } from '../../../src/leases/kubernetes/node.js';
import { annotationPatch, conditionPatch } from '../../../src/leases/kubernetes/patch.js';
import type { LeaseRequest } from '../../../src/leases/store.js';
import { parseAddress } from '../../../src/model/ip.js';

const names = annotationNames();
const P = names.prefix;
const node = (annotations: Record<string, string>, podCIDRs: readonly string[] = ['10.244.3.0/24']): NodeRecord => ({
  name: 'node-c',
  uid: 'uid-c',
  resourceVersion: '411',
  annotations: Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`${P}${name}`, value])),
  podCIDRs,
});
const member = { 'kube-subnet-manager': 'true', 'backend-type': 'vxlan', 'public-ip': '192.0.2.3' };
const code = (read: ReturnType<typeof leaseOfNode>) =>
  read.type === 'rejected' ? read.rejected.error.code : read.type;

describe('a Node as a lease', () => {
  test('what flannel writes is read in full', () => {
    const data = '{"VNI":1,"VtepMAC":"0e:2a:11:22:33:44"}';
    expect(leaseOfNode(node({ ...member, 'backend-data': data }), names, [4])).toEqual({
      type: 'lease',
      lease: {
        key: '10.244.3.0-24',
        node: 'node-c',
        nodeId: 'uid-c',
        backendType: 'vxlan',
        ipv4: { subnet: '10.244.3.0/24', publicIp: '192.0.2.3', backendData: { VNI: 1, VtepMAC: '0e:2a:11:22:33:44' } },
        origin: 'Node node-c, resource version 411',
      },
    });
  });

  test('dual stack: one half per family, only of the families asked for', () => {
    const both = node({ ...member, 'public-ipv6': '2001:DB8::3', 'backend-v6-data': '{"VNI":2}' }, [
      'fd00:3::/64',
      '10.244.3.0/24',
    ]);
    expect(leaseOfNode(both, names, [4, 6])).toMatchObject({
      lease: {
        key: '10.244.3.0-24&fd00:3::-64',
        ipv4: { subnet: '10.244.3.0/24', publicIp: '192.0.2.3' },
        ipv6: { subnet: 'fd00:3::/64', publicIp: '2001:db8::3', backendData: { VNI: 2 } },
      },
    });
    expect(leaseOfNode(both, names, [4])).toMatchObject({ lease: { key: '10.244.3.0-24' } });
    expect(leaseOfNode(both, names, [6])).toMatchObject({ lease: { key: '0.0.0.0-0&fd00:3::-64' } });
  });

  test.each([
    ['no annotations', node({}), 'none'],
    ['another value than "true"', node({ ...member, 'kube-subnet-manager': 'yes' }), 'none'],
    ['no podCIDR', node(member, []), 'none'],
    ['a podCIDR that is none', node(member, ['10.244.3.0']), 'E_POD_CIDR'],
    ['two podCIDRs of one family', node(member, ['10.244.3.0/24', '10.244.4.0/24']), 'E_POD_CIDR'],
    ['an address that is none', node({ ...member, 'public-ip': '192.0.2.300' }), 'E_LEASE'],
    ['an address of the other family', node({ ...member, 'public-ip': '2001:db8::1' }), 'E_LEASE'],
    ['data that is no JSON', node({ ...member, 'backend-data': '{' }), 'E_LEASE'],
  ])('%s: %s', (_, record, expected) => {
    expect(code(leaseOfNode(record, names, [4, 6]))).toBe(expected);
  });

  test('never throws, whatever the annotations and podCIDRs hold', () => {
    const value = fc.oneof(fc.string(), fc.constantFrom('null', '{}', '192.0.2.1', '::1', '10.0.0.0/8', 'fd00::/64'));
    fc.assert(
      fc.property(value, value, value, fc.array(value, { maxLength: 4 }), (ip, data, type, cidrs) => {
        const record = node({ ...member, 'public-ip': ip, 'backend-data': data, 'backend-type': type }, cidrs);
        expect(['lease', 'rejected', 'none']).toContain(leaseOfNode(record, names, [4, 6]).type);
      }),
    );
  });
});

describe('a lease as annotations', () => {
  const request = (backendType: string, published: LeaseRequest['published']): LeaseRequest => ({
    network: { nftables: false, backend: { type: backendType, options: {} } },
    identity: { node: 'node-c', nodeId: 'id-c' },
    backendType,
    published,
    previous: {},
  });
  const publicIp = parseAddress('192.0.2.3');
  const publicIpv6 = parseAddress('2001:db8::3');
  const written = (wanted: ReturnType<typeof annotationsFor>) =>
    Object.fromEntries(
      Object.entries(wanted).flatMap(([name, value]) => (value === undefined ? [] : [[name.slice(P.length), value]])),
    );

  test('vxlan leaves data away that it has none of, others write null', () => {
    const of = (type: string) => written(annotationsFor(request(type, { 4: { publicIp } }), node({}), names));
    expect(of('vxlan')).toEqual({ 'kube-subnet-manager': 'true', 'backend-type': 'vxlan', 'public-ip': '192.0.2.3' });
    expect(of('host-gw')).toEqual({
      'kube-subnet-manager': 'true',
      'backend-type': 'host-gw',
      'backend-data': 'null',
      'public-ip': '192.0.2.3',
    });
    expect(of('')).toMatchObject({ 'backend-type': '', 'backend-data': 'null' });
  });

  test('IPv6 alone publishes only the second half', () => {
    const wanted = annotationsFor(
      request('vxlan', { 6: { publicIp: publicIpv6, backendData: { VNI: 1 } } }),
      node({}),
      names,
    );
    expect(written(wanted)).toEqual({
      'kube-subnet-manager': 'true',
      'backend-type': 'vxlan',
      'backend-v6-data': '{"VNI":1}',
      'public-ipv6': '2001:db8::3',
    });
  });

  test('an overwrite wins, and a wrong one is refused by name', () => {
    const over = node({ 'public-ip-overwrite': '203.0.113.7', 'public-ipv6-overwrite': '2001:db8::77' });
    const both = request('host-gw', { 4: { publicIp }, 6: { publicIp: publicIpv6 } });
    expect(written(annotationsFor(both, over, names))).toMatchObject({
      'public-ip': '203.0.113.7',
      'public-ipv6': '2001:db8::77',
    });
    const wrong = node({ 'public-ip-overwrite': 'gateway' });
    expect(() => annotationsFor(both, wrong, names)).toThrow(/public-ip-overwrite of Node node-c/);
  });

  test('what is written is read back, and then nothing is left to write', () => {
    const data = fc.option(fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.boolean())), {
      nil: undefined,
    });
    fc.assert(
      fc.property(fc.constantFrom('vxlan', 'wireguard', 'host-gw', 'ipip', ''), data, data, (type, v4, v6) => {
        const published = {
          4: { publicIp, ...(v4 && { backendData: v4 }) },
          6: { publicIp: publicIpv6, ...(v6 && { backendData: v6 }) },
        };
        const wanted = annotationsFor(request(type, published), node({}), names);
        const after = node(written(wanted), ['10.244.3.0/24', 'fd00:3::/64']);
        expect(annotationPatch(after, wanted)).toBeUndefined();
        const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
        expect(plain(leaseOfNode(after, names, [4, 6]))).toMatchObject(
          plain({ lease: { backendType: type, ipv4: published[4], ipv6: published[6] } }) as object,
        );
      }),
    );
  });

  test('what is no longer wanted is taken away, what is not ours is left', () => {
    const before = node({
      ...member,
      'backend-v6-data': '{"VNI":1}',
      'public-ipv6': '2001:db8::3',
      'node-public-ip': '192.0.2.9',
    });
    const wanted = annotationsFor(request('vxlan', { 4: { publicIp } }), before, names);
    expect(annotationPatch(before, wanted)).toEqual({
      metadata: { annotations: { [`${P}backend-v6-data`]: null, [`${P}public-ipv6`]: null } },
    });
  });
});

describe('condition NetworkUnavailable', () => {
  const now = new Date('2026-11-22T12:00:00.789Z');
  const withConditions = (...conditions: { readonly [name: string]: string }[]) => ({ status: { conditions } });

  test('is set to False in the words of flannel', () => {
    expect(conditionPatch(withConditions({ type: 'Ready', status: 'True' }), 'up', now)).toEqual({
      status: {
        conditions: [
          {
            type: 'NetworkUnavailable',
            status: 'False',
            reason: 'FlannelIsUp',
            message: 'Flannel is running on this node',
            lastTransitionTime: '2026-11-22T12:00:00Z',
            lastHeartbeatTime: '2026-11-22T12:00:00Z',
          },
        ],
      },
    });
  });

  test('is left alone when it says so already', () => {
    const up = {
      type: 'NetworkUnavailable',
      status: 'False',
      reason: 'FlannelIsUp',
      message: 'Flannel is running on this node',
    };
    expect(conditionPatch(withConditions(up), 'up', now)).toBeUndefined();
    expect(conditionPatch(withConditions(up), 'down', now)).toMatchObject({
      status: { conditions: [{ status: 'True' }] },
    });
  });

  test('the transition time stays when only the words change', () => {
    const other = { type: 'NetworkUnavailable', status: 'True', reason: 'NoRouteCreated', message: 'wait' };
    const patch = conditionPatch(withConditions(other), 'down', now);
    expect(JSON.stringify(patch)).not.toContain('lastTransitionTime');
    expect(JSON.stringify(conditionPatch(withConditions(other), 'up', now))).toContain('lastTransitionTime');
  });
});
