import { basename, dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadSettings, SETTINGS, type SettingsInput } from '../../src/config/settings.js';
import { showSettings } from '../../src/config/show.js';
import { FlanError } from '../../src/errors.js';

const CWD = '/home/ops/cluster';
interface World extends Partial<Omit<SettingsInput, 'readFile' | 'exists'>> {
  readonly files?: Readonly<Record<string, string>>;
}
const load = ({ files = {}, ...input }: World = {}) =>
  loadSettings({
    flags: {},
    env: {},
    cwd: CWD,
    ...input,
    readFile: (path) => files[path],
    exists: (path) => Object.keys(files).some((file) => file === path || file.startsWith(`${path}/`)),
    list: (path) => Object.keys(files).flatMap((file) => (dirname(file) === path ? [basename(file)] : [])),
  });
const failure = async (world: World): Promise<FlanError> => {
  const caught: unknown = await load(world).then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(caught instanceof FlanError)) throw new Error(`expected a FlanError, got ${String(caught)}`);
  return caught;
};
const yaml = (text: string): World => ({ files: { [`${CWD}/flan.yaml`]: text } });

describe('defaults', () => {
  it('are the ones of flanneld where the setting is its own', async () => {
    const { settings, warnings } = await load();
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({
      etcdEndpoints: ['http://127.0.0.1:4001', 'http://127.0.0.1:2379'],
      etcdPrefix: '/coreos.com/network',
      subnetFile: '/run/flannel/subnet.env',
      leaseRenewMargin: 3_600_000,
      ipMasq: false,
      ipMasqFullyRandomDisable: false,
      kubeSubnetMgr: false,
      kubeAnnotationPrefix: 'flannel.alpha.coreos.com',
      netConfigPath: '/etc/kube-flannel/net-conf.json',
      setNodeNetworkUnavailable: true,
      healthzIp: '0.0.0.0',
      healthzPort: 0,
      iptablesForwardRules: true,
      ipBlackholeRoute: false,
      iface: [],
      ifaceRegex: [],
    });
    expect(settings.publicIp).toBeUndefined();
  });

  it('of flan', async () => {
    const { settings } = await load();
    expect(settings).toMatchObject({
      store: 'file',
      runtimeDir: '/run/flan',
      stateDir: '/var/lib/flan',
      routeProtocol: 70,
      adopt: false,
      deleteGuard: 0.5,
      resyncInterval: 300_000,
      leaseTtl: 86_400_000,
      logLevel: 'info',
      masqueradeExclude: [],
    });
    expect(settings.etcdPassword).toBeUndefined();
  });

  it('take ./leases when it is there, and say which', async () => {
    const away = await load();
    expect([away.settings.leases, away.origins.leases.text]).toEqual([
      '/var/lib/flan/leases',
      'default: there is no ./leases',
    ]);
    const here = await load({ files: { [`${CWD}/leases/network.yaml`]: '' } });
    expect([here.settings.leases, here.origins.leases.text]).toEqual([`${CWD}/leases`, 'default: ./leases is there']);
    expect(here.settings.store).toBe('file');
  });

  it('of every setting are values of its own type', () => {
    for (const { default: value, decode, format, multiple } of SETTINGS) {
      if (value === undefined || (multiple && (value as readonly unknown[]).length === 0)) continue;
      expect(decode(format(value), CWD)).toEqual(value);
    }
  });
});

