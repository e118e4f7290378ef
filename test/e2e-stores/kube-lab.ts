import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Fields, makeNode } from '../support/fake-kube/objects.js';
import { type FakeKube, type FakeKubeOptions, fakeKube } from '../support/fake-kube/server.js';
import type { KernelTestOptions } from '../support/kernel.js';
import { type Lab, type LabOptions, labTest } from '../support/lab.js';
import { type Daemon, startDaemon } from '../support/lab-daemon.js';

const PREFIX = 'flannel.alpha.coreos.com/';

/** A lab of one node whose leases are the Nodes of a fake API server. */
export interface KubeLab extends Lab {
  readonly kube: FakeKube;
  /** Flags that lead there: flanneld's own. */
  readonly flags: readonly string[];
  /** Puts a Node; its addresses and type as flanneld annotates them, `undefined` for one that no daemon has seen yet. */
  addNode(name: string, podCIDRs: readonly string[], publicIp?: string, more?: Readonly<Record<string, string>>): void;
  /** Of node-a, the own one; flannel's only, without their prefix. */
  annotations(): Readonly<Record<string, string>>;
  /** Status of the condition NetworkUnavailable of node-a. */
  networkUnavailable(): unknown;
  watch(args?: readonly string[]): Daemon;
  ready(args?: readonly string[]): Promise<Daemon>;
}

export interface KubeLabOptions extends Omit<LabOptions, 'network' | 'nodes'>, KernelTestOptions {
  readonly config?: unknown;
  readonly server?: FakeKubeOptions;
}

export const kubeTest = (name: string, options: KubeLabOptions, action: (lab: KubeLab) => Promise<void>): void =>
  labTest(name, options, async (lab) => {
    const kube = await fakeKube(options.server);
    lab.onEnd(() => kube.close());
    const file = (path: string, content: unknown): string => {
      writeFileSync(join(lab.dir, path), JSON.stringify(content));
      return join(lab.dir, path);
    };
    const config = options.config ?? { Network: '10.5.0.0/16', Backend: { Type: 'host-gw' } };
    const flags = [
      ...['--kube-subnet-mgr', '--kubeconfig-file', file('kubeconfig', kubeconfig(kube))],
      ...['--net-config-path', file('net-conf.json', config), '--store', 'kubernetes'],
    ];
    const own = () => kube.nodes.get('node-a');
    const watch = (args: readonly string[] = []): Daemon => {
      const daemon = startDaemon(lab.node().start(['watch', '--json', ...flags, ...args]));
      lab.onEnd(() => daemon.kill());
      return daemon;
    };
    await action({
      ...lab,
      ...{ kube, flags, watch },
      addNode: (node, podCIDRs, publicIp, more = {}) => {
        const annotations = publicIp === undefined ? {} : annotated(publicIp, more);
        kube.nodes.put(makeNode({ name: node, podCIDRs, annotations }));
      },
      annotations: () =>
        Object.fromEntries(
          Object.entries(own()?.metadata.annotations ?? {})
            .filter(([key]) => key.startsWith(PREFIX))
            .map(([key, value]) => [key.slice(PREFIX.length), value]),
        ),
      networkUnavailable: () =>
        (own()?.status?.conditions as Fields[] | undefined)?.find(({ type }) => type === 'NetworkUnavailable')?.status,
      async ready(args) {
        const daemon = watch(args);
        await daemon.until('ready');
        return daemon;
      },
    });
  });

const annotated = (publicIp: string, more: Readonly<Record<string, string>>): Readonly<Record<string, string>> => ({
  [`${PREFIX}kube-subnet-manager`]: 'true',
  [`${PREFIX}backend-type`]: 'host-gw',
  [`${PREFIX}backend-data`]: 'null',
  [`${PREFIX}public-ip`]: publicIp,
  ...Object.fromEntries(Object.entries(more).map(([name, value]) => [PREFIX + name, value])),
});

const kubeconfig = (kube: FakeKube) => ({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [
    {
      name: 'c',
      cluster: {
        server: kube.url,
        'certificate-authority-data': Buffer.from(kube.certificates.ca).toString('base64'),
      },
    },
  ],
  users: [{ name: 'u', user: { token: 'token-1' } }],
  contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
  'current-context': 'x',
});
