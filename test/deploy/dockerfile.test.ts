import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { render } from '../support/kustomize.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

interface Instruction {
  readonly name: string;
  readonly text: string;
}
interface Copy {
  readonly from?: string;
  readonly sources: readonly string[];
  readonly target: string;
}
interface Stage {
  readonly name: string;
  readonly workdir: string;
  readonly instructions: readonly Instruction[];
}

/** The stages of the Dockerfile; of its language what stands there. */
function stages(): readonly Stage[] {
  const text = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
  const lines = text
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '');
  const instructions = lines.map((line): Instruction => {
    const [, name = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    return { name, text: rest };
  });
  const starts = instructions.flatMap(({ name }, i) => (name === 'FROM' ? [i] : []));
  return starts.map((start, i) => {
    const own = instructions.slice(start, starts[i + 1]);
    return {
      name: / AS (\w+)$/.exec(own[0]?.text ?? '')?.[1] ?? '',
      workdir: own.find(({ name }) => name === 'WORKDIR')?.text ?? '/',
      instructions: own.slice(1),
    };
  });
}

function copiesOf(stage: Stage | undefined): readonly Copy[] {
  return (stage?.instructions ?? [])
    .filter(({ name }) => name === 'COPY')
    .map(({ text }) => {
      const [, from, paths = ''] = /^(?:--from=(\w+) )?(.*)$/.exec(text) ?? [];
      const words = paths.split(' ');
      return { ...(from && { from }), sources: words.slice(0, -1), target: words.at(-1) ?? '' };
    });
}

/** COPY as the builder does it: a folder's content, a file into what ends in a slash. */
function copy({ sources, target }: Copy, { from, to }: { readonly from: string; readonly to: string }): void {
  for (const source of sources) {
    const path = join(from, source);
    const isInto = target.endsWith('/') && !statSync(path).isDirectory();
    const place = join(to, target, isInto ? basename(source) : '');
    mkdirSync(dirname(place), { recursive: true });
    cpSync(path, place, { recursive: true, verbatimSymlinks: true });
  }
}

const [build, image] = stages();

/** What the image has of Debian's beyond what its base has. */
function packages(): readonly string[] {
  const text = image?.instructions.find((one) => one.text.includes('apt-get install'))?.text ?? '';
  const [, words = ''] = /apt-get install (.*?) && /.exec(text) ?? [];
  return words.split(' ').filter((word) => !word.startsWith('-'));
}

describe('the Dockerfile', () => {
  it('has two stages, and every file that it copies from the checkout exists and is not ignored', () => {
    expect(stages().map(({ name }) => name)).toEqual(['build', '']);
    const kept = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('!'));
    const copied = [...copiesOf(build), ...copiesOf(image)].filter(({ from }) => from === undefined);
    const sources = copied.flatMap((one) => one.sources);
    expect(sources.length).toBeGreaterThan(5);
    for (const source of sources) expect(existsSync(join(ROOT, source)), source).toBe(true);
    expect(kept.map((line) => line.slice(1)).sort()).toEqual([...new Set(sources)].sort());
  });

  it('starts a Node that the package admits', () => {
    const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { engines: { node: string } };
    const [, major] = /NODE_IMAGE=node:(\d+)-/.exec(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')) ?? [];
    expect(engines.node).toBe('>=20.19');
    expect(Number(major)).toBeGreaterThan(20);
  });

  it('installs the programs that flan runs', () => {
    for (const name of ['iptables', 'nftables', 'iproute2']) expect(packages()).toContain(name);
  });

  it('installs what flan tells people to install who have no charon', () => {
    const source = readFileSync(join(ROOT, 'src/drivers/vici/charon.ts'), 'utf8');
    const [, named = ''] = /Debian packages ([^)]+)\)/.exec(source) ?? [];
    expect(named).toContain('strongswan-charon');
    for (const name of named.split(', ')) expect(packages()).toContain(name);
  });
});