describe('the table', () => {
  it("names flags, variables and flanneld's", () => {
    const named = SETTINGS.find(({ key }) => key === 'leaseRenewMargin');
    expect(named).toMatchObject({
      flag: 'lease-renew-margin',
      env: 'FLAN_LEASE_RENEW_MARGIN',
      flannelFlag: 'subnet-lease-renew-margin',
      flannelEnv: 'FLANNELD_SUBNET_LEASE_RENEW_MARGIN',
    });
    expect(SETTINGS.find(({ key }) => key === 'publicIpv6')?.flag).toBe('public-ipv6');
  });

  it('holds every flag that flanneld has, once', () => {
    const flanneld = [
      'etcd-endpoints',
      'etcd-prefix',
      'etcd-keyfile',
      'etcd-certfile',
      'etcd-cafile',
      'etcd-username',
      'etcd-password',
      'iface',
      'iface-regex',
      'iface-can-reach',
      'subnet-file',
      'public-ip',
      'public-ipv6',
      'subnet-lease-renew-margin',
      'ip-masq',
      'ip-masq-fully-random-disable',
      'kube-subnet-mgr',
      'kube-api-url',
      'kubeconfig-file',
      'kube-annotation-prefix',
      'net-config-path',
      'set-node-network-unavailable',
      'healthz-ip',
      'healthz-port',
      'iptables-forward-rules',
      'ip-blackhole-route',
      'v',
    ];
    expect(SETTINGS.flatMap(({ flannelFlag }) => flannelFlag ?? []).toSorted()).toEqual(flanneld.toSorted());
    for (const name of ['key', 'flag', 'env'] as const) {
      expect(new Set(SETTINGS.map((setting) => setting[name])).size).toBe(SETTINGS.length);
    }
  });
});

