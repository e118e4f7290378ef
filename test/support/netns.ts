import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { promisify } from 'node:util';
import { threadId } from 'node:worker_threads';

const run = promisify(execFile);
const MARK = 'flantest';
const live = new Set<string>();
let count = 0;

/** A network namespace of one test, with `lo` up: without that it has no local table and onlink routes fail. */
export interface TestNetns {
  readonly name: string;
  readonly path: string;
  /** Runs a shell command line inside. @returns what it printed; rejects with its stderr */
  sh(command: string): Promise<string>;
  /** `ip ARGUMENTS` inside, split at spaces. */
  ip(words: string): Promise<string>;
  /** `ip -j ARGUMENTS` inside. */
  ipJson(words: string): Promise<unknown>;
  /** Deletes the namespace with everything in it. Safe to call twice. */
  close(): void;
}

/** Makes a namespace with a name that no other test has. It goes away with `close`, or else with the process. */
export function makeNetns(hint = 'a'): TestNetns {
  if (count === 0) prepareCleanup();
  const name = `${MARK}-${process.pid}-${threadId}-${++count}-${hint}`;
  execFileSync('ip', ['netns', 'add', name]);
  live.add(name);
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  const sh = async (command: string): Promise<string> =>
    (await run('ip', ['netns', 'exec', name, 'sh', '-ec', command], { maxBuffer: 1 << 28 })).stdout;
  const ip = async (...args: readonly string[]): Promise<string> =>
    (await run('ip', ['-n', name, ...args], { maxBuffer: 1 << 28 })).stdout;
  return {
    name,
    path: `/run/netns/${name}`,
    sh,
    ip: (words) => ip(...words.split(' ')),
    ipJson: async (words) => JSON.parse(await ip('-j', ...words.split(' '))) as unknown,
    close: () => remove(name),
  };
}

export interface VethEnd {
  readonly netns: TestNetns;
  readonly name: string;
  /** With prefix length: `192.168.50.1/24`, `fd00::1/64`. */
  readonly addresses?: readonly string[];
}

/** Joins two namespaces (or one with itself) by a cable whose ends are up and have addresses without DAD. */
export async function joinByVeth(a: VethEnd, b: VethEnd): Promise<void> {
  await a.netns.ip(`link add ${a.name} type veth peer name ${b.name} netns ${b.netns.name}`);
  for (const end of [a, b]) {
    for (const address of end.addresses ?? []) {
      await end.netns.ip(`address add ${address} dev ${end.name}${address.includes(':') ? ' nodad' : ''}`);
    }
    await end.netns.ip(`link set ${end.name} up`);
  }
}

function remove(name: string): void {
  if (!live.delete(name)) return;
  try {
    execFileSync('ip', ['netns', 'delete', name], { stdio: 'pipe' });
  } catch (error) {
    if (existsSync(`/run/netns/${name}`)) throw error;
  }
}

function prepareCleanup(): void {
  process.on('exit', () => {
    for (const name of live) remove(name);
  });
  // What a test process that was killed left behind.
  if (!existsSync('/run/netns')) return;
  for (const name of readdirSync('/run/netns')) {
    const pid = new RegExp(`^${MARK}-(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    live.add(name);
    try {
      remove(name);
    } catch {
      // another test process sweeps too
    }
  }
}
