import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { string } from '@oclif/core/args';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bareConfig } from '../../src/commands/bare-config.js';
import { ourForms } from '../../src/commands/flag-forms.js';
import { SETTING_FLAGS } from '../../src/commands/setting-flags.js';
import { SettingsCommand } from '../../src/commands/settings-command.js';
import { IGNORED_FLANNEL_FLAGS, SETTINGS } from '../../src/config/settings-definitions.js';
import { flan } from '../support/cli.js';

/** Hands out what a command gets to see. */
class Probe extends SettingsCommand {
  static override readonly args = { what: string() };
  seen: unknown;
  override async run() {
    const { flags, args } = await this.parse(Probe);
    this.seen = { args, ...(await this.loadSettings(flags)) };
    return 0 as const;
  }
}

async function probe(...argv: string[]) {
  const command = new Probe(argv, bareConfig());
  Probe.id = 'probe';
  await command.invoke();
  return command.seen as { args: { what?: string } } & Awaited<ReturnType<Probe['loadSettings']>>;
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flan-settings-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('`config show` writes no control characters to a terminal', async () => {
  writeFileSync(join(folder, 'odd.yaml'), 'iface: "a\\u001b[31mb\\u0000"\n');
  const { code, stdout } = await flan(['config', 'show', '-c', join(folder, 'odd.yaml')], { cwd: folder });
  expect([code, stdout]).toEqual([0, expect.stringContaining('a\\u{1b}[31mb\\u{0}')]);
});

it('`-c` with a folder says what to give instead', async () => {
  const { code, stderr } = await flan(['config', 'show', '-c', folder], { cwd: folder });
  expect([code, stderr]).toEqual([
    78,
    expect.stringMatching(/^Error E_CONFIG: [\s\S]* {2}hint: {2}Give the path of a file/),
  ]);
});

it('--valid-for is for a plan that is saved', async () => {
  const { code, stderr } = await flan(['plan', '--valid-for', '1h'], { cwd: folder });
  expect([code, stderr]).toEqual([64, expect.stringContaining('--out')]);
});

describe('setting flags', () => {
  it('exist for every setting, and for all that flanneld knows', () => {
    const names = SETTINGS.flatMap(({ flag, flannelFlag }) => [
      flag,
      ...(flannelFlag === undefined ? [] : [flannelFlag]),
    ]);
    expect(Object.keys(SETTING_FLAGS)).toEqual(
      expect.arrayContaining([...names, ...IGNORED_FLANNEL_FLAGS.map((f) => f.flag)]),
    );
  });

  it('do not advertise secrets', () => {
    for (const { flag } of SETTINGS.filter(({ secret }) => secret)) expect(SETTING_FLAGS[flag]?.hidden).toBe(true);
  });

  it('reach the settings with their types', async () => {
    const { settings, origins } = await probe(
      '--route-protocol',
      '71',
      '--iface',
      'eth1',
      '--iface=eth2',
      '--no-ip-masq',
    );
    expect(settings).toMatchObject({ routeProtocol: 71, iface: ['eth1', 'eth2'], ipMasq: false });
    expect(origins.routeProtocol).toEqual({ level: 'flag', text: 'flag --route-protocol' });
  });

  it('leave arguments alone', async () => {
    const { args, settings } = await probe('--iface', 'eth1', '10.1.2.3');
    expect(args.what).toBe('10.1.2.3');
    expect(settings.iface).toEqual(['eth1']);
  });

  it('win over a file, and are named with it', async () => {
    const file = join(folder, 'flan.yaml');
    writeFileSync(file, 'routeProtocol: 72\nipMasq: true\n');
    const { settings, origins } = await probe('-c', file, '--route-protocol=71');
    expect(settings).toMatchObject({ routeProtocol: 71, ipMasq: true });
    expect(origins.ipMasq.text).toContain('flan.yaml:2');
  });

  it('name the flag that is wrong', async () => {
    await expect(probe('--route-protocol', 'many')).rejects.toMatchObject({
      code: 'E_USAGE',
      where: 'flag --route-protocol',
    });
    await expect(probe('--route-protocl', '71')).rejects.toMatchObject({
      code: 'E_USAGE',
      hint: expect.stringContaining('--route-protocol'),
    });
  });

  it('understand a command line written for flanneld', async () => {
    const stderr = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const { settings } = await probe(
      '-iface=eth1',
      '--ip-masq=true',
      '--iptables-forward-rules=false',
      '-v=4',
      '--iptables-resync=5',
    );
    const told = stderr.mock.calls.map(([text]) => text).join('');
    stderr.mockRestore();
    expect(settings).toMatchObject({ iface: ['eth1'], ipMasq: true, iptablesForwardRules: false, logLevel: 'debug' });
    expect(told).toContain('iptables-resync');
  });
});

describe('ourForms', () => {
  const flags = {
    iface: { type: 'option' },
    v: { type: 'option' },
    config: { type: 'option', char: 'c' },
    c: { type: 'option' },
    masq: { type: 'boolean', allowNo: true },
    json: { type: 'boolean' },
  } as const;
  it.each([
    [['-iface=eth0'], ['--iface=eth0']],
    [
      ['-iface', 'eth0'],
      ['--iface', 'eth0'],
    ],
    [['-v=4'], ['--v=4']],
    [
      ['-c', 'file'],
      ['-c', 'file'],
    ],
    [['-xyz'], ['-xyz']],
    [['--masq=T'], ['--masq']],
    [['--masq=0'], ['--no-masq']],
    [['--json=false'], []],
    [['--iface=false'], ['--iface=false']],
    [
      ['--', '-iface', '--masq=0'],
      ['--', '-iface', '--masq=0'],
    ],
    [
      ['--toString=1', '-', ''],
      ['--toString=1', '-', ''],
    ],
  ])('%j becomes %j', (argv, expected) => {
    expect(ourForms(argv, flags)).toEqual(expected);
  });
});
