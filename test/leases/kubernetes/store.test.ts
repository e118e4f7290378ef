import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FlanError } from '../../../src/errors.js';
import type { KubernetesStoreOptions } from '../../../src/leases/kubernetes/store.js';
import type { LeaseRequest } from '../../../src/leases/store.js';
import { parseAddress, parsePrefix } from '../../../src/model/ip.js';
import type { Network } from '../../../src/model/network.js';
import { CONTRACT_NETWORK, type Following, follow } from '../../contracts/lease-store.js';
import { type KubeBed, kubeBed } from '../../support/fake-kube/bed.js';
import { quickClock } from '../../support/fake-kube/clock.js';
import { condition, makeNode } from '../../support/fake-kube/objects.js';

const P = 'flannel.alpha.coreos.com/';
const DUAL: Network = {
  ...CONTRACT_NETWORK,
  ipv6: {
    network: parsePrefix('fd00:10::/48'),
    subnetLen: 64,
    subnetMin: parseAddress('fd00:10:0:1::'),
    subnetMax: parseAddress('fd00:10:0:ffff::'),
  },
};

let bed: KubeBed;
let stop: AbortController;
const ended: Promise<void>[] = [];
beforeEach(async () => {
  bed = await kubeBed();
  await bed.configure(CONTRACT_NETWORK);
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await Promise.all(ended.splice(0));
  await bed.close();
});

const request = (more: Partial<LeaseRequest> = {}): LeaseRequest => ({
  network: CONTRACT_NETWORK,
  identity: { node: 'node-a', nodeId: 'machine-a' },
  backendType: 'vxlan',
  published: { 4: { publicIp: parseAddress('192.0.2.1'), backendData: { VNI: 1, VtepMAC: '0e:2a:11:22:33:44' } } },
  previous: {},
  ...more,
});
const annotations = (name = 'node-a') =>
  Object.fromEntries(
    Object.entries(bed.kube.nodes.get(name)?.metadata.annotations ?? {})
      .filter(([key]) => key.startsWith(P))
      .map(([key, value]) => [key.slice(P.length), value]),
  );
const network = (name = 'node-a') =>
  (
    bed.kube.nodes.get(name)?.status?.conditions as
      | { type: string; status: string; reason: string; message: string }[]
      | undefined
  )?.find((one) => one.type === 'NetworkUnavailable');
const patches = () => bed.kube.calls.filter((call) => call.verb === 'patch');
const addNode = (podCIDRs: readonly string[] = ['10.3.1.0/24'], notes: Record<string, string> = {}) =>
  bed.kube.nodes.put(
    makeNode({
      name: 'node-a',
      podCIDRs,
      annotations: Object.fromEntries(Object.entries(notes).map(([name, value]) => [P + name, value])),
    }),
  );
