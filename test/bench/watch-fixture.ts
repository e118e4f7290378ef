import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { formatIPv4 } from '../../src/model/ip.js';
import { makeNetns } from '../support/netns.js';

export const FLAN = fileURLToPath(new URL('../../bin/flan.js', import.meta.url));
const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 50;

/** A node with a folder of leases, its own among them: lease j is 10.x.y.0/24 through 172.16.x.y, j from 1 on. */
export interface WatchBench {
  readonly netns: string;
  readonly dir: string;
  /** Index of the interface towards the peers. */
  readonly oif: number;
  /** Arguments after the command's name: everything of this node lies inside the folder and the namespace. */
  readonly args: readonly string[];
  /** `flan apply`, so that there is nothing left to do. */
  apply(): void;
  /** Starts `flan watch`. */
  watch(options?: WatchOptions): Promise<RunningWatch>;
  close(): Promise<void>;
}

export interface WatchOptions {
  /** Added to the command line of node. */
  readonly nodeArgs?: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface RunningWatch {
  readonly pid: number;
  /** What it has printed so far. */
  output(): string;
  stop(): Promise<void>;
}

export function openWatchBench(peers: number): WatchBench {
  const netns = makeNetns('watch');
  const ip = (words: string) => execFileSync('ip', ['-n', netns.name, ...words.split(' ')], { encoding: 'utf8' });
  ip('link add eth0 type veth peer name far0');
  ip('link set far0 up');
  ip('link set eth0 up');
  ip('address add 172.16.0.1/12 dev eth0');
  const [{ ifindex: oif }] = JSON.parse(ip('-j link show dev eth0'));
  const dir = mkdtempSync(join(tmpdir(), 'flan-bench-'));
  writeLeases(join(dir, 'leases'), peers + 1);
  const args = [
    ...['--leases', join(dir, 'leases'), '--netns', netns.name, '--iface', 'eth0'],
    ...['--node', 'node-1', '--node-id', 'id-1'],
    ...['--subnet-file', join(dir, 'subnet.env'), '--runtime-dir', join(dir, 'run'), '--state-dir', dir],
  ];
  const running = new Set<RunningWatch>();
  return {
    ...{ netns: netns.name, dir, oif, args },
    apply: () => void execFileSync(process.execPath, [FLAN, 'apply', '--yes', ...args], { stdio: 'ignore' }),
    async watch(options = {}) {
      const started = await startWatch({ args, log: join(dir, 'watch.log'), ...options });
      running.add(started);
      return started;
    },
    async close() {
      for (const one of running) await one.stop();
      netns.close();
      rmSync(dir, { recursive: true });
    },
  };
}

function writeLeases(folder: string, count: number): void {
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'network.yaml'),
    'Network: 10.0.0.0/8\nSubnetLen: 24\nSubnetMin: 10.0.1.0\nBackend: { Type: host-gw }\n',
  );
  for (let j = 1; j <= count; j++) {
    const lease = {
      ...{ node: `node-${j}`, nodeId: `id-${j}` },
      ...{ subnet: `${formatIPv4(0x0a000000 + (j << 8))}/24`, publicIP: formatIPv4(0xac100000 + j) },
      backendType: 'host-gw',
    };
    writeFileSync(join(folder, `${lease.subnet.replace('/', '-')}.json`), `${JSON.stringify(lease, undefined, 2)}\n`);
  }
}

interface Start extends WatchOptions {
  readonly args: readonly string[];
  readonly log: string;
}

/** Resolves once the first plan has been applied. @throws when it ends or takes too long instead */
async function startWatch({ args, log, nodeArgs = [], env = {} }: Start): Promise<RunningWatch> {
  const out = openSync(log, 'w');
  const child = spawn(process.execPath, [...nodeArgs, FLAN, 'watch', ...args], {
    stdio: ['ignore', out, out],
    env: { ...process.env, ...env },
  });
  closeSync(out);
  const output = () => readFileSync(log, 'utf8');
  const running = { pid: child.pid ?? 0, output, stop: () => stop(child) };
  for (let waitedMs = 0; !/^\S+ ready: /m.test(output()); waitedMs += POLL_MS) {
    if (child.exitCode !== null || waitedMs > READY_TIMEOUT_MS) {
      await running.stop();
      throw new Error(`flan watch did not get ready: ${output()}`);
    }
    await sleep(POLL_MS);
  }
  return running;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.on('close', resolve));
  child.kill('SIGTERM');
  await ended;
}
