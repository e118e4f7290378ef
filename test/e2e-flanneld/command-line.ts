import { fileURLToPath } from 'node:url';

/** The launcher under flanneld's name. */
export const FLANNELD = fileURLToPath(new URL('../../bin/flanneld.js', import.meta.url));

export interface FlanneldFlag {
  readonly flag: string;
  /** As an operator writes it. */
  readonly value: string;
  /** Our name for it; absent for what flan has no use for. */
  readonly setting?: string;
  /** As `flan config show` prints it, where that is not the value itself. */
  readonly shown?: string;
  readonly isSwitch?: true;
}

/** Every flag that flanneld 0.28.9 has, but for `version`, which is a command of its own. */
export const FLANNELD_FLAGS: readonly FlanneldFlag[] = [
  { flag: 'etcd-endpoints', value: 'http://10.0.0.1:2379,http://10.0.0.2:2379', setting: 'etcdEndpoints' },
  { flag: 'etcd-prefix', value: '/a/b', setting: 'etcdPrefix' },
  { flag: 'etcd-keyfile', value: '/k.pem', setting: 'etcdKeyfile' },
  { flag: 'etcd-certfile', value: '/c.pem', setting: 'etcdCertfile' },
  { flag: 'etcd-cafile', value: '/ca.pem', setting: 'etcdCafile' },
  { flag: 'etcd-username', value: 'flannel', setting: 'etcdUsername' },
  { flag: 'etcd-password', value: 'hunter2', setting: 'etcdPassword', shown: '(set)' },
  { flag: 'iface', value: 'eth1', setting: 'iface' },
  { flag: 'iface-regex', value: '^10\\.', setting: 'ifaceRegex' },
  { flag: 'iface-can-reach', value: '10.0.0.9', setting: 'ifaceCanReach' },
  { flag: 'subnet-file', value: '/run/x/subnet.env', setting: 'subnetFile' },
  { flag: 'public-ip', value: '10.0.0.7', setting: 'publicIp' },
  { flag: 'public-ipv6', value: 'fd00::7', setting: 'publicIpv6' },
  { flag: 'subnet-lease-renew-margin', value: '90', setting: 'leaseRenewMargin', shown: '1h30m' },
  { flag: 'ip-masq', value: 'true', setting: 'ipMasq', isSwitch: true },
  { flag: 'ip-masq-fully-random-disable', value: 'true', setting: 'ipMasqFullyRandomDisable', isSwitch: true },
  { flag: 'kube-subnet-mgr', value: 'true', setting: 'kubeSubnetMgr', isSwitch: true },
  { flag: 'kube-api-url', value: 'https://10.0.0.1:6443', setting: 'kubeApiUrl' },
  { flag: 'kubeconfig-file', value: '/etc/kubeconfig', setting: 'kubeconfigFile' },
  { flag: 'kube-annotation-prefix', value: 'net.example.com/x', setting: 'kubeAnnotationPrefix' },
  { flag: 'net-config-path', value: '/etc/net-conf.json', setting: 'netConfigPath' },
  { flag: 'set-node-network-unavailable', value: 'false', setting: 'setNodeNetworkUnavailable', isSwitch: true },
  { flag: 'healthz-ip', value: '127.0.0.1', setting: 'healthzIp' },
  { flag: 'healthz-port', value: '8471', setting: 'healthzPort' },
  { flag: 'iptables-resync', value: '5' },
  { flag: 'iptables-forward-rules', value: 'false', setting: 'iptablesForwardRules', isSwitch: true },
  { flag: 'ip-blackhole-route', value: 'true', setting: 'ipBlackholeRoute', isSwitch: true },
  { flag: 'v', value: '4', setting: 'logLevel', shown: 'debug' },
  { flag: 'vmodule', value: 'main=2' },
  { flag: 'log_backtrace_at', value: 'main.go:7' },
];

/** `FLANNELD_ETCD_PREFIX` of `etcd-prefix`. */
export const variableOf = (flag: string): string => `FLANNELD_${flag.toUpperCase().replaceAll('-', '_')}`;