describe('an image staged from exactly what the Dockerfile copies', () => {
  let root: string;
  let opt: string;
  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), 'flan-image-'));
    // First stage. What npm ci would install is what is installed here.
    const src = join(root, 'build', build?.workdir ?? '');
    for (const one of copiesOf(build)) copy(one, { from: ROOT, to: src });
    symlinkSync(join(ROOT, 'node_modules'), join(src, 'node_modules'));
    const run = build?.instructions.filter(({ name }) => name === 'RUN').at(-1)?.text ?? '';
    const [command = '', prune] = run.split(' && ');
    expect(prune).toMatch(/^npm prune --omit=dev/);
    execFileSync('sh', ['-ec', command], { cwd: src, stdio: ['ignore', 'ignore', 'pipe'] });
    // What npm prune leaves.
    rmSync(join(src, 'node_modules'));
    const listed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], { cwd: ROOT, encoding: 'utf8' });
    for (const path of listed.trim().split('\n').slice(1))
      cpSync(path, join(src, relative(ROOT, path)), { recursive: true });
    // Second stage.
    opt = join(root, 'image', image?.workdir ?? '');
    for (const one of copiesOf(image))
      copy(one, { from: one.from === undefined ? ROOT : join(root, one.from), to: opt });
    const links = image?.instructions.flatMap(({ text }) => [...text.matchAll(/ln -s (\S+) (\S+)/g)]) ?? [];
    for (const [, to = '', at = ''] of links) {
      const place = join(root, 'image', at);
      mkdirSync(dirname(place), { recursive: true });
      symlinkSync(join(root, 'image', to), place);
    }
  }, 120_000);
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const run = (path: string, ...args: readonly string[]): string =>
    execFileSync(join(root, 'image', path), args, { cwd: root, encoding: 'utf8', env: { PATH: process.env.PATH } });

  it('runs its ENTRYPOINT, whose default is the daemon', () => {
    const [entry = ''] = JSON.parse(
      image?.instructions.find(({ name }) => name === 'ENTRYPOINT')?.text ?? '',
    ) as string[];
    expect(run(entry, 'version')).toMatch(/^flan \d/);
    expect(JSON.parse(image?.instructions.find(({ name }) => name === 'CMD')?.text ?? '')).toEqual(['watch']);
  });

  it('loads what is native, and its threads are there', () => {
    // Reserving takes a lock, which is a system call of our own.
    run('/usr/local/bin/flan', 'init', '.');
    run('/usr/local/bin/flan', 'lease', 'reserve', '10.244.9.0/24');
    expect(run('/usr/local/bin/flan', 'lease', 'list')).toContain('10.244.9.0/24');
    expect(existsSync(join(opt, 'dist/tunnel.worker.cjs'))).toBe(true);
    expect(existsSync(join(opt, 'dist/THIRD-PARTY-LICENSES.txt'))).toBe(true);
  });

  it('has flanneld where kube-flannel.yml starts it', () => {
    expect(run('/opt/bin/flanneld', '--version')).toMatch(/^flan \d/);
  });

  it('holds neither sources nor what only development needs', () => {
    expect(existsSync(join(opt, 'src'))).toBe(false);
    expect(existsSync(join(opt, 'node_modules/typescript'))).toBe(false);
    expect(existsSync(join(opt, 'node_modules/koffi/package.json'))).toBe(true);
  });

  it('is what the manifests call: no container of flan’s names a command', () => {
    const daemonSet = render('.').find(({ kind }) => kind === 'DaemonSet') as unknown as {
      spec: { template: { spec: Record<'containers' | 'initContainers', { image: string; command?: string[] }[]> } };
    };
    const { containers, initContainers } = daemonSet.spec.template.spec;
    const ours = [...containers, ...initContainers].filter((one) => one.image.startsWith('flan:'));
    expect(ours).toHaveLength(2);
    for (const { command } of ours) expect(command).toBeUndefined();
  });
});