describe('types, in each source', () => {
  it.each<[string, unknown, string, unknown, string]>([
    ['ip-masq', true, 'true', true, 'true'],
    ['ip-masq', 'T', '0', false, 'false'],
    ['healthz-port', '8080', '8080', 8080, '8080'],
    ['resync-interval', '1h30m', '90s', 30_000, '30s'],
    ['resync-interval', '1500ms', '1.5s', 1500, '1500ms'],
    ['public-ip', '10.0.0.1', '10.0.0.1', '10.0.0.1', '10.0.0.1'],
    [
      'etcd-endpoints',
      ['https://a:1', 'https://b:2'],
      'https://a:1, https://b:2',
      ['https://a:1', 'https://b:2'],
      '[https://a:1, "https://b:2"]',
    ],
    ['iface', ['eth0'], 'eth0', ['eth0'], 'eth0'],
    ['iface-regex', ['^10\\.{1,3}'], '^10\\.{1,3}', ['^10\\.{1,3}'], "['^10\\.{1,3}']"],
    ['masquerade-exclude', '10.0.0.7/8', '10.0.0.0/8', ['10.0.0.0/8'], '[10.1.2.3/8]'],
    ['delete-guard', '50%', 'off', 'off', 'off'],
    ['store', 'etcd', 'etcd', 'etcd', 'etcd'],
  ])('%s', async (flag, byFlag, byEnv, byFile, text) => {
    const setting = SETTINGS.find((candidate) => candidate.flag === flag);
    if (setting === undefined) throw new Error(flag);
    const value = async (world: World) => (await load(world)).settings[setting.key];
    expect(await value({ flags: { [flag]: byFlag } })).toEqual(setting.decode(byFlag, CWD));
    expect(await value({ env: { [setting.env]: byEnv } })).toEqual(setting.decode(byEnv, CWD));
    const fromFile = await value(yaml(`${setting.key}: ${text}\n`));
    expect(fromFile).toEqual(flag === 'ip-masq' ? text === 'true' : byFile);
  });

  it('durations are milliseconds', async () => {
    const { settings } = await load({ flags: { 'resync-interval': '1h30m', 'lease-ttl': '2d' } });
    expect([settings.resyncInterval, settings.leaseTtl]).toEqual([5_400_000, 172_800_000]);
  });

  it.each<[World, string, string, string]>([
    [
      { flags: { 'resync-interval': '5' } },
      'E_USAGE',
      'flag --resync-interval',
      "resyncInterval must be a duration from 1s to 365d, with its unit: 500ms, 90s, 1h30m, not '5'",
    ],
    [{ env: { FLAN_RESYNC_INTERVAL: '1ms' } }, 'E_CONFIG', 'environment FLAN_RESYNC_INTERVAL', 'must be a duration'],
    [
      { env: { FLAN_HEALTHZ_PORT: '65536' } },
      'E_CONFIG',
      'environment FLAN_HEALTHZ_PORT',
      'an integer from 0 to 65535',
    ],
    [{ env: { FLAN_NODE: 'a\u001b[31m' } }, 'E_CONFIG', 'environment FLAN_NODE', 'without control characters'],
    [{ env: { FLAN_HEALTHZ_PORT: '1e3' } }, 'E_CONFIG', 'environment FLAN_HEALTHZ_PORT', 'an integer'],
    [{ env: { FLAN_IP_MASQ: 'maybe' } }, 'E_CONFIG', 'environment FLAN_IP_MASQ', "true or false, not 'maybe'"],
    [{ env: { FLAN_IP_MASQ: 'constructor' } }, 'E_CONFIG', 'environment FLAN_IP_MASQ', 'true or false'],
    [{ env: { FLAN_PUBLIC_IP: 'fd00::1' } }, 'E_CONFIG', 'environment FLAN_PUBLIC_IP', 'an IPv4 address'],
    [{ env: { FLAN_PUBLIC_IPV6: '10.0.0.1' } }, 'E_CONFIG', 'environment FLAN_PUBLIC_IPV6', 'an IPv6 address'],
    [{ env: { FLAN_IFACE_REGEX: '(' } }, 'E_CONFIG', 'environment FLAN_IFACE_REGEX', 'a regular expression'],
    [
      { env: { FLAN_ETCD_ENDPOINTS: 'localhost:2379' } },
      'E_CONFIG',
      'environment FLAN_ETCD_ENDPOINTS',
      'an http:// or https:// URL',
    ],
    [{ env: { FLAN_MASQUERADE_EXCLUDE: '10.0.0.0/40' } }, 'E_CONFIG', 'environment FLAN_MASQUERADE_EXCLUDE', 'CIDR'],
    [
      { env: { FLAN_DELETE_GUARD: '0' } },
      'E_CONFIG',
      'environment FLAN_DELETE_GUARD',
      'a share such as 0.5 or 50%, or off',
    ],
    [
      { env: { FLAN_STORE: 'consul' } },
      'E_CONFIG',
      'environment FLAN_STORE',
      "one of file, etcd, kubernetes, not 'consul'",
    ],
    [{ env: { FLAN_ROUTE_PROTOCOL: '4' } }, 'E_CONFIG', 'environment FLAN_ROUTE_PROTOCOL', 'from 5 to 255'],
    [
      { env: { FLAN_KUBE_ANNOTATION_PREFIX: 'a/b/c' } },
      'E_CONFIG',
      'environment FLAN_KUBE_ANNOTATION_PREFIX',
      'at most one slash',
    ],
    [
      { env: { FLANNELD_SUBNET_LEASE_RENEW_MARGIN: '0' } },
      'E_CONFIG',
      'environment FLANNELD_SUBNET_LEASE_RENEW_MARGIN',
      'minutes from 1 to 1439',
    ],
    [
      { env: { FLANNELD_SUBNET_LEASE_RENEW_MARGIN: '60m' } },
      'E_CONFIG',
      'environment FLANNELD_SUBNET_LEASE_RENEW_MARGIN',
      'minutes',
    ],
    [
      { flags: { 'lease-ttl': '1h' } },
      'E_CONFIG',
      'flag --lease-ttl',
      'leaseRenewMargin must be shorter than leaseTtl',
    ],
    [yaml('ipMasq: perhaps\n'), 'E_CONFIG', `${CWD}/flan.yaml:1`, 'true or false'],
    [yaml('\nleases: [a]\n'), 'E_CONFIG', `${CWD}/flan.yaml:2`, 'a path, not ["a"]'],
    [yaml('iface: [eth0, {}]\n'), 'E_CONFIG', `${CWD}/flan.yaml:1`, 'or a list of such'],
  ])('%j is refused as %s', async (world, code, where, message) => {
    expect(await failure(world)).toMatchObject({
      code,
      where,
      message: expect.stringContaining(message),
      hint: expect.any(String),
    });
  });
});

