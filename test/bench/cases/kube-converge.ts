import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { BenchCase, BenchResult } from '../case.js';
import { type DaemonBench, openDaemonBench, type RunningDaemon } from '../daemon-fixture.js';
import { median } from '../stats.js';

const NODES = 5000;
const NODE_BYTES = 6000;
const GOALS = { wallMs: 1400, peakRssMiB: 120 } as const;
/** flannel with vxlan, measured on a machine with two cores. */
const FLANNEL = { wallMs: 4100, peakRssMiB: 136 } as const;

export const benchCase: BenchCase = {
  name: 'kube-converge',
  about: `\`flan watch\` with ${NODES} Kubernetes Nodes, vxlan: from the start of the process until all stands`,
  async run({ n = 5, log }) {
    const bench = openDaemonBench('192.168.200.1/16');
    const server = await startServer(bench.dir);
    try {
      const flags = kubeFlags(bench.dir, server.where);
      const taken: RunningDaemon[] = [];
      for (let round = 0; round <= n; round++) {
        const daemon = await bench.start(flags, { NODE_NAME: 'node-00000' });
        check(bench, daemon);
        await daemon.stop();
        execFileSync('ip', ['-n', bench.netns, 'link', 'delete', 'flannel.1']);
        if (round === 0) continue;
        taken.push(daemon);
        const { wallMs, cpuMs, peakRssMiB } = daemon;
        log(`${wallMs.toFixed(0)} ms, ${cpuMs.toFixed(0)} ms of CPU, peak ${peakRssMiB.toFixed(0)} MiB`);
      }
      const result = (name: string, unit: string, of: 'wallMs' | 'peakRssMiB'): BenchResult => {
        const [value, reference] = [median(taken.map((one) => one[of])), FLANNEL[of]];
        const goal = `<= ${GOALS[of]} ${unit} (reference: flanneld as measured elsewhere)`;
        return { name, value, unit, reference, ratio: value / reference, goal, ok: value <= GOALS[of] };
      };
      return [result(`${NODES} Nodes in place`, 'ms', 'wallMs'), result('peak memory', 'MiB', 'peakRssMiB')];
    } finally {
      server.stop();
      await bench.close();
    }
  },
};

interface Where {
  readonly url: string;
  readonly ca: string;
}

/** In a process of its own: what it needs is not ours. */
async function startServer(dir: string): Promise<{ readonly where: Where; stop(): void }> {
  const program = join(dir, 'serve.mjs');
  await build({
    entryPoints: [fileURLToPath(new URL('../../support/fake-kube/serve.ts', import.meta.url))],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
  const child = spawn(process.execPath, [program, String(NODES), String(NODE_BYTES)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
  });
  return { where: JSON.parse(line) as Where, stop: () => void child.kill() };
}

function kubeFlags(dir: string, { url, ca }: Where): readonly string[] {
  const file = (name: string, content: unknown): string => {
    writeFileSync(join(dir, name), JSON.stringify(content));
    return join(dir, name);
  };
  const kubeconfig = {
    clusters: [
      {
        name: 'c',
        cluster: { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') },
      },
    ],
    users: [{ name: 'u', user: { token: 'token-1' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  return [
    ...['--kube-subnet-mgr', '--kubeconfig-file', file('kubeconfig', kubeconfig)],
    ...['--net-config-path', file('net-conf.json', { Network: '10.64.0.0/10', Backend: { Type: 'vxlan' } })],
  ];
}

function check({ netns }: DaemonBench, { peers }: RunningDaemon): void {
  const count = (...words: string[]): number => {
    const text = execFileSync('ip', ['-n', netns, ...words], { encoding: 'utf8', maxBuffer: 1 << 28 });
    return text.trim().split('\n').length;
  };
  const found = [peers, count('-4', 'route', 'show', 'proto', '70'), count('-4', 'neigh', 'show', 'dev', 'flannel.1')];
  if (found.some((one) => one !== NODES - 1)) throw new Error(`${found.join(', ')} instead of ${NODES - 1} of each`);
}
