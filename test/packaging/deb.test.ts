import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from 'vitest';
import { debVersion } from '../../packaging/deb/control.js';
import { VERSION } from '../../src/version.js';
import { flan } from '../support/cli.js';
import { kernelTest } from '../support/kernel.js';
import { buildDeb } from './build-deb.js';
import { COMMAND_IDS } from './command-ids.js';
import { reversioned } from './machine.js';
import { scratch } from './scratch.js';

const run = (program: string, args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: 'pipe' });

describe.skipIf(!existsSync('/usr/bin/dpkg-deb'))('the Debian package', () => {
  const folder = scratch('deb');
  const root = join(folder, 'root');
  const EPOCH = { SOURCE_DATE_EPOCH: '1767225600' };
  let deb: string;

  /** dpkg works in `root` alone: an empty folder with a database of packages. */
  const dpkg = (...args: readonly string[]): string =>
    run('dpkg', [`--root=${root}`, '--force-depends,not-root,script-chrootless', `--log=${folder}/log`, ...args]);

  beforeAll(() => {
    deb = buildDeb(folder, EPOCH);
    mkdirSync(join(root, 'var/lib/dpkg/updates'), { recursive: true });
    for (const name of ['status', 'available']) writeFileSync(join(root, 'var/lib/dpkg', name), '');
    mkdirSync(join(root, 'var/lib/dpkg/info'), { recursive: true });
    dpkg('--install', deb);
  }, 120_000);

  test('is the same whoever builds it, where and when', () => {
    const again = buildDeb(join(folder, 'again'), { ...EPOCH, UMASK: '077', TZ: 'Asia/Tokyo', TMPDIR: folder });
    const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
    expect(digest(again)).toBe(digest(deb));
  }, 120_000);

  test('says what it needs', () => {
    const field = (name: string) => run('dpkg-deb', ['--field', deb, name]).trim();
    expect(field('Version')).toBe(debVersion(VERSION));
    expect(field('Depends')).toContain('nodejs (>= 20.19)');
    expect(field('Architecture')).toBe(run('dpkg', ['--print-architecture']).trim());
    expect([debVersion('1.2.3-rc.1'), debVersion('1.2.3')]).toEqual(['1.2.3~rc.1', '1.2.3']);
  });

  test('belongs to root, and nobody else may write', () => {
    const lines = run('dpkg-deb', ['--contents', deb]).trim().split('\n');
    expect(lines.filter((line) => !/^[-dl]\S+ root\/root /.test(line))).toEqual([]);
    const modes = new Set(lines.map((line) => line.slice(0, 10)));
    expect([...modes].sort()).toEqual(['-rw-r--r--', '-rwxr-xr-x', 'drwxr-xr-x', 'lrwxrwxrwx']);
    expect(lines.filter((line) => line.startsWith('-rwx')).map((line) => line.split(' ').at(-1))).toEqual([
      './usr/lib/flan/bin/flan.js',
      './usr/lib/flan/bin/flanneld.js',
    ]);
  });

  test('holds a page per command, the completions, the unit, the name of our protocol', () => {
    const pages = readdirSync(join(root, 'usr/share/man/man8'));
    expect(pages).toEqual(['flan.8.gz', ...COMMAND_IDS.map((id) => `flan-${id.replaceAll(':', '-')}.8.gz`)].sort());
    expect(gunzipSync(readFileSync(join(root, 'usr/share/man/man5/flan.yaml.5.gz'))).toString()).toContain('.TH');
    for (const path of [
      'usr/lib/systemd/system/flan.service',
      'usr/share/bash-completion/completions/flan',
      'usr/share/zsh/vendor-completions/_flan',
      'usr/share/fish/vendor_completions.d/flan.fish',
      'usr/share/doc/flan/copyright',
      'etc/flan/config.yaml',
    ]) {
      expect(statSync(join(root, path)).size, path).toBeGreaterThan(0);
    }
    expect(readFileSync(join(root, 'etc/iproute2/rt_protos.d/flan.conf'), 'utf8')).toMatch(/^70\tflan$/m);
  });

  test('holds what runs and nothing of the library, of sources, or of builds before', () => {
    const home = join(root, 'usr/lib/flan');
    const names = readdirSync(home, { recursive: true, encoding: 'utf8' });
    expect(names.filter((name) => /engine\/|\.(ts|cc|hh|md)$/.test(name))).toEqual([]);
    expect(names.filter((name) => name.endsWith('.node'))).toHaveLength(1);
    const chunks = names.filter((name) => name.endsWith('.cjs') && name.startsWith('dist/'));
    const texts = chunks.map((name) => readFileSync(join(home, name), 'latin1')).join('');
    const entries = /^dist\/(cli|[\w-]+\.worker)\.cjs$/;
    expect(chunks.filter((name) => !entries.test(name) && !texts.includes(name.slice('dist/'.length)))).toEqual([]);
  });

  test('runs from where it is installed', async () => {
    const options = { command: join(root, 'usr/bin/flan'), cwd: folder };
    expect(await flan(['version', '--json'], options)).toMatchObject({ code: 0, stderr: '' });
    expect(await flan(['lease', '--help'], options)).toMatchObject({ code: 0, stderr: '' });
  });

  kernelTest('plans from where it is installed', { needs: ['veth'] }, async ({ netns }) => {
    await netns.sh('ip link add eth0 type veth peer name wire; ip address add 192.168.10.1/24 dev eth0');
    await netns.sh('ip link set eth0 up; ip link set wire up; ip route add default via 192.168.10.254');
    const options = { command: join(root, 'usr/bin/flan'), cwd: folder };
    await flan(['init', 'cluster'], options);
    writeFileSync(
      join(folder, 'cluster/leases/node-b.yaml'),
      'node: node-b\nsubnet: 10.244.2.0/24\npublicIP: 192.168.10.2\n',
    );
    const flags = ['--netns', netns.path, '--node', 'node-a', '--node-id', 'id-a', '-c', 'cluster/flan.yaml'];
    const { code, stdout } = await flan(['plan', ...flags], options);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('route/main/10.244.2.0/24') });
  });

  test('keeps a changed configuration in an upgrade, and leases in a purge', () => {
    const [config, leases] = [join(root, 'etc/flan/config.yaml'), join(root, 'var/lib/flan/leases')];
    mkdirSync(leases, { recursive: true });
    writeFileSync(join(root, 'var/lib/flan/history'), '');
    writeFileSync(config, 'ipMasq: true\n');
    dpkg('--install', reversioned(deb, { to: '99.0.0', folder }));
    expect(dpkg('--status', 'flan')).toContain('Version: 99.0.0');
    expect(readFileSync(config, 'utf8')).toBe('ipMasq: true\n');
    dpkg('--remove', 'flan');
    expect([existsSync(join(root, 'usr/bin/flan')), existsSync(config)]).toEqual([false, true]);
    dpkg('--purge', 'flan');
    expect([existsSync(join(root, 'etc/flan')), readdirSync(join(root, 'var/lib/flan'))]).toEqual([false, ['leases']]);
  });
});