describe('files', () => {
  it.each<[string, string, string]>([
    [
      'store: etcd\netcdEndpoint: x\n',
      `${CWD}/flan.yaml:2:1`,
      "there is no setting 'etcdEndpoint' (did you mean 'etcdEndpoints'?)",
    ],
    ['etcd-endpoints: x\n', `${CWD}/flan.yaml:1:1`, "did you mean 'etcdEndpoints'?"],
    ['{"zzz": 1}', `${CWD}/flan.yaml:1:2`, "there is no setting 'zzz'"],
    ['__proto__: 1\n', `${CWD}/flan.yaml:1:1`, "there is no setting '__proto__'"],
    ['store: file\nstore: etcd\n', `${CWD}/flan.yaml:2:1`, 'not valid YAML'],
    ['store: [\n', `${CWD}/flan.yaml:2:1`, 'not valid YAML'],
    ['store: file\n---\nstore: etcd\n', `${CWD}/flan.yaml:2:1`, 'not valid YAML: it holds several documents, not one'],
    ['- store\n', `${CWD}/flan.yaml:1:1`, 'one setting per line'],
    ['node: *nobody\n', `${CWD}/flan.yaml:1:1`, 'cannot be read: Unresolved alias'],
    ['iface: &a [*a]\n', `${CWD}/flan.yaml:1:1`, 'cannot be read'],
    ['just text', `${CWD}/flan.yaml:1:1`, 'one setting per line'],
  ])('%j', async (text, where, message) => {
    expect(await failure(yaml(text))).toMatchObject({
      code: 'E_CONFIG',
      where,
      hint: expect.any(String),
      message: expect.stringContaining(message),
    });
  });

  it('may be empty, JSON, or hold names without a value', async () => {
    for (const text of ['', '# nothing\n', '{}', 'publicIp:\n'])
      expect((await load(yaml(text))).settings.store).toBe('file');
    expect((await load(yaml('{"healthzPort": 99}'))).settings.healthzPort).toBe(99);
  });

  it('resolve relative paths from where they are', async () => {
    const files = { '/srv/a/net.yaml': 'leases: ../leases\nnetns: ./ns/one\nsubnetFile: /x/y\n' };
    const { settings } = await load({ configFile: '../../../srv/a/net.yaml', files });
    expect([settings.leases, settings.netns, settings.subnetFile]).toEqual(['/srv/leases', '/srv/a/ns/one', '/x/y']);
    expect((await load({ flags: { leases: 'l' } })).settings.leases).toBe(`${CWD}/l`);
    expect((await load({ env: { FLAN_NETNS: 'blue' } })).settings.netns).toBe('blue');
  });

  it('named by -c or FLAN_CONFIG must be there, and take the place of ./flan.yaml', async () => {
    expect(await failure({ configFile: 'nope.yaml' })).toMatchObject({ code: 'E_CONFIG', where: 'flag --config' });
    expect(await failure({ env: { FLAN_CONFIG: '/nope' } })).toMatchObject({ where: 'environment FLAN_CONFIG' });
    const files = { [`${CWD}/flan.yaml`]: 'nonsense: 1', '/other.yaml': 'node: x' };
    const { settings, origins, warnings } = await load({ env: { FLAN_CONFIG: '/other.yaml' }, files });
    expect([settings.node, origins.node.text, warnings]).toEqual(['x', '/other.yaml:1', []]);
  });

  it('that cannot be read say why', async () => {
    const readFile = () => {
      throw new Error('EACCES: permission denied');
    };
    const caught: unknown = await loadSettings({ flags: {}, env: {}, cwd: CWD, readFile, exists: () => false }).catch(
      (e) => e,
    );
    expect(caught).toMatchObject({
      code: 'E_CONFIG',
      where: `${CWD}/flan.yaml`,
      message: expect.stringContaining('EACCES'),
    });
  });
});

