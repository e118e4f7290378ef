import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flan } from '../support/cli.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** What `npm install -g flan` leaves: the package and its runtime dependencies, in a folder far from this one. */
let folder: string;
let installed: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flan-package-'));
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const modules = join(folder, 'node_modules');
  mkdirSync(modules);
  execFileSync('tar', ['-xzf', join(folder, `flan-${manifest.version}.tgz`), '-C', modules]);
  installed = join(modules, 'flan');
  execFileSync('mv', [join(modules, 'package'), installed]);
  for (const dependency of [...Object.keys(manifest.dependencies), '@koromix']) link(dependency);
  mkdirSync(join(modules, '.bin'));
  symlinkSync('../flan/bin/flan.js', join(modules, '.bin/flan'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function link(dependency: string): void {
  const to = join(folder, 'node_modules', dependency);
  mkdirSync(dirname(to), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules', dependency), to);
}

describe('the packed package', () => {
  it('needs koffi and nothing else', () => {
    expect(Object.keys(manifest.dependencies)).toEqual(['koffi']);
  });

  it('holds what runs, and neither sources nor tests', () => {
    const files = (readdirSync(installed, { recursive: true }) as string[]).filter((name) => /\.(ts|c?js)$/.test(name));
    expect(files).toEqual(expect.arrayContaining(['bin/flan.js', 'dist/cli.cjs', 'dist/engine/index.js']));
    expect(
      files.filter((name) => !/^(bin|dist)\//.test(name) || (name.endsWith('.ts') && !name.endsWith('.d.ts'))),
    ).toEqual([]);
    expect(existsSync(join(installed, 'dist/oclif.manifest.json'))).toBe(true);
    expect(readFileSync(join(installed, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8')).toContain('@oclif/core');
  });

  it('runs from the link that npm makes', async () => {
    const options = { command: join(folder, 'node_modules/.bin/flan'), cwd: folder };
    expect(await flan(['--version'], options)).toMatchObject({ code: 0, stdout: `flan ${manifest.version}\n` });
    expect(await flan(['version'], options)).toMatchObject({ code: 0, stderr: '' });
    expect(await flan(['--help'], options)).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringContaining('version'),
    });
  });

  it('can be imported, with its types', () => {
    writeFileSync(
      join(folder, 'use.ts'),
      "import { backendTypes, parsePrefix, type Prefix } from 'flan';\n" +
        "const prefix: Prefix = parsePrefix('10.244.0.0/16');\n" +
        "console.log(JSON.stringify({ prefix, backends: backendTypes().includes('host-gw') }));\n",
    );
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    const flags = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
    link('@types');
    link('undici-types');
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    execFileSync(tsc, [...flags, 'use.ts'], { cwd: folder });
    const printed = execFileSync(process.execPath, ['use.js'], { cwd: folder, encoding: 'utf8' });
    expect(JSON.parse(printed)).toEqual({ prefix: '10.244.0.0/16', backends: true });
  });
});
