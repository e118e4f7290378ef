import { describe, expect, it } from 'vitest';
import { type Finished, flan } from '../support/cli.js';
import { FLANNELD, FLANNELD_FLAGS, type FlanneldFlag, variableOf } from './command-line.js';

interface Shown {
  readonly key: string;
  readonly value: string;
  readonly origin: string;
}

const AS_FLANNELD = { FLAN_AS: 'flanneld' };
const show = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> =>
  flan(['config', 'show', '--json', ...args], { env: { ...AS_FLANNELD, ...env }, cwd: '/' });
const settingsIn = ({ stdout }: Finished): ReadonlyMap<string, Shown> =>
  new Map((JSON.parse(stdout) as { settings: Shown[] }).settings.map((row) => [row.key, row]));

const wanted = FLANNELD_FLAGS.flatMap(({ setting, value, shown = value }) => (setting ? [[setting, shown]] : []));
const valuesIn = (run: Finished) => wanted.map(([key = '']) => [key, settingsIn(run).get(key)?.value]);
const ignored = FLANNELD_FLAGS.filter(({ setting }) => setting === undefined).map(({ flag }) => flag);

/** The ways to write flags in Go. A switch takes no word after it. */
const NOTATIONS: Readonly<Record<string, (flag: FlanneldFlag) => readonly string[]>> = {
  '-flag=value': ({ flag, value }) => [`-${flag}=${value}`],
  '--flag=value': ({ flag, value }) => [`--${flag}=${value}`],
  '-flag value': ({ flag, value, isSwitch }) => (isSwitch ? [`-${flag}=${value}`] : [`-${flag}`, value]),
  '--flag value': ({ flag, value, isSwitch }) => (isSwitch ? [`--${flag}=${value}`] : [`--${flag}`, value]),
};