describe('precedence', () => {
  const sources = ['flag', 'environment', 'flanneld', 'folder', 'user', 'part 9', 'part 10', 'system file'] as const;
  it('the strongest source that says something wins, and is named', async () => {
    await fc.assert(
      fc.asyncProperty(fc.subarray([...sources]), async (given) => {
        const port = (name: (typeof sources)[number]) => 1000 + sources.indexOf(name);
        const has = (name: (typeof sources)[number]) => given.includes(name);
        const { settings, origins } = await load({
          flags: has('flag') ? { 'healthz-port': String(port('flag')) } : {},
          env: {
            HOME: '/home/ops',
            ...(has('environment') && { FLAN_HEALTHZ_PORT: String(port('environment')) }),
            ...(has('flanneld') && { FLANNELD_HEALTHZ_PORT: String(port('flanneld')) }),
          },
          files: {
            ...(has('folder') && { [`${CWD}/flan.yaml`]: `# port\nhealthzPort: ${port('folder')}\n` }),
            ...(has('user') && { '/home/ops/.config/flan/config.yaml': `healthzPort: ${port('user')}\n` }),
            // By name, so that nine comes after ten.
            ...(has('part 10') && { '/etc/flan/conf.d/10.yaml': `healthzPort: ${port('part 10')}\n` }),
            ...(has('part 9') && { '/etc/flan/conf.d/9.yml': `healthzPort: ${port('part 9')}\n` }),
            // An editor's, and a package manager's.
            '/etc/flan/conf.d/.99.yaml': 'healthzPort: 1\n',
            '/etc/flan/conf.d/99.yaml.dpkg-old': 'healthzPort: 2\n',
            ...(has('system file') && { '/etc/flan/config.yaml': `healthzPort: ${port('system file')}\n` }),
          },
        });
        const winner = sources.find(has);
        expect(settings.healthzPort).toBe(winner === undefined ? 0 : port(winner));
        expect(origins.healthzPort.text).toBe(
          {
            flag: 'flag --healthz-port',
            environment: 'environment FLAN_HEALTHZ_PORT',
            flanneld: 'environment FLANNELD_HEALTHZ_PORT',
            folder: `${CWD}/flan.yaml:2`,
            user: '/home/ops/.config/flan/config.yaml:1',
            'part 10': '/etc/flan/conf.d/10.yaml:1',
            'part 9': '/etc/flan/conf.d/9.yml:1',
            'system file': '/etc/flan/config.yaml:1',
            none: 'default',
          }[winner ?? 'none'],
        );
      }),
    );
  });

  it('is decided setting by setting', async () => {
    const { settings } = await load({
      files: { [`${CWD}/flan.yaml`]: 'node: a\n', '/etc/flan/config.yaml': 'node: b\nnodeId: id\n' },
    });
    expect([settings.node, settings.nodeId]).toEqual(['a', 'id']);
  });

  it("finds the user's file where XDG_CONFIG_HOME says, if that is a path", async () => {
    const files = { '/x/flan/config.yaml': 'node: a\n', '/root/.config/flan/config.yaml': 'node: b\n' };
    const nodeWith = async (env: Record<string, string>) => (await load({ files, env })).settings.node;
    expect(await nodeWith({ XDG_CONFIG_HOME: '/x', HOME: '/root' })).toBe('a');
    expect(await nodeWith({ XDG_CONFIG_HOME: 'x', HOME: '/root' })).toBe('b');
    expect(await nodeWith({})).toBeUndefined();
  });

  it("does without the user's file where no home may be looked into", async () => {
    const readFile = (path: string) => {
      if (path.startsWith('/root')) throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' });
      return path === '/etc/flan/config.yaml' ? 'node: c\n' : undefined;
    };
    const env = { HOME: '/root' };
    const { settings } = await loadSettings({ flags: {}, env, cwd: '/', readFile, exists: () => false });
    expect(settings.node).toBe('c');
  });

  it('lets empty variables and absent flags alone', async () => {
    const { settings } = await load({
      env: { FLAN_NODE: '', FLANNELD_IFACE: '' },
      flags: { node: undefined, iface: [] },
    });
    expect([settings.node, settings.iface]).toEqual([undefined, []]);
  });
});

