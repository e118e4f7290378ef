import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BenchCase } from '../case.js';
import { openWatchBench } from '../watch-fixture.js';

const HOOK = fileURLToPath(new URL('../report-memory.cjs', import.meta.url));
const FEW = 1000;
/** As in `idle`: by then V8 has given back what only the start needed. */
const SETTLE_MS = 45_000;
const GOAL_KIB = 2;

interface Memory {
  /** Heap in use and memory outside that it holds on to, with the garbage collected. */
  readonly liveBytes: number;
  readonly rssBytes: number;
}

/** What one more lease costs the daemon for as long as it runs: the lease, its route, and every index of both. */
export const benchCase: BenchCase = {
  name: 'lease-memory',
  about: 'bytes per lease in `flan watch`: growth from 1,000 leases to 20,000 (-n)',
  async run({ n: many = 20_000, log }) {
    const [little, much] = [await memoryWith(FEW), await memoryWith(many)];
    log(`${FEW} leases: ${mib(little.liveBytes)} MiB live, ${mib(little.rssBytes)} MiB resident`);
    log(`${many} leases: ${mib(much.liveBytes)} MiB live, ${mib(much.rssBytes)} MiB resident`);
    const reference = parsedJsonBytes(many) / 1024;
    const perLease = (of: (memory: Memory) => number): number => (of(much) - of(little)) / (many - FEW) / 1024;
    // Told, but no result: what V8 keeps of its own for a while differs from run to run by more than all the leases.
    log(`resident: ${perLease(({ rssBytes }) => rssBytes).toFixed(2)} KiB/lease`);
    const value = perLease(({ liveBytes }) => liveBytes);
    return [
      {
        name: `live memory, ${FEW} to ${many} leases`,
        ...{ value, unit: 'KiB/lease', reference, ratio: value / reference },
        ...{ goal: `<= ${GOAL_KIB} KiB (reference: the same leases as parsed JSON)`, ok: value <= GOAL_KIB },
      },
    ];
  },
};

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);

async function memoryWith(peers: number): Promise<Memory> {
  const bench = openWatchBench(peers);
  try {
    const report = join(bench.dir, 'memory.json');
    const running = await bench.watch({
      nodeArgs: ['--expose-gc', '--require', HOOK],
      env: { FLAN_BENCH_MEMORY: report },
    });
    await sleep(SETTLE_MS);
    process.kill(running.pid, 'SIGUSR2');
    while (!existsSync(report)) await sleep(50);
    return JSON.parse(readFileSync(report, 'utf8')) as Memory;
  } finally {
    await bench.close();
  }
}

/** What a lease costs as nothing but the value that JSON.parse makes of its file. */
function parsedJsonBytes(count: number): number {
  const program = `
    const text = (j) => JSON.stringify({ node: 'node-' + j, nodeId: 'id-' + j, subnet: '10.1.' + j + '.0/24',
      publicIP: '172.16.1.' + j, backendType: 'host-gw' });
    const held = [];
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let j = 0; j < ${count}; j++) held.push(JSON.parse(text(j)));
    gc();
    console.log((process.memoryUsage().heapUsed - before) / held.length);`;
  return Number(execFileSync(process.execPath, ['--expose-gc', '-e', program], { encoding: 'utf8' }));
}
