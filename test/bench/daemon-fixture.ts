import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeNetns } from '../support/netns.js';
import { cpuSeconds } from './proc.js';
import { FLAN } from './watch-fixture.js';

/** A node in a namespace, whose leases are elsewhere. */
export interface DaemonBench {
  readonly netns: string;
  readonly dir: string;
  /** Flags of this node, without those of the store. */
  readonly flags: readonly string[];
  /** Starts `flan watch`; resolves when it says that everything is in place. @throws when it ends before */
  start(flags: readonly string[], env?: NodeJS.ProcessEnv): Promise<RunningDaemon>;
  /** Takes everything off the host again. */
  clear(): void;
  close(): Promise<void>;
}

export interface RunningDaemon {
  readonly pid: number;
  /** From fork to ready. */
  readonly wallMs: number;
  /** User and system time of all threads until ready. */
  readonly cpuMs: number;
  /** The most memory it ever had until ready. */
  readonly peakRssMiB: number;
  /** As it says itself. */
  readonly peers: number;
  readonly resources: number;
  stop(): Promise<void>;
}

/** `address` with its length is what eth0 has. */
export function openDaemonBench(address: string): DaemonBench {
  const netns = makeNetns('daemon');
  const ip = (words: string) => execFileSync('ip', ['-n', netns.name, ...words.split(' ')]);
  ip('link add eth0 type veth peer name far0');
  ip('link set far0 up');
  ip('link set eth0 up');
  ip(`address add ${address} dev eth0`);
  const dir = mkdtempSync(join(tmpdir(), 'flan-bench-'));
  const flags = [
    ...['--netns', netns.name, '--iface', 'eth0', '--node', 'node-1', '--node-id', 'id-1'],
    ...[
      '--subnet-file',
      join(dir, 'subnet.env'),
      '--runtime-dir',
      join(dir, 'run'),
      '--state-dir',
      dir,
      '--iptables-forward-rules=false',
    ],
  ];
  const running = new Set<RunningDaemon>();
  return {
    ...{ netns: netns.name, dir, flags },
    async start(more, env = {}) {
      const daemon = await startDaemon([...flags, ...more], env);
      running.add(daemon);
      return daemon;
    },
    clear() {
      for (const family of ['-4', '-6']) {
        execFileSync('ip', ['-n', netns.name, family, 'route', 'flush', 'proto', '70'], { stdio: 'ignore' });
      }
    },
    async close() {
      for (const daemon of running) await daemon.stop();
      netns.close();
      rmSync(dir, { recursive: true });
    },
  };
}

interface Ready {
  readonly type: string;
  readonly peers: number;
  readonly resources: number;
  readonly failed: number;
}

async function startDaemon(flags: readonly string[], env: NodeJS.ProcessEnv): Promise<RunningDaemon> {
  const from = process.hrtime.bigint();
  const child = spawn(process.execPath, [FLAN, 'watch', '--json', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const pid = child.pid ?? 0;
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await ended;
  };
  try {
    const told = await new Promise<Ready>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const event = JSON.parse(line) as Ready;
        if (event.type === 'ready') resolve(event);
      });
      child.on('close', (code) => reject(new Error(`flan watch ended with ${code} before it was ready`)));
      void sleep(60_000, undefined, { ref: false }).then(() => reject(new Error('flan watch did not get ready')));
    });
    const wallMs = Number(process.hrtime.bigint() - from) / 1e6;
    if (told.failed > 0) throw new Error(`${told.failed} of ${told.resources} objects failed`);
    const { peers, resources } = told;
    return { pid, wallMs, cpuMs: cpuSeconds(pid) * 1000, peakRssMiB: peakRssMiB(pid), peers, resources, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function peakRssMiB(pid: number): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) / 1024;
}
