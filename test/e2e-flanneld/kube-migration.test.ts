import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect } from 'vitest';
import { kubeTest } from '../e2e-stores/kube-lab.js';
import { makeNode } from '../support/fake-kube/objects.js';
import { render } from '../support/kustomize.js';
import { configOf, peerCommands, restoring, rulesOf, shownRules, subnetEnvOf } from './left-by-flanneld.js';

const PREFIX = 'flannel.alpha.coreos.com/';
const macOf = (n: number): string => `3e:00:00:00:00:0${n}`;

/** What flanneld annotates its Node with, in its words. */
const annotationsOf = (n: number): Readonly<Record<string, string>> => ({
  [`${PREFIX}kube-subnet-manager`]: 'true',
  [`${PREFIX}backend-type`]: 'vxlan',
  [`${PREFIX}backend-data`]: `{"VNI":1,"VtepMAC":"${macOf(n)}"}`,
  [`${PREFIX}public-ip`]: `192.168.10.${n}`,
});

describe('a Node that flanneld leaves', () => {
  /** flannel's ClusterRole: the preview runs with it, and so does an image that is changed alone. */
  const rules = [
    { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
    { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
    { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
  ];
  const options = {
    config: configOf('vxlan'),
    server: { rules },
    needs: ['vxlan', 'iptables', 'ip6tables'],
    timeoutMs: 60_000,
  } as const;

  kubeTest('is taken over with its annotations, its device and its rules as they are', options, async (lab) => {
    for (const [n, name] of ['node-a', 'node-b'].entries()) {
      const annotations = annotationsOf(n + 1);
      lab.kube.nodes.put(makeNode({ name, podCIDRs: [`10.5.${n + 1}.0/24`], annotations }));
    }
    const node = lab.node();
    await node.netns.sh(
      [
        `ip link add flannel.1 address ${macOf(1)} mtu 1450 type vxlan id 1 local 192.168.10.1 dev eth0 dstport 8472 nolearning`,
        'ip addr add 10.5.1.0/32 dev flannel.1; ip link set flannel.1 up',
        ...peerCommands(2, 'vxlan'),
        // A Node that left while flanneld was down: it never looks again.
        ...peerCommands(9, 'vxlan'),
        restoring(1),
      ].join('\n'),
    );
    mkdirSync(dirname(node.subnetFile), { recursive: true });
    writeFileSync(node.subnetFile, subnetEnvOf(1, 1450), { mode: 0o644 });
    const index = await node.netns.sh('cat /sys/class/net/flannel.1/ifindex');
    const before = lab.annotations();

    // What the preview would say: it asks only what flannel's rights allow.
    const job = render('preview').find(({ kind }) => kind === 'Job') as unknown as {
      spec: { template: { spec: { containers: { args: string[] }[] } } };
    };
    const [command = '', ...flags] = job.spec.template.spec.containers[0]?.args ?? [];
    const planned = await node.flan([command, ...flags, ...lab.flags.slice(1), '--iptables-forward-rules']);
    expect(planned).toMatchObject({ code: 0, stderr: '' });
    expect(planned.stdout).toMatch(/> {3}adopt +route\/main\/10\.5\.2\.0\/24/);
    expect(planned.stdout).toMatch(/- {3}delete +route\/main\/10\.5\.9\.0\/24/);
    expect(await node.routes()).toEqual([]);

    const daemon = await lab.ready(['--adopt', '--ip-masq', '--iptables-forward-rules']);
    const ready = await daemon.until('ready');
    expect(ready).toMatchObject({ failed: 0, peers: 1 });
    // Whoever reads `flannel.alpha.coreos.com` of this Node sees nothing new.
    expect(lab.annotations()).toEqual(before);
    expect(await node.netns.sh('cat /sys/class/net/flannel.1/ifindex')).toBe(index);
    expect(await node.netns.sh('cat /sys/class/net/flannel.1/address')).toBe(`${macOf(1)}\n`);
    expect(await shownRules(node)).toEqual(rulesOf(1));
    expect(readFileSync(node.subnetFile, 'utf8')).toBe(subnetEnvOf(1, 1450));
    expect(await node.routes()).toEqual(['10.5.2.0/24 via 10.5.2.0 dev flannel.1 onlink']);
    // What is left of the Node that is gone goes.
    const all = await node.netns.sh('ip route; ip neigh show dev flannel.1; bridge fdb show dev flannel.1');
    expect(all).toContain(macOf(2));
    expect(all).not.toMatch(/10\.5\.9\.|3e:00:00:00:00:09/);
    expect((await daemon.stop()).code).toBe(0);
    expect(lab.annotations()).toEqual(before);
    const refused = lab.kube.calls.filter(({ status }) => status === 403);
    expect(refused.filter(({ resource }) => resource !== 'events')).toEqual([]);
  });
});
