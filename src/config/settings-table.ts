import type { ValueType } from './value-types.js';
import * as is from './value-types.js';

export type SettingGroup = 'store' | 'node' | 'interface' | 'traffic' | 'ownership' | 'watch' | 'etcd' | 'kubernetes';

export interface Row<T> {
  readonly type: ValueType<Exclude<T, undefined>>;
  readonly group: SettingGroup;
  readonly description: string;
  readonly default: T;
  /** For people, where the default is found out at run time. */
  readonly defaultText?: string;
  /** flanneld's flag for it, which also names `FLANNELD_…`. */
  readonly flannelFlag?: string;
  readonly flannelNotation?: FlannelNotation;
  /** flanneld's variable for it, where it has no flag. */
  readonly flannelVariable?: string;
}

/** How flanneld writes a value, where that differs. */
export interface FlannelNotation {
  /** Completes "must be …". */
  readonly expects: string;
  /** flanneld's text in our notation; undefined when flanneld would refuse it. */
  readonly translate: (text: string) => string | undefined;
}

type About = Omit<Row<unknown>, 'type' | 'default'>;

const setting = <T>(type: ValueType<T>, fallback: NoInfer<T>, about: About): Row<T> =>
  ({ type, default: fallback, ...about }) as Row<T>;

/** A setting that has no value unless one is given. */
const optional = <T>(type: ValueType<T>, about: About): Row<T | undefined> =>
  ({ type, default: undefined, ...about }) as Row<T | undefined>;

const HOUR_MS = 3_600_000;

/** A regular expression of JavaScript; Go's leading `(?i)` is understood too. */
export function compilePattern(text: string): RegExp | undefined {
  const [, insensitive, body = ''] = /^(\(\?i\))?(.*)$/s.exec(text) ?? [];
  try {
    return new RegExp(body, insensitive === undefined ? '' : 'i');
  } catch {
    return undefined;
  }
}

const endpoint = is.string({
  expects: 'an http:// or https:// URL',
  accepts: (text) => /^https?:\/\/[^/\s]+\/?$/.test(text) && URL.canParse(text),
});

