import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { parse } from 'yaml';
import { FLAN } from '../support/cli.js';
import { type Lab, type LabNode, labTest, peerLease } from '../support/lab.js';

// The shell of examples/ci is run as it stands: what a pull request's runner does in a place without the lab, what a
// node's runner does as a node of the lab. Only installing flan is left out, and GitHub's own program records its call.

const EXAMPLE = join(import.meta.dirname, '../../examples/ci');
const read = (name: string): unknown => parse(readFileSync(join(EXAMPLE, name), 'utf8'));

interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

type Env = Readonly<Record<string, string>>;

/** A clone of the repository of the cluster, and what a runner has on its path. */
interface Clone {
  readonly dir: string;
  run(shell: string, env: Env): Promise<Result>;
}

function git(cwd: string, ...args: readonly string[]): string {
  return execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@localhost', ...args], { cwd, encoding: 'utf8' });
}

/** A bare repository with the lab's leases on its main branch, and a way to clone it. */
function repository(lab: Lab): { readonly origin: string; clone(name: string): Clone } {
  const origin = join(lab.dir, 'origin.git');
  const bin = join(lab.dir, 'bin');
  mkdirSync(bin);
  symlinkSync(FLAN, join(bin, 'flan'));
  writeFileSync(join(bin, 'gh'), '#!/bin/sh\nprintf "%s\\n" "$@" > gh-arguments\ncat "$7" > gh-body\n');
  chmodSync(join(bin, 'gh'), 0o755);
  execFileSync('git', ['init', '--quiet', '--bare', '--initial-branch=main', origin]);
  const seed = join(lab.dir, 'seed');
  execFileSync('git', ['clone', '--quiet', origin, seed], { stdio: 'pipe' });
  git(seed, 'checkout', '--quiet', '-b', 'main');
  execFileSync('cp', ['-r', lab.leases, seed]);
  git(seed, 'add', '.');
  git(seed, 'commit', '--quiet', '-m', 'The cluster');
  git(seed, 'push', '--quiet', 'origin', 'main');
  return {
    origin,
    clone: (name) => {
      const dir = join(lab.dir, name);
      execFileSync('git', ['clone', '--quiet', origin, dir], { stdio: 'pipe' });
      const run = (shell: string, env: Env): Promise<Result> =>
        new Promise((resolve) => {
          const all = { ...process.env, NO_COLOR: '1', ...env, PATH: `${bin}:${process.env.PATH}` };
          const done = (error: Error | null, stdout: string, stderr: string): void =>
            resolve({ code: Number((error as { code?: number } | null)?.code ?? 0), stdout, stderr });
          execFile('bash', ['-e', '-o', 'pipefail', '-c', shell], { cwd: dir, env: all }, done);
        });
      return { dir, run };
    },
  };
}

/** What makes a runner one on this node. */
const asNode = ({ name, netns, subnetFile, runtimeDir }: LabNode): Env => ({
  FLAN_NETNS: netns.name,
  FLAN_NODE: name,
  FLAN_NODE_ID: `id-${name.slice(-1)}`,
  FLAN_SUBNET_FILE: subnetFile,
  FLAN_RUNTIME_DIR: runtimeDir,
  FLAN_STATE_DIR: join(runtimeDir, '..', 'history'),
  FLAN_IPTABLES_FORWARD_RULES: 'false',
  NODE: name,
});

/** Runs one step after the other, as runners do, until one fails. */
async function runAll(clone: Clone, steps: readonly string[], env: Env): Promise<Result> {
  let last: Result = { code: 0, stdout: '', stderr: '' };
  for (const step of steps) {
    const { code, stdout, stderr } = await clone.run(step, env);
    last = { code, stdout: last.stdout + stdout, stderr: last.stderr + stderr };
    if (code !== 0) break;
  }
  return last;
}

interface Pipeline {
  readonly plan: readonly string[];
  readonly apply: readonly string[];
  readonly snapshot: readonly string[];
}

function github(): Pipeline {
  const { jobs } = read('github.yml') as {
    jobs: Record<keyof Pipeline, { steps: readonly { name?: string; run?: string }[] }>;
  };
  const steps = (job: keyof Pipeline): string[] =>
    jobs[job].steps.filter(({ name }) => name !== 'Install').flatMap(({ run }) => run ?? []);
  return { plan: steps('plan'), apply: steps('apply'), snapshot: steps('snapshot') };
}

function gitlab(): Pipeline {
  const jobs = read('gitlab.yml') as Record<keyof Pipeline, { script: readonly string[] }>;
  return { plan: jobs.plan.script, apply: jobs.apply.script, snapshot: jobs.snapshot.script };
}