describe('the store', () => {
  it.each<[World, string, string]>([
    [{ flags: { 'etcd-endpoints': ['http://a:1'] } }, 'etcd', 'implied by flag --etcd-endpoints'],
    [{ env: { FLANNELD_ETCD_ENDPOINTS: 'http://a:1' } }, 'etcd', 'implied by environment FLANNELD_ETCD_ENDPOINTS'],
    [{ flags: { 'kube-subnet-mgr': true } }, 'kubernetes', 'implied by flag --kube-subnet-mgr'],
    [{ flags: { 'kube-subnet-mgr': false } }, 'file', 'default'],
    [{ flags: { store: 'file', 'kube-subnet-mgr': true } }, 'file', 'flag --store'],
    [
      { flags: { 'kube-subnet-mgr': true, 'etcd-endpoints': 'http://a:1' } },
      'kubernetes',
      'implied by flag --kube-subnet-mgr',
    ],
    [
      { ...yaml('store: etcd\n'), flags: { 'kube-subnet-mgr': true } },
      'kubernetes',
      'implied by flag --kube-subnet-mgr',
    ],
    [{ ...yaml('etcdEndpoints: http://a:1\n'), flags: { leases: 'x' } }, 'file', 'implied by flag --leases'],
    [{ flags: { leases: 'x' }, env: { FLAN_STORE: 'etcd' } }, 'file', 'implied by flag --leases'],
  ])('%j → %s', async (world, store, origin) => {
    const { settings, origins } = await load(world);
    expect([settings.store, origins.store.text]).toEqual([store, origin]);
  });
});

describe("flanneld's own ways", () => {
  it('are understood', async () => {
    const { settings, origins } = await load({
      env: {
        FLANNELD_SUBNET_LEASE_RENEW_MARGIN: '30',
        FLANNELD_IFACE: 'eth1',
        FLANNELD_IP_MASQ: 'true',
        FLANNELD_V: '4',
      },
    });
    expect(settings).toMatchObject({ leaseRenewMargin: 1_800_000, iface: ['eth1'], ipMasq: true, logLevel: 'debug' });
    expect(origins.leaseRenewMargin.text).toBe('environment FLANNELD_SUBNET_LEASE_RENEW_MARGIN');
    const byFlag = await load({ flags: { 'subnet-lease-renew-margin': '45' } });
    expect([byFlag.settings.leaseRenewMargin, byFlag.origins.leaseRenewMargin.text]).toEqual([
      2_700_000,
      'flag --subnet-lease-renew-margin',
    ]);
  });

  it('that have no effect are told', async () => {
    const { warnings } = await load({ env: { FLANNELD_IPTABLES_RESYNC: '5' }, flags: { 'iptables-resync': '5' } });
    expect(warnings.map(({ code }) => code)).toEqual(['W_SETTING_IGNORED', 'W_SETTING_IGNORED']);
  });
});

describe('variables that mean nothing', () => {
  it('are told, with what they were meant to be', async () => {
    const env = {
      FLAN_ETCD_ENDPOINT: 'x',
      FLAN_REQUIRE_KERNEL: '1',
      FLAN_SERVICE_HOST: 'x',
      FLAN_PORT_80_TCP: 'x',
      FLANGER: 'x',
      FLANNEL_MTU: '1',
    };
    expect((await load({ env })).warnings).toEqual([
      {
        code: 'W_UNKNOWN_VARIABLE',
        message: 'FLAN_ETCD_ENDPOINT is set, but is no setting; ignored',
        hint: "Did you mean 'FLAN_ETCD_ENDPOINTS'?",
      },
    ]);
  });
});