/** The one table that flags, variables, file keys, defaults and documentation come from. Its keys are the file's. */
export const TABLE = {
  store: setting(is.choice(['file', 'etcd', 'kubernetes']), 'file', {
    group: 'store',
    description: 'Where leases live',
    defaultText: 'implied by etcdEndpoints, kubeSubnetMgr or leases; else file',
  }),
  leases: setting(is.path, '/var/lib/flan/leases', {
    group: 'store',
    description: 'File store: a directory of leases with its network config, or one file',
    defaultText: './leases if it exists, else /var/lib/flan/leases',
  }),

  node: optional(is.name, { group: 'node', description: 'Name of this node', defaultText: 'the host name' }),
  nodeId: optional(is.name, {
    group: 'node',
    description: 'Stable identity of this node in leases',
    defaultText: 'derived from /etc/machine-id',
  }),
  netns: optional(is.netns, {
    group: 'node',
    description: 'Network namespace to work in, by name or path',
    defaultText: 'the own one',
  }),
  subnetFile: setting(is.path, '/run/flannel/subnet.env', {
    group: 'node',
    flannelFlag: 'subnet-file',
    description: 'File that tells the container runtime its subnet and MTU',
  }),
  runtimeDir: setting(is.path, '/run/flan', {
    group: 'node',
    description: 'Directory for the lock, the journal and keys',
  }),
  stateDir: setting(is.path, '/var/lib/flan', {
    group: 'node',
    description: 'Directory for what outlives a reboot: the history',
    defaultText: '$STATE_DIRECTORY if set, else /var/lib/flan',
  }),
  wireguardKeyFile: setting(is.path, '/run/flannel/wgkey', {
    group: 'node',
    flannelVariable: 'WIREGUARD_KEY_FILE',
    description: 'File that holds the private key of backend wireguard; made when it is missing',
  }),
  viciSocket: optional(is.path, {
    group: 'node',
    description: 'Unix socket of a strongSwan that somebody else runs, for backend ipsec',
    defaultText: 'the one that answers at /run/charon.vici; where none does, flan starts charon',
  }),
  logLevel: setting(is.choice(['error', 'warn', 'info', 'debug']), 'info', {
    group: 'node',
    flannelFlag: 'v',
    flannelNotation: {
      expects: 'a number',
      translate: (text) => (/^\d+$/.test(text) ? (Number(text) > 0 ? 'debug' : 'info') : undefined),
    },
    description: 'How much is logged',
  }),
  logFormat: setting(is.choice(['text', 'json', 'logfmt']), 'text', {
    group: 'node',
    description: 'How watch writes its log',
  }),

  iface: setting(is.listOf(is.string(), ','), [], {
    group: 'interface',
    flannelFlag: 'iface',
    description: 'Interface for traffic between nodes, by name or address; the first that fits is taken',
  }),
  ifaceRegex: setting(
    is.listOf(
      is.string({ expects: 'a regular expression', accepts: (text) => compilePattern(text) !== undefined }),
      '\n',
    ),
    [],
    {
      group: 'interface',
      flannelFlag: 'iface-regex',
      description: 'The same by regular expression over addresses, then names; tried after iface',
    },
  ),
  ifaceCanReach: optional(is.address(), {
    group: 'interface',
    flannelFlag: 'iface-can-reach',
    description: 'Take the interface that the kernel would use to reach this address; tried last',
  }),
  publicIp: optional(is.address(4), {
    group: 'interface',
    flannelFlag: 'public-ip',
    description: 'IPv4 address that other nodes send to',
    defaultText: 'the address of the interface',
  }),
  publicIpv6: optional(is.address(6), {
    group: 'interface',
    flannelFlag: 'public-ipv6',
    description: 'IPv6 address that other nodes send to',
    defaultText: 'the address of the interface',
  }),

  ipMasq: setting(is.boolean, false, {
    group: 'traffic',
    flannelFlag: 'ip-masq',
    description: 'Masquerade traffic that leaves the overlay',
  }),
  ipMasqFullyRandomDisable: setting(is.boolean, false, {
    group: 'traffic',
    flannelFlag: 'ip-masq-fully-random-disable',
    description: 'Never ask for fully random source ports when masquerading',
  }),
  masqueradeExclude: setting(is.listOf(is.prefix, ','), [], {
    group: 'traffic',
    description: 'Destinations that are never masqueraded',
  }),
  iptablesForwardRules: setting(is.boolean, true, {
    group: 'traffic',
    flannelFlag: 'iptables-forward-rules',
    description: 'Accept forwarded traffic from and to the overlay',
  }),
  ipBlackholeRoute: setting(is.boolean, false, {
    group: 'traffic',
    flannelFlag: 'ip-blackhole-route',
    description: 'Blackhole what is addressed to the own subnet but to no pod in it',
  }),

  routeProtocol: setting(is.integer({ min: 5, max: 255 }), 70, {
    group: 'ownership',
    description: 'rtm_protocol that marks what flan made; everything else is left alone',
  }),
  adopt: setting(is.boolean, false, {
    group: 'ownership',
    description: 'Take over what others made (flanneld, by hand) where it stands in the way',
  }),
  deleteGuard: setting(is.shareOrOff, 0.5, {
    group: 'ownership',
    description:
      'Hold back, for a minute, the deletion of more than this share of ten or more peers, of all of them, or at the start of watch of what is on the host; off: never',
  }),
  protect: setting(is.listOf(is.prefix, ','), [], {
    group: 'ownership',
    description: 'Prefixes whose routes are never changed or deleted; a default route stands for itself alone',
  }),

  mode: setting(is.choice(['heal', 'warn', 'plan-only']), 'heal', {
    group: 'watch',
    description:
      'What watch may change: heal: everything; warn: what leases ask for, not what others broke; plan-only: nothing on this host',
  }),
  resyncInterval: setting(is.duration({ minMs: 1000 }), 5 * 60_000, {
    group: 'watch',
    description: 'How often everything is read again besides events; varied by chance',
  }),
  leaseTtl: setting(is.duration({ minMs: 2000 }), 24 * HOUR_MS, {
    group: 'watch',
    description: 'How long a lease lives without being renewed',
  }),
  leaseRenewMargin: setting(is.duration({ minMs: 1000 }), HOUR_MS, {
    group: 'watch',
    flannelFlag: 'subnet-lease-renew-margin',
    flannelNotation: {
      expects: 'minutes from 1 to 1439',
      translate: (text) => (/^\d{1,4}$/.test(text) && +text >= 1 && +text <= 1439 ? `${+text}m` : undefined),
    },
    description: 'How long before its expiry a lease is renewed',
  }),
  healthzIp: setting(is.address(), '0.0.0.0' as never, {
    group: 'watch',
    flannelFlag: 'healthz-ip',
    description: 'Address that health and metrics are served on',
  }),
  healthzPort: setting(is.integer({ min: 0, max: 65_535 }), 0, {
    group: 'watch',
    flannelFlag: 'healthz-port',
    description: 'Port that health and metrics are served on; 0: none',
  }),
  healthzSocket: optional(is.path, {
    group: 'watch',
    description: 'Unix socket that health and metrics are served on, beside the port',
  }),

  etcdEndpoints: setting(is.listOf(endpoint, ','), ['http://127.0.0.1:4001', 'http://127.0.0.1:2379'], {
    group: 'etcd',
    flannelFlag: 'etcd-endpoints',
    description: 'Members of the etcd cluster',
  }),
  etcdPrefix: setting(is.string(), '/coreos.com/network', {
    group: 'etcd',
    flannelFlag: 'etcd-prefix',
    description: 'Prefix of the keys in etcd',
  }),
  etcdCafile: optional(is.path, {
    group: 'etcd',
    flannelFlag: 'etcd-cafile',
    description: 'Certificates of the authorities that etcd is checked against',
  }),
  etcdCertfile: optional(is.path, {
    group: 'etcd',
    flannelFlag: 'etcd-certfile',
    description: 'Client certificate for etcd',
  }),
  etcdKeyfile: optional(is.path, {
    group: 'etcd',
    flannelFlag: 'etcd-keyfile',
    description: 'Key of the client certificate',
  }),
  etcdUsername: optional(is.string(), {
    group: 'etcd',
    flannelFlag: 'etcd-username',
    description: 'User name for etcd',
  }),
  etcdPassword: optional(is.secret, {
    group: 'etcd',
    flannelFlag: 'etcd-password',
    description: 'Password for etcd; as a flag everybody on the host can read it, so prefer etcdPasswordFile',
  }),
  etcdPasswordFile: optional(is.path, {
    group: 'etcd',
    description: 'File that holds the password for etcd',
  }),

  kubeSubnetMgr: setting(is.boolean, false, {
    group: 'kubernetes',
    flannelFlag: 'kube-subnet-mgr',
    description: 'Leases live in Kubernetes Nodes: the same as store kubernetes',
  }),
  kubeApiUrl: optional(
    is.string({
      expects: 'an http:// or https:// URL',
      accepts: (text) => /^https?:\/\//.test(text) && URL.canParse(text),
    }),
    {
      group: 'kubernetes',
      flannelFlag: 'kube-api-url',
      description: 'Address of the Kubernetes API server',
      defaultText: 'of the kubeconfig file, or of the cluster that the pod runs in',
    },
  ),
  kubeconfigFile: optional(is.path, {
    group: 'kubernetes',
    flannelFlag: 'kubeconfig-file',
    description: 'kubeconfig file',
    defaultText: 'the service account of the pod',
  }),
  kubeAnnotationPrefix: setting(
    is.string({
      expects: 'an annotation prefix with at most one slash',
      accepts: (text) => text.split('/').length <= 2 && !text.startsWith('/'),
    }),
    'flannel.alpha.coreos.com',
    {
      group: 'kubernetes',
      flannelFlag: 'kube-annotation-prefix',
      description: 'Prefix of the annotations that leases are kept in',
    },
  ),
  netConfigPath: setting(is.path, '/etc/kube-flannel/net-conf.json', {
    group: 'kubernetes',
    flannelFlag: 'net-config-path',
    description: 'File that holds the network config',
  }),
  setNodeNetworkUnavailable: setting(is.boolean, true, {
    group: 'kubernetes',
    flannelFlag: 'set-node-network-unavailable',
    description: "Clear the Node's NetworkUnavailable condition once the network works",
  }),
} as const;

export type SettingKey = keyof typeof TABLE;

/** Every setting with its value. Durations are milliseconds; paths are absolute. */
export type Settings = {
  readonly [K in SettingKey]: (typeof TABLE)[K] extends Row<infer T> ? T : never;
};
