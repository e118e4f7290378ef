import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { manFiles } from '../../packaging/man/pages.js';
import { flan } from '../support/cli.js';
import { kernelTest } from '../support/kernel.js';
import { ROOT } from './build-deb.js';
import { COMMAND_IDS } from './command-ids.js';
import { scratch } from './scratch.js';

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** A folder that only the packed package was installed in, far from this one. */
const folder = scratch('npm');
const installed = join(folder, 'node_modules/flan');
const options = { command: join(folder, 'node_modules/.bin/flan'), cwd: folder };

const npm = (args: readonly string[], cwd: string): string =>
  execFileSync('npm', [...args, '--silent', '--prefer-offline', '--no-audit', '--no-fund'], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

beforeAll(() => {
  npm(['pack', '--pack-destination', folder], ROOT);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }');
  // Neither flan nor what it depends on may need a script at installation.
  npm(['install', '--ignore-scripts', `./flan-${manifest.version}.tgz`], folder);
}, 120_000);

describe('the packed package', () => {
  it('needs koffi and nothing else', () => {
    expect(Object.keys(manifest.dependencies)).toEqual(['koffi']);
    const names = readdirSync(join(folder, 'node_modules')).filter((name) => !name.startsWith('.'));
    expect(names).toEqual(['@koromix', 'flan', 'koffi']);
  });

  it('holds what runs, and neither sources nor tests', () => {
    const names = readdirSync(installed, { recursive: true, encoding: 'utf8' });
    const files = names.filter((name) => /\.(ts|c?js)$/.test(name));
    expect(files).toEqual(expect.arrayContaining(['bin/flan.js', 'dist/cli.cjs', 'dist/engine/index.js']));
    expect(
      files.filter((name) => !/^(bin|dist)\//.test(name) || (name.endsWith('.ts') && !name.endsWith('.d.ts'))),
    ).toEqual([]);
    expect(existsSync(join(installed, 'dist/oclif.manifest.json'))).toBe(true);
    expect(readFileSync(join(installed, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8')).toContain('@oclif/core');
    expect(readdirSync(installed).sort()).toEqual(
      ['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'dist', 'package.json', ...extraFolders()].sort(),
    );
  });

  it('holds a man page per command, and the completions', () => {
    const pages = COMMAND_IDS.map((id) => `flan-${id.replaceAll(':', '-')}.8`);
    expect(readdirSync(join(installed, 'dist/man')).sort()).toEqual([...pages, 'flan.8', 'flan.yaml.5'].sort());
    expect(manifest.man, 'npm run man').toEqual(manFiles());
    expect(readdirSync(join(installed, 'dist/completions')).sort()).toEqual(['_flan', 'flan', 'flan.fish']);
  });

  it('runs from the link that npm makes', async () => {
    expect(await flan(['--version'], options)).toMatchObject({ code: 0, stdout: `flan ${manifest.version}\n` });
    expect(await flan(['version'], options)).toMatchObject({ code: 0, stderr: '' });
    expect(await flan(['--help'], options)).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('version'),
    });
  });

  kernelTest('plans', { needs: ['veth'] }, async ({ netns }) => {
    await netns.sh('ip link add eth0 type veth peer name wire; ip address add 192.168.10.1/24 dev eth0');
    await netns.sh('ip link set eth0 up; ip link set wire up; ip route add default via 192.168.10.254');
    expect(await flan(['init', 'cluster'], options)).toMatchObject({ code: 0, stderr: '' });
    const flags = ['--netns', netns.path, '--node', 'node-a', '--node-id', 'id-a', '-c', 'cluster/flan.yaml'];
    const { code, stdout } = await flan(['plan', ...flags], options);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('lease/node-a') });
  });

  it('can be imported, with its types', () => {
    writeFileSync(
      join(folder, 'use.ts'),
      "import { backendTypes, parsePrefix, type Prefix } from 'flan';\n" +
        "const prefix: Prefix = parsePrefix('10.244.0.0/16');\n" +
        "console.log(JSON.stringify({ prefix, backends: backendTypes().includes('host-gw') }));\n",
    );
    const types = join(ROOT, 'node_modules/@types');
    const flags = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node', '--typeRoots', types];
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), [...flags, 'use.ts'], { cwd: folder });
    const printed = execFileSync(process.execPath, ['use.js'], { cwd: folder, encoding: 'utf8' });
    expect(JSON.parse(printed)).toEqual({ prefix: '10.244.0.0/16', backends: true });
  });

  it('installed for all, it is in PATH and its pages in the manual', () => {
    const prefix = join(folder, 'global');
    mkdirSync(prefix);
    npm(['install', '--global', '--ignore-scripts', '--prefix', prefix, `./flan-${manifest.version}.tgz`], folder);
    expect(existsSync(join(prefix, 'bin/flan'))).toBe(true);
    expect(readdirSync(join(prefix, 'share/man/man8'))).toContain('flan-plan.8');
    expect(readdirSync(join(prefix, 'share/man/man5'))).toEqual(['flan.yaml.5']);
  }, 60_000);
});

/** Folders that package.json lists besides. */
const extraFolders = (): readonly string[] =>
  (manifest.files as readonly string[]).filter(
    (name) => !['bin', 'dist'].includes(name) && !name.endsWith('.md') && name !== 'LICENSE',
  );
