import { expect } from 'vitest';
import { flan, startFlan } from '../support/cli.js';
import { certificateAuthority, startEtcd } from '../support/etcd.js';
import { type LabNode, labTest } from '../support/lab.js';
import { startDaemon } from '../support/lab-daemon.js';
import { etcdLabs, eventually, HOST_GW } from './etcd-lab.js';
import { kubeTest } from './kube-lab.js';

const etcdTest = etcdLabs();

/** What makes flan act as a node of the lab; all the rest is said as flanneld would be told. */
const host = (node: LabNode): readonly string[] => [
  ...['--netns', node.netns.name, '--node', node.name, '--node-id', `id-${node.name}`],
  ...['--runtime-dir', node.runtimeDir, '--state-dir', node.runtimeDir],
];

etcdTest('flanneld’s command line for etcd, with one dash', { config: HOST_GW }, async (lab) => {
  await lab.put('10.5.2.0/24', '192.168.10.2');
  const node = lab.node();
  const flags = [
    ...[`-etcd-endpoints=${lab.proxy.endpoint}`, `-etcd-prefix=${lab.prefix}`, '-iface=eth0', '-ip-masq=false'],
    ...['-subnet-lease-renew-margin=60', '-iptables-forward-rules=false', '-v=0', '-iptables-resync=5'],
    ...[`-subnet-file=${node.subnetFile}`, '-healthz-port=0'],
  ];
  const daemon = startDaemon(startFlan(['watch', '--json', ...host(node), ...flags]));
  lab.onEnd(() => daemon.kill());
  await daemon.until('ready');
  expect(await node.routes()).toEqual(['10.5.2.0/24 via 192.168.10.2 dev eth0']);
  expect(node.subnetEnv()).toContain('FLANNEL_IPMASQ=false\n');
  expect((await daemon.stop()).code).toBe(0);
});

etcdTest('flanneld’s variables for etcd', { config: HOST_GW }, async (lab) => {
  await lab.put('10.5.2.0/24', '192.168.10.2');
  const node = lab.node();
  const env = {
    FLANNELD_ETCD_ENDPOINTS: lab.proxy.endpoint,
    FLANNELD_ETCD_PREFIX: lab.prefix,
    FLANNELD_IFACE: 'eth0',
    FLANNELD_SUBNET_FILE: node.subnetFile,
    FLANNELD_IPTABLES_FORWARD_RULES: 'false',
    FLANNELD_SUBNET_LEASE_RENEW_MARGIN: '30',
  };
  const daemon = startDaemon(startFlan(['watch', '--json', ...host(node)], { env }));
  lab.onEnd(() => daemon.kill());
  await daemon.until('ready');
  expect(await node.routes()).toEqual(['10.5.2.0/24 via 192.168.10.2 dev eth0']);
  await daemon.stop();
  // A bad value is an error that names the variable, and not a zero.
  const bad = { ...env, FLANNELD_SUBNET_LEASE_RENEW_MARGIN: 'x' };
  const { code, stderr } = await flan(['watch', ...host(node)], { env: bad });
  expect(stderr).toContain('FLANNELD_SUBNET_LEASE_RENEW_MARGIN');
  expect(code).toBe(78);
});

labTest('TLS with a client certificate, and without one', { timeoutMs: 60_000 }, async (lab) => {
  const authority = certificateAuthority();
  lab.onEnd(() => authority.close());
  const own = authority.issue('flan');
  const server = await startEtcd({
    tls: { server: authority.issue('etcd'), caFile: authority.caFile, clientCerts: 'required' },
    ctlArgs: ['--cacert', authority.caFile, '--cert', own.cert, '--key', own.key],
  });
  lab.onEnd(() => server.close());
  await server.ctl('put', '/coreos.com/network/config', JSON.stringify(HOST_GW));
  const node = lab.node();
  const tls = [`-etcd-cafile=${authority.caFile}`, `-etcd-certfile=${own.cert}`, `-etcd-keyfile=${own.key}`];
  const flags = [`-etcd-endpoints=${server.endpoint}`, '--store=etcd', ...tls];
  expect(await node.flan(['apply', '--yes', ...flags])).toMatchObject({ code: 0, stderr: '' });
  expect(node.subnetEnv()).toContain('FLANNEL_NETWORK=10.5.0.0/16');
  const without = await node.flan(['plan', ...flags.slice(0, 2), tls[0] ?? '']);
  expect(without.stderr).toMatch(/^Error E_STORE_/);
  expect(without.code).not.toBe(0);
});

kubeTest('flanneld’s command line for Kubernetes', {}, async (lab) => {
  lab.addNode('node-a', ['10.5.1.0/24']);
  lab.addNode('node-b', ['10.5.2.0/24'], '192.168.10.2');
  const node = lab.node();
  const [, , kubeconfig, , netConf] = lab.flags;
  const flags = [
    ...['--ip-masq=false', '--kube-subnet-mgr', `--kubeconfig-file=${kubeconfig}`, `--net-config-path=${netConf}`],
    ...['--iptables-forward-rules=false', `--subnet-file=${node.subnetFile}`, '--iface=eth0'],
    ...['--kube-annotation-prefix=flannel.alpha.coreos.com'],
  ];
  const env = { NODE_NAME: 'node-a' };
  const own = ['--netns', node.netns.name, '--runtime-dir', node.runtimeDir, '--state-dir', node.runtimeDir];
  const daemon = startDaemon(startFlan(['watch', '--json', ...own, ...flags], { env }));
  lab.onEnd(() => daemon.kill());
  await daemon.until('ready');
  expect(await node.routes()).toEqual(['10.5.2.0/24 via 192.168.10.2 dev eth0']);
  await eventually(() => lab.networkUnavailable() === 'False');
  expect((await daemon.stop()).code).toBe(0);
});
