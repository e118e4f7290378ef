import { createServer } from 'node:net';
import { describe, expect } from 'vitest';
import { type EtcdLab, etcdLabs, HOST_GW } from '../e2e-stores/etcd-lab.js';
import { kubeTest } from '../e2e-stores/kube-lab.js';
import { startFlan } from '../support/cli.js';
import type { Lab, LabNode } from '../support/lab.js';
import { type Daemon, startDaemon } from '../support/lab-daemon.js';
import { FLANNELD, variableOf } from './command-line.js';

const etcdTest = etcdLabs();

/** A port of the loopback that nobody has at the moment. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

interface Start {
  readonly flags: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

function start({ onEnd }: Pick<Lab, 'onEnd'>, node: LabNode, { flags, env = {} }: Start): Daemon {
  const place = {
    FLAN_NETNS: node.netns.name,
    FLAN_RUNTIME_DIR: node.runtimeDir,
    FLAN_STATE_DIR: `${node.runtimeDir}/kept`,
  };
  const options = { command: FLANNELD, env: { ...place, ...env }, cwd: '/' };
  const daemon = startDaemon(startFlan([...flags, '--json'], options));
  onEnd(() => daemon.kill());
  return daemon;
}

/** A value for each of flanneld's flags, as a node with etcd would have them. */
const valuesFor = (lab: EtcdLab, port: number): Readonly<Record<string, string>> => ({
  'etcd-endpoints': lab.proxy.endpoint,
  'etcd-prefix': lab.prefix,
  'etcd-keyfile': '',
  'etcd-certfile': '',
  'etcd-cafile': '',
  'etcd-username': '',
  'etcd-password': '',
  iface: 'eth0',
  'iface-regex': '^192\\.168\\.',
  'iface-can-reach': '192.168.10.2',
  'subnet-file': lab.node().subnetFile,
  'public-ip': '192.168.10.1',
  'public-ipv6': '',
  'subnet-lease-renew-margin': '60',
  'ip-masq': 'true',
  'ip-masq-fully-random-disable': 'true',
  'kube-subnet-mgr': 'false',
  'kube-api-url': '',
  'kubeconfig-file': '',
  'kube-annotation-prefix': 'flannel.alpha.coreos.com',
  'net-config-path': '/etc/kube-flannel/net-conf.json',
  'set-node-network-unavailable': 'true',
  'healthz-ip': '127.0.0.1',
  'healthz-port': String(port),
  'iptables-resync': '5',
  'iptables-forward-rules': 'true',
  'ip-blackhole-route': 'true',
  v: '0',
  vmodule: 'main=2',
  log_backtrace_at: 'main.go:7',
});

async function expectToWork(lab: EtcdLab, daemon: Daemon, port: number): Promise<void> {
  const node = lab.node();
  expect(await daemon.until('ready')).toMatchObject({ failed: 0 });
  expect(await node.routes()).toContain('10.5.2.0/24 via 192.168.10.2 dev eth0');
  const [key = ''] = Object.keys(await lab.stored()).filter((one) => one !== '10.5.2.0-24');
  const subnet = key.replace(/0-24$/, '');
  expect(node.subnetEnv()).toBe(
    `FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=${subnet}1/24\nFLANNEL_MTU=1500\nFLANNEL_IPMASQ=true\n`,
  );
  expect(await node.netns.sh('ip route show type blackhole')).toContain(`${subnet}0/24`);
  const rules = await node.netns.sh('iptables-save');
  expect(rules).toContain('-j FLANNEL-FWD');
  expect(rules).toContain('-j MASQUERADE');
  expect(rules).not.toContain('--random-fully');
  for (const path of ['healthz', 'readyz']) {
    const answer = await fetch(`http://127.0.0.1:${port}/${path}`);
    expect(answer.status, await answer.text()).toBe(200);
  }
  const { code, stderr } = await daemon.stop();
  expect(code).toBe(0);
  const warnings = stderr.split('\n').filter((line) => line.startsWith('Warning'));
  expect(warnings.map((line) => /^Warning (\w+): -*(\S+) is flanneld's/.exec(line)?.slice(1).join(' '))).toEqual(
    ['iptables-resync', 'vmodule', 'log_backtrace_at'].map(
      (flag) => `W_SETTING_IGNORED ${stderr.includes('FLANNELD_') ? variableOf(flag) : flag}`,
    ),
  );
}

describe('flanneld’s whole command line', () => {
  const options = { config: HOST_GW, needs: ['iptables', 'ip6tables'], timeoutMs: 60_000 } as const;

  etcdTest('as flags', options, async (lab) => {
    await lab.put('10.5.2.0/24', '192.168.10.2');
    const port = await freePort();
    const flags = Object.entries(valuesFor(lab, port)).map(([flag, value]) => `-${flag}=${value}`);
    await expectToWork(lab, start(lab, lab.node(), { flags }), port);
  });

  etcdTest('as variables', options, async (lab) => {
    await lab.put('10.5.2.0/24', '192.168.10.2');
    const port = await freePort();
    const env = Object.fromEntries(
      Object.entries(valuesFor(lab, port)).map(([flag, value]) => [variableOf(flag), value]),
    );
    await expectToWork(lab, start(lab, lab.node(), { flags: [], env }), port);
  });

  const FLANNELS_RULES = [
    { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
    { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
    { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
  ];
  kubeTest(
    'of kube-flannel.yml, with its variables and its rights',
    { server: { rules: FLANNELS_RULES } },
    async (lab) => {
      lab.addNode('node-a', ['10.5.1.0/24']);
      lab.addNode('node-b', ['10.5.2.0/24'], '192.168.10.2');
      lab.kube.pods.put({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name: 'kube-flannel-ds-x', namespace: 'kube-flannel' },
        spec: { nodeName: 'node-a' },
      } as never);
      const [, , kubeconfig, , netConf] = lab.flags;
      const port = await freePort();
      const own = ['--kube-subnet-mgr', `--healthz-port=${port}`, '--healthz-ip=127.0.0.1', '--iface=eth0'];
      const flags = [...own, `--kubeconfig-file=${kubeconfig}`, `--net-config-path=${netConf}`];
      const env = {
        POD_NAME: 'kube-flannel-ds-x',
        POD_NAMESPACE: 'kube-flannel',
        EVENT_QUEUE_DEPTH: '5000',
        CONT_WHEN_CACHE_NOT_READY: 'false',
        FLANNELD_SUBNET_FILE: lab.node().subnetFile,
        FLANNELD_IPTABLES_FORWARD_RULES: 'false',
      };
      const daemon = start(lab, lab.node(), { flags, env });
      expect(await daemon.until('ready')).toMatchObject({ failed: 0 });
      expect(await lab.node().routes()).toEqual(['10.5.2.0/24 via 192.168.10.2 dev eth0']);
      expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
      expect(lab.annotations()).toMatchObject({ 'kube-subnet-manager': 'true', 'backend-type': 'host-gw' });
      expect(await daemon.stop()).toMatchObject({ code: 0, stderr: '' });
      const refused = lab.kube.calls
        .filter(({ status }) => status === 403)
        .map(({ verb, resource }) => `${verb} ${resource}`);
      expect(refused.filter((right) => right !== 'create events')).toEqual([]);
    },
  );
});