describe('secrets', () => {
  const etcd = { FLAN_STORE: 'etcd' };
  it('come from files too, without the last line end', async () => {
    const files = { '/run/pw': 'hunter2\n' };
    const { settings, origins } = await load({ env: { ...etcd, FLAN_ETCD_PASSWORD_FILE: '/run/pw' }, files });
    expect([settings.etcdPassword, origins.etcdPassword.text]).toEqual([
      'hunter2',
      '/run/pw (environment FLAN_ETCD_PASSWORD_FILE)',
    ]);
  });

  it('are not read when nobody needs them, or a stronger source has them', async () => {
    expect((await load({ env: { FLAN_ETCD_PASSWORD_FILE: '/none' } })).settings.etcdPassword).toBeUndefined();
    const env = { ...etcd, FLAN_ETCD_PASSWORD_FILE: '/none' };
    expect((await load({ env, flags: { 'etcd-password': 'p' } })).settings.etcdPassword).toBe('p');
  });

  it.each<[World, string]>([
    [{ env: { ...etcd, FLAN_ETCD_PASSWORD_FILE: '/none' } }, '/none does not exist'],
    [{ env: { ...etcd, FLAN_ETCD_PASSWORD_FILE: '/e' }, files: { '/e': '\n' } }, '/e is empty'],
    [
      { env: { ...etcd, FLAN_ETCD_PASSWORD_FILE: '/e', FLAN_ETCD_PASSWORD: 'hunter2' }, files: { '/e': 'x' } },
      'both given',
    ],
  ])('%j is refused', async (world, message) => {
    const error = await failure(world);
    expect(error).toMatchObject({ code: 'E_CONFIG', message: expect.stringContaining(message) });
    expect(JSON.stringify([error, error.message, error.hint])).not.toContain('hunter2');
  });

  it('are never shown', async () => {
    const shown = showSettings(await load({ env: { ...etcd, FLAN_ETCD_PASSWORD: 'hunter2' } }));
    expect(shown.find(({ key }) => key === 'etcdPassword')).toMatchObject({
      value: '(set)',
      origin: 'environment FLAN_ETCD_PASSWORD',
    });
    expect(JSON.stringify(shown)).not.toContain('hunter2');
    const wrong = await failure(yaml('etcdPassword: [hunter2]\n'));
    expect(JSON.stringify([wrong, wrong.message])).not.toContain('hunter2');
    for (const broken of ['*hunter2', '>hunter2', '|3hunter2', '"hunter2', '@hunter2', '[hunter2}']) {
      const error = await failure(yaml(`etcdPassword: ${broken}\n`));
      expect([error.message, error.where, String(error.cause)].join()).not.toContain('hunter2');
    }
    const url = await failure({ env: { FLAN_ETCD_ENDPOINTS: 'ftp://me:hunter2@host:1' } });
    expect(JSON.stringify([url, url.message])).not.toContain('hunter2');
  });
});

it('whatever a file holds, only FlanErrors come of it', async () => {
  const key = fc.constantFrom(...SETTINGS.map((setting) => setting.key as string), 'x', '', '? [a]', '<<');
  const value = fc.oneof(
    fc.jsonValue().map((v) => JSON.stringify(v)),
    fc.constantFrom('5m', '.nan', '0x10', '&a b', '*a', '!!set {a}', '1.2.3.4'),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(key, value), { maxLength: 4 }), async (lines) => {
      const text = lines.map(([k, v]) => `${k}: ${v}`).join('\n');
      const thrown: unknown = await load(yaml(text)).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (thrown !== undefined) expect(thrown).toMatchObject({ name: 'FlanError', code: 'E_CONFIG' });
    }),
    { numRuns: 2000 },
  );
}, 60_000);
