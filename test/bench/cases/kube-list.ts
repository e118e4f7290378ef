import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import type { BenchCase, BenchResult } from '../case.js';
import { median } from '../stats.js';

const NODES = 5000;
const SIZES = [
  { bytes: 6_000, maxRssMiB: 120 },
  { bytes: 30_000, maxRssMiB: 150 },
] as const;
const MAX_RATIO = 1.5;

/** `listed` by the store over HTTPS, `plain` by fetching and JSON.parse; `reduced` and `parsed` without the fetching. */
const WAYS = ['listed', 'plain', 'reduced', 'parsed'] as const;
type Way = (typeof WAYS)[number];
type Taken = Readonly<Record<Way, readonly Measured[]>>;

interface Measured {
  readonly elapsedMs: number;
  readonly maxRssMiB: number;
  readonly count: number;
}

/** Reads all Nodes of a large cluster over HTTPS, each time in a fresh process, as `flan plan` is one. */
export const benchCase: BenchCase = {
  name: 'kube-list',
  about: `lists ${NODES} Kubernetes Nodes of 6 and 30 KB and reduces them to leases, against JSON.parse of the same bytes`,
  async run({ log, n = 5 }) {
    const dir = await mkdtemp(path.join(tmpdir(), 'flan-kube-list-'));
    try {
      const [server, client] = await Promise.all(['serve', 'list-client'].map((name) => bundle(name, dir)));
      const results: BenchResult[] = [];
      for (const size of SIZES) {
        log(`${NODES} Nodes of ${size.bytes} bytes, ${n} rounds`);
        results.push(...(await measure({ server: server ?? '', client: client ?? '', size, rounds: n })));
      }
      return results;
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
};

/** Plain JavaScript: a loader of TypeScript would count as memory of ours. */
async function bundle(name: string, dir: string): Promise<string> {
  const outfile = path.join(dir, `${name}.mjs`);
  const source = fileURLToPath(new URL(`../../support/fake-kube/${name}.ts`, import.meta.url));
  await build({
    entryPoints: [source],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['@kubernetes/*'],
    logLevel: 'error',
  });
  return outfile;
}

interface Measuring {
  readonly server: string;
  readonly client: string;
  readonly size: (typeof SIZES)[number];
  readonly rounds: number;
}

async function measure({ server, client, size, rounds }: Measuring): Promise<readonly BenchResult[]> {
  const process_ = spawn(process.execPath, [server, String(NODES), String(size.bytes)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    const where = await new Promise<string>((resolve, reject) => {
      createInterface(process_.stdout).once('line', resolve);
      process_.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    });
    const run = async (what: Way): Promise<Measured> => {
      const { stdout } = await promisify(execFile)(process.execPath, [client, what], {
        env: { ...process.env, SERVER: where },
      });
      const measured = JSON.parse(stdout) as Measured;
      if (measured.count !== NODES) throw new Error(`${what}: ${measured.count} of ${NODES} Nodes`);
      return measured;
    };
    await run('plain'); // the server's own first time
    const taken: Record<Way, Measured[]> = { listed: [], plain: [], parsed: [], reduced: [] };
    for (let i = 0; i < rounds; i++) for (const way of WAYS) taken[way].push(await run(way));
    return resultsOf(size, taken);
  } finally {
    process_.stdin.end();
  }
}

function resultsOf(size: (typeof SIZES)[number], taken: Taken): readonly BenchResult[] {
  const name = `${NODES} Nodes of ${size.bytes / 1000} KB`;
  const ms = (way: Way): number => median(taken[way].map((one) => one.elapsedMs));
  const rss = (way: Way): number => Math.max(...taken[way].map((one) => one.maxRssMiB));
  const time = (what: string, ours: Way, theirs: Way): BenchResult => {
    const ratio = ms(ours) / ms(theirs);
    const goal = `<= ${MAX_RATIO} x ${what}`;
    return {
      name: `${name}, ${ours}`,
      value: ms(ours),
      unit: 'ms',
      reference: ms(theirs),
      ratio,
      goal,
      ok: ratio <= MAX_RATIO,
    };
  };
  return [
    time('JSON.parse of the same bytes', 'reduced', 'parsed'),
    time('fetching the same pages and JSON.parse', 'listed', 'plain'),
    {
      name: `${name}, memory`,
      value: rss('listed'),
      unit: 'MiB',
      reference: rss('plain'),
      ratio: rss('listed') / rss('plain'),
      goal: `<= ${size.maxRssMiB} MiB`,
      ok: rss('listed') <= size.maxRssMiB,
    },
  ];
}