const store = (more: Partial<KubernetesStoreOptions> = {}) => bed.store('node-a', { clock: quickClock(), ...more });
function watching(one: ReturnType<typeof store>): Following {
  const seen = follow(one, stop.signal);
  ended.push(seen.ended);
  return seen;
}
async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('acquire', () => {
  test('writes what flannel writes, in one strategic merge patch of nodes/status, and nothing the second time', async () => {
    addNode();
    const one = store();
    const lease = await one.acquire(request(), stop.signal);
    expect(lease).toMatchObject({
      key: '10.3.1.0-24',
      node: 'node-a',
      backendType: 'vxlan',
      ipv4: { publicIp: '192.0.2.1' },
    });
    expect(lease.nodeId).toBe(bed.kube.nodes.get('node-a')?.metadata.uid);
    expect(annotations()).toEqual({
      'kube-subnet-manager': 'true',
      'backend-type': 'vxlan',
      'backend-data': '{"VNI":1,"VtepMAC":"0e:2a:11:22:33:44"}',
      'public-ip': '192.0.2.1',
    });
    expect(bed.kube.nodes.get('node-a')?.metadata.annotations?.note).toContain('quotes');
    expect(patches()).toMatchObject([
      { resource: 'nodes/status', contentType: 'application/strategic-merge-patch+json' },
    ]);
    expect(await store().acquire(request(), stop.signal)).toEqual(lease);
    expect(patches()).toHaveLength(1);
  });

  test('under another prefix', async () => {
    addNode();
    await store({ annotationPrefix: 'example.com/net' }).acquire(request(), stop.signal);
    expect(bed.kube.nodes.get('node-a')?.metadata.annotations?.['example.com/net-public-ip']).toBe('192.0.2.1');
    expect(annotations()).toEqual({});
  });

  test('dual stack: both halves', async () => {
    await bed.configure(DUAL);
    addNode(['10.3.1.0/24', 'fd00:10:0:7::/64']);
    const published = { 4: { publicIp: parseAddress('192.0.2.1') }, 6: { publicIp: parseAddress('2001:db8::1') } };
    const lease = await store().acquire(request({ network: DUAL, backendType: 'host-gw', published }), stop.signal);
    expect(lease.key).toBe('10.3.1.0-24&fd00:10:0:7::-64');
    expect(annotations()).toEqual({
      'kube-subnet-manager': 'true',
      'backend-type': 'host-gw',
      'backend-data': 'null',
      'backend-v6-data': 'null',
      'public-ip': '192.0.2.1',
      'public-ipv6': '2001:db8::1',
    });
  });

  test('public-ip-overwrite wins; node-public-ip is offered to whoever picks the interface', async () => {
    addNode(['10.3.1.0/24'], {
      'public-ip-overwrite': '203.0.113.9',
      'node-public-ip': '192.0.2.77',
      'node-public-ipv6': '2001:db8::77',
    });
    const one = store();
    expect(await one.nodePublicIps(stop.signal)).toEqual({ 4: '192.0.2.77', 6: '2001:db8::77' });
    expect((await one.acquire(request(), stop.signal)).ipv4?.publicIp).toBe('203.0.113.9');
  });

  test('waits for the Node and its podCIDR, and says once why', async () => {
    const told: FlanError[] = [];
    const acquired = store({ report: (error) => told.push(error) }).acquire(request(), stop.signal);
    await eventually(() => bed.kube.watches() === 1);
    addNode([]);
    await eventually(() => told.length === 2);
    for (let i = 0; i < 5; i++) addNode([], { heartbeat: String(i) });
    addNode(['10.3.4.0/24']);
    expect((await acquired).key).toBe('10.3.4.0-24');
    expect(told.map((error) => [error.code, error.message])).toEqual([
      ['E_NODE_MISSING', 'there is no Node node-a'],
      ['E_POD_CIDR', 'Node node-a has no podCIDR yet'],
    ]);
    expect(told[1]?.hint).toContain('--allocate-node-cidrs');
    await eventually(() => bed.kube.watches() === 0);
  });

  test('gives up in the end where it is told to', async () => {
    addNode([]);
    const waiting = store({ waitMs: 50 }).acquire(request(), stop.signal);
    await expect(waiting).rejects.toMatchObject({ code: 'E_POD_CIDR', retry: true });
    await expect(store({ waitMs: 50 }).acquire(request({ network: DUAL }), stop.signal)).rejects.toMatchObject({
      code: 'E_POD_CIDR',
    });
    addNode(['10.3.1.0/24']);
    const half = store({ waitMs: 50 }).acquire(request({ network: DUAL }), stop.signal);
    await expect(half).rejects.toMatchObject({ code: 'E_POD_CIDR', message: 'Node node-a has no IPv6 podCIDR yet' });
  });

  test('a podCIDR outside of the network is no use waiting for', async () => {
    addNode(['10.9.1.0/24']);
    const refused = store().acquire(request(), stop.signal);
    await expect(refused).rejects.toMatchObject({
      code: 'E_POD_CIDR',
      retry: false,
      message: expect.stringContaining('10.3.0.0/16'),
    });
    expect(annotations()).toEqual({});
  });

  test('a busy server is asked again, as often as is told', async () => {
    addNode();
    const fault = {
      matches: (call: { verb: string }) => call.verb === 'patch',
      what: { type: 'status', status: 429, body: 'busy', headers: { 'retry-after': '3' } },
      left: 2,
    } as const;
    const faults = { ...fault, left: 2 };
    bed.kube.faults.push(faults);
    const told: FlanError[] = [];
    const clock = quickClock();
    await store({ clock, report: (error) => told.push(error) }).acquire(request(), stop.signal);
    expect([faults.left, clock.slept]).toEqual([0, [3000, 3000]]);
    expect(told[0]?.message).toContain('429');
    expect(annotations()['public-ip']).toBe('192.0.2.1');
  });

  test('the Node is found by the Pod, and what is missing is said', async () => {
    addNode();
    bed.kube.pods.put({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'kube-flannel', name: 'flan-x' },
      spec: { nodeName: 'node-a' },
    });
    const pod = { type: 'pod', namespace: 'kube-flannel', name: 'flan-x' } as const;
    expect((await store({ node: pod }).acquire(request(), stop.signal)).node).toBe('node-a');
    const missing = store({ node: { ...pod, name: 'flan-y' } }).acquire(request(), stop.signal);
    await expect(missing).rejects.toMatchObject({
      code: 'E_NODE_MISSING',
      message: expect.stringContaining('kube-flannel/flan-y'),
      hint: expect.stringContaining('NODE_NAME'),
    });
  });
});

