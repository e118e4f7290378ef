import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { decodeNetwork } from '../../src/config/network.js';
import { SETTINGS } from '../../src/config/settings-definitions.js';
import type { NodeSource } from '../../src/leases/kubernetes/own-node.js';
import { CONTRACT_NETWORK, follow, requestOf } from '../contracts/lease-store.js';
import { type KubeBed, kubeBed } from '../support/fake-kube/bed.js';
import { quickClock } from '../support/fake-kube/clock.js';
import { documentOf, manifest, manifestRules } from '../support/fake-kube/manifest.js';
import { makeNode } from '../support/fake-kube/objects.js';
import { allows } from '../support/fake-kube/rbac.js';

let bed: KubeBed;
let stop: AbortController;
beforeEach(async () => {
  stop = new AbortController();
});
afterEach(async () => {
  stop.abort();
  await bed.close();
});

/** Everything a store does in its life: with a podCIDR that comes late, lost history, and a server without streaming. */
async function wholeLife(): Promise<void> {
  const store = bed.store('node-1', { clock: quickClock() });
  await store.network(stop.signal);
  bed.kube.nodes.put(makeNode({ name: 'node-1' }));
  await store.nodePublicIps(stop.signal);
  const acquired = store.acquire(requestOf(1), stop.signal);
  while (bed.kube.watches() === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  bed.kube.nodes.put(makeNode({ name: 'node-1', podCIDRs: ['10.3.1.0/24'] }));
  const lease = await acquired;
  const seen = follow(store, stop.signal);
  await seen.until(() => seen.view().length === 1);
  await store.setNetwork('up', stop.signal);
  await store.list(stop.signal);
  await bed.kube.stop();
  bed.kube.nodes.compact();
  await bed.kube.start();
  await seen.until(() => seen.events.filter((event) => event.type === 'snapshot').length > 1);
  await store.renew(lease, requestOf(1), stop.signal);
  await store.note({ type: 'Normal', reason: 'DriftRepaired', message: 'm', count: 1 }, stop.signal);
  await store.setNetwork('down', stop.signal);
  await store.release(lease, stop.signal);
  await seen.until(() => seen.view().length === 0);
  stop.abort();
  await seen.ended;
}

describe('the ClusterRole', () => {
  test('allows all that is asked of the API server, and nothing that is never asked', async () => {
    bed = await kubeBed({ rules: manifestRules(), streams: false });
    await bed.configure(CONTRACT_NETWORK);
    await wholeLife();
    expect(bed.kube.calls.filter((call) => call.status === 403)).toEqual([]);
    const asked = new Set(bed.kube.calls.map((call) => `${call.verb} ${call.resource}`));
    const allowed = manifestRules().flatMap((rule) =>
      rule.resources.flatMap((resource) => rule.verbs.map((verb) => `${verb} ${resource}`)),
    );
    expect([...asked].sort()).toEqual(allowed.sort());
  });

  test.each(['get nodes', 'list nodes', 'watch nodes', 'patch nodes/status'])(
    'without the right to %s the error names the rule',
    async (right) => {
      const [verb = '', resource = ''] = right.split(' ');
      const rules = manifestRules().map((rule) =>
        rule.resources.includes(resource) ? { ...rule, verbs: rule.verbs.filter((one) => one !== verb) } : rule,
      );
      expect(allows(rules, { user: '', verb, resource })).toBe(false);
      bed = await kubeBed({ rules, streams: false });
      await bed.configure(CONTRACT_NETWORK);
      bed.kube.nodes.put(makeNode({ name: 'node-1', podCIDRs: ['10.3.1.0/24'] }));
      const store = bed.store('node-1', { clock: quickClock() });
      const refused =
        verb === 'watch'
          ? await new Promise((resolve) => {
              const run = async () => {
                const onState = (state: { state: string; error?: unknown }) => state.error && resolve(state.error);
                for await (const _ of store.watch(stop.signal, onState));
              };
              void run();
            })
          : await (verb === 'list' ? store.list(stop.signal) : store.acquire(requestOf(1), stop.signal)).catch(
              (error: unknown) => error,
            );
      expect(refused).toMatchObject({
        code: 'E_STORE_PERMISSION',
        hint: `Add to the ClusterRole: { apiGroups: [""], resources: ["${resource}"], verbs: ["${verb}"] }`,
      });
    },
  );

  test('has every right that a request in the sources says it needs, but for what only POD_NAME needs', async () => {
    bed = await kubeBed();
    const folder = new URL('../../src/leases/kubernetes/', import.meta.url);
    const texts = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8'));
    const named = texts.flatMap((text) => [...text.matchAll(/needs: '([^']+)'/g)].map(([, right = '']) => right));
    const refused = new Set(
      named.filter((right) => {
        const [verb = '', resource = ''] = right.split(' ');
        return !allows(manifestRules(), { user: '', verb, resource });
      }),
    );
    expect(named.length).toBeGreaterThan(4);
    expect([...refused]).toEqual(['get pods']);
  });

  test('of flannel does as well: nothing but Events is refused', async () => {
    const rules = [
      { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
      { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
      { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
    ];
    bed = await kubeBed({ rules, streams: false });
    await bed.configure(CONTRACT_NETWORK);
    await expect(wholeLife()).rejects.toMatchObject({ code: 'E_STORE_PERMISSION' });
    const refused = bed.kube.calls
      .filter((call) => call.status === 403)
      .map(({ verb, resource }) => `${verb} ${resource}`);
    expect([...new Set(refused)]).toEqual(['create events']);
  });

  test('does not allow what only POD_NAME needs; the error says how to do without', async () => {
    bed = await kubeBed({ rules: manifestRules() });
    await bed.configure(CONTRACT_NETWORK);
    const node: NodeSource = { type: 'pod', namespace: 'kube-flannel', name: 'flan-x' };
    const refused = bed.store('unused', { node }).acquire(requestOf(1), stop.signal);
    await expect(refused).rejects.toMatchObject({
      code: 'E_STORE_PERMISSION',
      hint: expect.stringMatching(/NODE_NAME/),
    });
  });
});

describe('the manifest', () => {
  beforeEach(async () => {
    bed = await kubeBed();
  });
  interface Container {
    readonly args: readonly string[];
    readonly env: readonly { readonly name: string; readonly valueFrom: unknown }[];
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  }
  interface PodSpec {
    readonly serviceAccountName: string;
    readonly containers: readonly Container[];
    readonly volumes: readonly { readonly name: string; readonly configMap?: { readonly name: string } }[];
  }
  const pod = () => (documentOf('DaemonSet').spec as { template: { spec: PodSpec } }).template.spec;

  test('holds a network config that is read without a warning', () => {
    const { data } = documentOf('ConfigMap') as { data: Record<string, string> };
    const { network, warnings } = decodeNetwork(JSON.parse(data['net-conf.json'] ?? ''), 'net-conf.json');
    expect(warnings).toEqual([]);
    expect(network).toMatchObject({ ipv4: { network: '10.244.0.0/16', subnetLen: 24 }, backend: { type: 'vxlan' } });
    expect(JSON.parse(data['cni-conf.json'] ?? '')).toMatchObject({ name: 'cbr0', cniVersion: '0.3.1' });
  });

  test('gives flags that there are', () => {
    const [command, ...flags] = pod().containers[0]?.args ?? [];
    expect(command).toBe('watch');
    const known = SETTINGS.flatMap((setting) => [setting.flag, setting.flannelFlag]);
    for (const flag of flags) expect(known).toContain(flag.replace(/^--/, '').replace(/=.*/, ''));
  });

  test('names the Node by the downward API', () => {
    expect(pod().containers[0]?.env).toContainEqual({
      name: 'NODE_NAME',
      valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } },
    });
  });

  test('agrees with itself: account, binding, volumes, namespace', () => {
    const subject = { kind: 'ServiceAccount', name: pod().serviceAccountName, namespace: 'kube-flannel' };
    expect(documentOf('ClusterRoleBinding')).toMatchObject({
      subjects: [subject],
      roleRef: { kind: 'ClusterRole', name: (documentOf('ClusterRole').metadata as { name: string }).name },
    });
    expect(documentOf('ServiceAccount')).toMatchObject({
      metadata: { name: subject.name, namespace: subject.namespace },
    });
    const volumes = pod().volumes.map((volume) => volume.name);
    for (const { name } of pod().containers.flatMap((container) => container.volumeMounts))
      expect(volumes).toContain(name);
    expect(documentOf('ConfigMap')).toMatchObject({
      metadata: { name: pod().volumes.find((volume) => volume.configMap)?.configMap?.name },
    });
    expect(documentOf('Kustomization').resources).toHaveLength(4);
    expect(manifest()).toHaveLength(7);
  });
});