/** A place where notes are posted. */
async function noteServer(lab: Lab) {
  const notes: { readonly url: string; readonly token: string; readonly body: string }[] = [];
  const server = createServer((request, response) => {
    let data = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (data += chunk));
    request.on('end', () => {
      const body = new URLSearchParams(data).get('body') ?? '';
      notes.push({ url: request.url ?? '', token: String(request.headers['private-token']), body });
      response.writeHead(201).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  lab.onEnd(() => server.close());
  const address = server.address();
  return { notes, url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/api/v4` };
}

const VIA_C = '10.244.3.0/24 via 192.168.10.3 dev eth0';

for (const [name, pipeline] of Object.entries({ github, gitlab })) {
  describe(`examples/ci/${name}.yml`, () => {
    labTest(
      'plans a proposal without the nodes, and applies it on them',
      { nodes: 2, timeoutMs: 60_000 },
      async (lab) => {
        const { plan, apply, snapshot } = pipeline();
        const { origin, clone } = repository(lab);
        const { notes, url } = await noteServer(lab);
        const node = (one: LabNode): Env => ({ ...asNode(one), FLAN_PUSH_URL: origin, CI_DEFAULT_BRANCH: 'main' });
        for (const one of lab.nodes) {
          const runner = clone(`first-${one.name}`);
          expect(await runAll(runner, apply, node(one))).toMatchObject({ code: 0 });
          expect(await runAll(runner, snapshot, node(one))).toMatchObject({ code: 0 });
        }
        // A proposal: a third node. What is planned for is what the nodes last said of themselves.
        const proposal = clone('proposal');
        writeFileSync(join(proposal.dir, 'leases/node-c.yaml'), JSON.stringify(peerLease('c')));
        const about: Env = {
          ...{
            GITHUB_STEP_SUMMARY: join(lab.dir, 'summary'),
            GITHUB_OUTPUT: join(lab.dir, 'output'),
            PULL_REQUEST: '7',
          },
          ...{ CI_API_V4_URL: url, CI_PROJECT_ID: '3', CI_MERGE_REQUEST_IID: '7', GITLAB_TOKEN: 'token-of-the-test' },
        };
        const planned = await runAll(proposal, plan, about);
        expect(planned).toMatchObject({ code: 0, stderr: '' });
        const comment = readFileSync(join(proposal.dir, 'plan.md'), 'utf8');
        expect(comment).toContain('**2 of 2 hosts change.');
        expect(comment).toContain(
          '| + create | `route/main/10.244.3.0/24` | via 192.168.10.3 dev eth0 | lease of node-c |',
        );
        if (name === 'github') {
          expect(planned.stdout).toMatch(/^::notice title=node-a::Plan: 1 to create; /m);
          expect(readFileSync(join(proposal.dir, 'gh-arguments'), 'utf8')).toMatch(/^pr\ncomment\n7\n--edit-last\n/);
          expect(readFileSync(join(proposal.dir, 'gh-body'), 'utf8')).toBe(comment);
          expect(readFileSync(join(lab.dir, 'summary'), 'utf8')).toBe(comment);
          const [line = '', end] = readFileSync(join(lab.dir, 'output'), 'utf8').split('\n');
          expect(JSON.parse(line.replace(/^summary=/, ''))).toMatchObject({ changes: true, hosts: 2, create: 2 });
          expect(end).toBe('');
        } else {
          expect(notes).toEqual([
            { url: '/api/v4/projects/3/merge_requests/7/notes', token: 'token-of-the-test', body: comment },
          ]);
        }
        expect(await lab.node(0).routes()).not.toContain(VIA_C);
        git(proposal.dir, 'add', 'leases');
        git(proposal.dir, 'commit', '--quiet', '-m', 'A third node');
        git(proposal.dir, 'push', '--quiet', 'origin', 'HEAD:main');
        for (const one of lab.nodes) {
          expect(await runAll(clone(`second-${one.name}`), apply, node(one))).toMatchObject({ code: 0 });
          expect(await one.routes()).toContain(VIA_C);
        }
      },
    );

    labTest('fails a proposal that something on a node stands in the way of', {}, async (lab) => {
      const { plan, snapshot } = pipeline();
      const { origin, clone } = repository(lab);
      const { url } = await noteServer(lab);
      await lab.node().netns.ip('route add 10.244.3.0/24 via 192.168.10.99 proto static');
      const env = { ...asNode(lab.node()), FLAN_PUSH_URL: origin, CI_DEFAULT_BRANCH: 'main' };
      expect(await runAll(clone('runner'), snapshot, env)).toMatchObject({ code: 0 });
      const proposal = clone('proposal');
      writeFileSync(join(proposal.dir, 'leases/node-c.yaml'), JSON.stringify(peerLease('c')));
      const about = {
        GITHUB_STEP_SUMMARY: '/dev/null',
        GITHUB_OUTPUT: '/dev/null',
        PULL_REQUEST: '7',
        CI_API_V4_URL: url,
      };
      const planned = await runAll(proposal, plan, about);
      expect(planned.code).toBe(1);
      expect(planned.stdout).toMatch(/something on a node stands in the way\n$/);
      expect(existsSync(join(proposal.dir, 'plan.md'))).toBe(true);
    });
  });
}