describe('the own Node', () => {
  test('a changed podCIDR is another lease', async () => {
    addNode();
    const one = store();
    await one.acquire(request(), stop.signal);
    const seen = watching(one);
    await seen.until(() => seen.view().length === 1);
    bed.kube.nodes.delete('node-a');
    addNode(['10.3.2.0/24']);
    await seen.until(() => seen.view().join() === '10.3.2.0-24 192.0.2.1 vxlan');
  });

  test('annotations that somebody took away come back, an overwrite takes effect', async () => {
    addNode();
    const one = store();
    await one.acquire(request(), stop.signal);
    const seen = watching(one);
    await seen.until(() => seen.events.length === 1);
    addNode();
    await seen.until(() => seen.events.some((event) => event.type === 'delete') && seen.view().length === 1);
    expect(annotations()['public-ip']).toBe('192.0.2.1');
    addNode(['10.3.1.0/24'], { ...annotations(), 'public-ip-overwrite': '203.0.113.9' });
    await seen.until(() => seen.view().join() === '10.3.1.0-24 203.0.113.9 vxlan');
  });

  test('registered again: annotations and condition again, under the host’s own identity', async () => {
    addNode();
    const one = store({ ownNodeId: 'machine-a' });
    expect((await one.acquire(request(), stop.signal)).nodeId).toBe('machine-a');
    await one.setNetwork('up', stop.signal);
    const seen = watching(one);
    await seen.until(() => seen.events.length === 1);
    const before = bed.kube.nodes.get('node-a')?.metadata.uid;
    bed.kube.nodes.delete('node-a');
    await seen.until(() => seen.view().length === 0);
    addNode([]);
    await eventually(() => network()?.status === 'False');
    expect(annotations()['public-ip']).toBe('192.0.2.1');
    expect(bed.kube.nodes.get('node-a')?.metadata.uid).not.toBe(before);
    const now = bed.kube.nodes.get('node-a');
    if (now) bed.kube.nodes.put({ ...now, spec: { podCIDR: '10.3.3.0/24', podCIDRs: ['10.3.3.0/24'] } });
    await seen.until(() => seen.view().join() === '10.3.3.0-24 192.0.2.1 vxlan');
    expect(seen.events.at(-1)).toMatchObject({ type: 'put', lease: { nodeId: 'machine-a' } });
  });

  test('a wrong overwrite is reported, and hurts no peer', async () => {
    addNode();
    const told: FlanError[] = [];
    const one = store({ report: (error) => told.push(error) });
    await one.acquire(request(), stop.signal);
    const seen = watching(one);
    await seen.until(() => seen.events.length === 1);
    addNode(['10.3.1.0/24'], { ...annotations(), 'public-ip-overwrite': 'gateway' });
    await eventually(() => told.length === 1);
    expect(told[0]).toMatchObject({ code: 'E_LEASE', message: expect.stringContaining('public-ip-overwrite') });
    bed.kube.nodes.put(
      makeNode({
        name: 'node-b',
        podCIDRs: ['10.3.2.0/24'],
        annotations: { [`${P}kube-subnet-manager`]: 'true', [`${P}public-ip`]: '192.0.2.2' },
      }),
    );
    await seen.until(() => seen.view().length === 2);
  });

  test('is left as it is after release', async () => {
    addNode();
    const one = store();
    const lease = await one.acquire(request(), stop.signal);
    const seen = watching(one);
    await seen.until(() => seen.view().length === 1);
    await one.release(lease, stop.signal);
    await seen.until(() => seen.view().length === 0);
    expect(annotations()).toEqual({});
  });
});

