import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const EXAMPLE = join(ROOT, 'examples/embed-the-planner');

/** A project that has installed the packed flan and, unlike a real one, none of its dependencies. */
let project: string;
beforeAll(() => {
  project = mkdtempSync(join(tmpdir(), 'flan-embed-'));
  execFileSync('npm', ['pack', '--silent', '--pack-destination', project], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const modules = join(project, 'node_modules');
  mkdirSync(modules);
  execFileSync('tar', ['-xzf', join(project, `flan-${version}.tgz`), '-C', modules]);
  renameSync(join(modules, 'package'), join(modules, 'flan'));
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
}, 120_000);
afterAll(() => rmSync(project, { recursive: true, force: true }));

const node = (...args: string[]): string => execFileSync(process.execPath, args, { cwd: project, encoding: 'utf8' });

describe('the packed library', () => {
  it('runs the example that embeds it', () => {
    cpSync(join(EXAMPLE, 'plan.mjs'), join(project, 'plan.mjs'));
    const printed = node('plan.mjs');
    const expected = join(EXAMPLE, 'output.txt');
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(expected, printed);
    expect(printed).toBe(readFileSync(expected, 'utf8'));
  });

  it('touches nothing: it loads neither koffi nor what reads files, starts processes or talks to others', () => {
    const program = `
      const { createRequire } = await import('node:module');
      const loaded = [];
      const builtin = process.getBuiltinModule('node:module');
      const original = builtin._load;
      builtin._load = (request, ...rest) => (loaded.push(request), original(request, ...rest));
      const flan = await import('flan');
      console.log(JSON.stringify({ loaded, names: Object.keys(flan) }));`;
    const { loaded, names } = JSON.parse(node('--input-type=module', '-e', program)) as {
      loaded: string[];
      names: string[];
    };
    expect(loaded).toEqual([]);
    expect(names).toEqual(
      expect.arrayContaining(['plan', 'kinds', 'backendOf', 'surveyOf', 'prepare', 'conclude', 'planText', 'allocate']),
    );
    const bundle = readFileSync(join(project, 'node_modules/flan/dist/engine/index.js'), 'utf8');
    const imported = [...bundle.matchAll(/\bfrom"([^".]+)"|\brequire\("([^"]+)"\)/g)].map(([, a, b]) => a ?? b);
    expect(new Set(imported)).toEqual(new Set(['node:crypto', 'node:module']));
  });

  it('is typed: what the example does compiles, and a plain string is no prefix', () => {
    const tsc = join(ROOT, 'node_modules/.bin/tsc');
    const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', ''];
    const compile = (text: string): string => {
      writeFileSync(join(project, 'use.ts'), text);
      try {
        return execFileSync(tsc, [...flags, 'use.ts'], { cwd: project, encoding: 'utf8' });
      } catch (error) {
        return (error as { stdout: string }).stdout;
      }
    };
    const right = `
      import { kinds, parsePrefix, type Plan, plan, type PlanInput, route, routeKey } from 'flan';
      const wanted = route({ dst: parsePrefix('10.244.2.0/24'), dev: 'eth0' });
      const input: PlanInput = {
        desired: new Map([[routeKey(wanted), { resource: wanted, because: 'I say so' }]]),
        observed: new Map(),
        kinds,
        ownership: { protocol: 70, networks: ['10.244.0.0/16'] },
      };
      export const made: Plan = plan(input);
    `;
    expect(compile(right)).toBe('');
    expect(compile("import { route } from 'flan'; route({ dst: '10.0.0.0/8' });")).toContain('TS2322');
  });
});