describe('flanneld’s command line', () => {
  for (const [name, write] of Object.entries(NOTATIONS)) {
    it(`every flag as ${name}`, async () => {
      const run = await show(FLANNELD_FLAGS.flatMap(write));
      expect(valuesIn(run)).toEqual(wanted);
      expect(run.code).toBe(0);
      // What is ignored is said, with the reason, and nothing else is.
      const warnings = run.stderr.split('\n').filter((line) => line.startsWith('Warning'));
      expect(
        warnings.map((line) => /W_SETTING_IGNORED: --(\S+) is flanneld's and has no effect here: \S/.exec(line)?.[1]),
      ).toEqual(ignored);
    });
  }

  it.each(['1', 't', 'T', 'true', 'TRUE', 'True', '0', 'f', 'F', 'false', 'FALSE', 'False'])(
    'switches as Go reads them: %s',
    async (word) => {
      const run = await show([`-ip-masq=${word}`, `--set-node-network-unavailable=${word}`]);
      const expected = String(/^(1|t)/i.test(word));
      expect(settingsIn(run).get('ipMasq')?.value).toBe(expected);
      expect(settingsIn(run).get('setNodeNetworkUnavailable')?.value).toBe(expected);
    },
  );

  it('flags that are repeated, in their order', async () => {
    const run = await show([
      '-iface',
      'eth1',
      '-iface=eth2',
      '--iface',
      'eth3',
      '-iface-regex=a.*',
      '-iface-regex',
      'b,c',
    ]);
    expect(settingsIn(run).get('iface')?.value).toBe('eth1,eth2,eth3');
    expect(
      settingsIn(run)
        .get('ifaceRegex')
        ?.value.split(/\n|\\n/),
    ).toEqual(['a.*', 'b,c']);
  });

  it('flags that are given an empty value, as a unit file does with a variable that is not set', async () => {
    const empty = ['etcd-keyfile', 'etcd-certfile', 'etcd-cafile', 'etcd-username', 'etcd-password', 'public-ip'];
    const more = ['iface', 'iface-regex', 'public-ipv6', 'kube-api-url', 'kubeconfig-file', 'iface-can-reach'];
    const run = await show([...empty, ...more].map((flag) => `-${flag}=`));
    expect(run).toMatchObject({ code: 0, stderr: '' });
    for (const flag of [...empty, ...more]) {
      const { setting = '' } = FLANNELD_FLAGS.find((one) => one.flag === flag) ?? {};
      expect(settingsIn(run).get(setting)).toMatchObject({ value: '' });
    }
  });
});

describe('flanneld’s variables', () => {
  it('every one', async () => {
    const env = Object.fromEntries(FLANNELD_FLAGS.map(({ flag, value }) => [variableOf(flag), value]));
    const run = await show([], env);
    expect(valuesIn(run)).toEqual(wanted);
    for (const { flag, setting } of FLANNELD_FLAGS) {
      if (setting === undefined) expect(run.stderr).toContain(`W_SETTING_IGNORED: ${variableOf(flag)} is flanneld's`);
      else expect(settingsIn(run).get(setting)?.origin).toBe(`environment ${variableOf(flag)}`);
    }
    expect(run.stderr.match(/^Warning /gm)).toHaveLength(ignored.length);
  });

  it('stand back behind flags, and count for nothing when they are empty', async () => {
    const run = await show(['-etcd-prefix=/flag'], { FLANNELD_ETCD_PREFIX: '/variable', FLANNELD_IP_MASQ: '' });
    expect(settingsIn(run).get('etcdPrefix')).toMatchObject({ value: '/flag', origin: 'flag --etcd-prefix' });
    expect(settingsIn(run).get('ipMasq')).toMatchObject({ value: 'false', origin: 'default' });
  });

  it('take one value where the flag is repeated, except that commas part it', async () => {
    const run = await show([], { FLANNELD_IFACE: 'eth1,eth2' });
    expect(settingsIn(run).get('iface')?.value).toBe('eth1,eth2');
  });
});

describe('flanneld’s name', () => {
  const flanneld = (args: readonly string[], env = {}): Promise<Finished> =>
    flan(args, { command: FLANNELD, env, cwd: '/' });

  it('starts with leases in etcd and takes over what is there, unless somebody says otherwise', async () => {
    const plain = settingsIn(await show([]));
    expect(plain.get('store')).toMatchObject({ value: 'etcd', origin: 'default of flanneld' });
    expect(plain.get('adopt')).toMatchObject({ value: 'true', origin: 'default of flanneld' });
    const told = settingsIn(await show(['-kube-subnet-mgr', '--no-adopt']));
    expect(told.get('store')?.value).toBe('kubernetes');
    expect(told.get('adopt')?.value).toBe('false');
    expect(settingsIn(await show([], { FLANNELD_KUBE_SUBNET_MGR: 'true' })).get('store')?.value).toBe('kubernetes');
    expect(settingsIn(await show([], { FLAN_STORE: 'file' })).get('store')?.value).toBe('file');
    const own = await flan(['config', 'show', '--json'], { cwd: '/' });
    expect(settingsIn(own).get('store')?.value).toBe('file');
    expect(settingsIn(own).get('adopt')?.value).toBe('false');
  });

  it.each(['-version', '--version', '--version=true'])('answers %s', async (flag) => {
    expect(await flanneld([flag])).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^flan \d/) });
  });

  it.each(['-help', '--help', '-h'])('answers %s with the flags of watch', async (flag) => {
    const { code, stdout } = await flanneld([flag]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('--etcd-endpoints') });
  });

  it('says what is wrong with a flag, and which was meant, instead of exit code 0', async () => {
    expect(await flanneld(['-etcd-endpoint=http://x:1'])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('E_USAGE'),
    });
    const margin = await flanneld(['-subnet-lease-renew-margin=1440']);
    expect(margin).toMatchObject({ code: 64, stderr: expect.stringContaining('minutes from 1 to 1439') });
    const variable = await flanneld([], { FLANNELD_SUBNET_LEASE_RENEW_MARGIN: 'x' });
    expect(variable).toMatchObject({ code: 78, stderr: expect.stringContaining('FLANNELD_SUBNET_LEASE_RENEW_MARGIN') });
  });
});