describe('peers', () => {
  test('in dual stack a change in one family is enough', async () => {
    await bed.configure(DUAL);
    const peer = (publicIpv6: string, heartbeat: string) =>
      bed.kube.nodes.put(
        makeNode({
          name: 'node-b',
          podCIDRs: ['10.3.2.0/24', 'fd00:10:0:2::/64'],
          annotations: {
            [`${P}kube-subnet-manager`]: 'true',
            [`${P}backend-type`]: 'vxlan',
            [`${P}public-ip`]: '192.0.2.2',
            [`${P}public-ipv6`]: publicIpv6,
            heartbeat,
          },
        }),
      );
    peer('2001:db8::2', '1');
    const seen = watching(store());
    await seen.until(() => seen.events.length === 1);
    peer('2001:db8::2', '2');
    peer('2001:db8::22', '2');
    await seen.until(() => seen.events.length === 2);
    expect(seen.events[1]).toMatchObject({
      type: 'put',
      lease: { ipv6: { publicIp: '2001:db8::22' }, ipv4: { publicIp: '192.0.2.2' } },
    });
  });

  test('a Node without our annotation is nothing to us', async () => {
    bed.kube.nodes.put(makeNode({ name: 'stranger', podCIDRs: ['10.3.2.0/24'] }));
    expect(await store().list(stop.signal)).toEqual({ leases: [], rejected: [] });
  });
});

describe('condition NetworkUnavailable', () => {
  test('False when ready, True again when not, and others are not touched', async () => {
    bed.kube.nodes.put(
      makeNode({ name: 'node-a', conditions: [condition('Ready', 'True'), condition('NetworkUnavailable', 'True')] }),
    );
    const one = store();
    await one.setNetwork('up', stop.signal);
    expect(network()).toMatchObject({
      status: 'False',
      reason: 'FlannelIsUp',
      message: 'Flannel is running on this node',
    });
    await one.setNetwork('up', stop.signal);
    expect(patches()).toHaveLength(1);
    await one.setNetwork('down', stop.signal);
    expect(network()).toMatchObject({ status: 'True', lastTransitionTime: '2026-11-22T12:00:00Z' });
    expect(bed.kube.nodes.get('node-a')?.status?.conditions).toContainEqual(condition('Ready', 'True'));
  });
});

describe('renew', () => {
  test('only while the Node still has the subnet', async () => {
    addNode();
    const one = store();
    const lease = await one.acquire(request(), stop.signal);
    addNode();
    expect((await one.renew(lease, request(), stop.signal)).key).toBe(lease.key);
    expect(annotations()['public-ip']).toBe('192.0.2.1');
    const now = bed.kube.nodes.get('node-a');
    if (now) bed.kube.nodes.put({ ...now, spec: { podCIDR: '10.3.3.0/24', podCIDRs: ['10.3.3.0/24'] } });
    await expect(one.renew(lease, request(), stop.signal)).rejects.toMatchObject({
      code: 'E_LEASE_LOST',
      message: expect.stringContaining('10.3.3.0-24'),
    });
  });
});
