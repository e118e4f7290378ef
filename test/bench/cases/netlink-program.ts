import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BATCH_MESSAGES, prepare } from '../../../src/netlink/batch.js';
import type { BatchResult } from '../../../src/netlink/command.js';
import { routeRequest } from '../../../src/netlink/wire/route.js';
import type { BenchCase, BenchContext, BenchResult } from '../case.js';
import { openRouteBench, PROTOCOL, type RouteBench } from '../netlink-fixture.js';
import { alternate } from '../stats.js';

const SOURCE = fileURLToPath(new URL('../program-routes.c', import.meta.url));
/** Short runs suffer more from whatever else the machine does. */
const roundsOf = (count: number): number => (count > 20_000 ? 7 : 15);

/** What a new route costs, from typed values or from bytes made before, against ip(8) and against C. */
export const benchCase: BenchCase = {
  name: 'netlink-program',
  about: 'IPv4 routes per second into an empty table',
  async run(context) {
    const bench = openRouteBench();
    try {
      const yardstick = join(bench.dir, 'program-routes');
      execFileSync('gcc', ['-O2', '-o', yardstick, SOURCE]);
      const results: BenchResult[] = [];
      for (const count of context.n === undefined ? [10_000, 100_000] : [context.n]) {
        results.push(...(await compare({ bench, yardstick, count, context })));
      }
      return results;
    } finally {
      bench.close();
    }
  },
};

interface Comparison {
  readonly bench: RouteBench;
  readonly yardstick: string;
  readonly count: number;
}

/** Seconds each way takes, in turn, into a table that is empty each time. */
function ways({ bench, yardstick, count }: Comparison) {
  const routes = bench.routes(count);
  const prepared = prepare(routes.map((route) => routeRequest('add', route)));
  const file = bench.batchFile(count);
  const inNetns = ['netns', 'exec', bench.netns.name];
  const cArguments = [count, BATCH_MESSAGES, bench.gateway, bench.oif, PROTOCOL].map(String);
  return {
    c: () =>
      timed(bench, () => {
        const printed = execFileSync('ip', [...inNetns, yardstick, ...cArguments], { encoding: 'utf8' });
        const [nanoseconds = '', failed] = printed.trim().split(' ');
        if (failed !== '0') throw new Error(`${failed} routes were refused`);
        return Number(nanoseconds) / 1e9; // its own clock: without the start of the process
      }),
    typed: () =>
      timed(bench, () => requireSuccess(bench.socket.batch(routes.map((route) => routeRequest('add', route))))),
    ip: () => timed(bench, () => void execFileSync('ip', ['-n', bench.netns.name, '-batch', file])),
    prepared: () => timed(bench, () => requireSuccess(bench.socket.batchPrepared(prepared))),
  };
}

// biome-ignore lint/suspicious/noConfusingVoidType: an action that measures itself returns its seconds
function timed(bench: RouteBench, action: () => number | void): number {
  bench.clear();
  const start = process.hrtime.bigint();
  const own = action();
  return own ?? Number(process.hrtime.bigint() - start) / 1e9;
}

function requireSuccess(results: readonly BatchResult[]): void {
  const failed = results.find((result) => result !== undefined);
  if (failed !== undefined) throw new Error(`refused: ${JSON.stringify(failed)}`);
}

async function compare(input: Comparison & { readonly context: BenchContext }): Promise<BenchResult[]> {
  const { count, context } = input;
  const seconds = await alternate(ways(input), roundsOf(count));
  const rate = (way: keyof typeof seconds): number => count / seconds[way];
  for (const way of ['typed', 'prepared', 'c', 'ip'] as const) {
    context.log(`${count} routes, ${way}: ${Math.round(rate(way))} routes/s`);
  }
  const held = (way: 'typed' | 'prepared', against: 'c' | 'ip', least: number): BenchResult => {
    const [value, reference] = [rate(way), rate(against)];
    const words = against === 'ip' ? 'ip -batch' : 'C';
    return {
      name: `${count} routes, ${way === 'typed' ? 'typed values' : 'prepared bytes'}, against ${words}`,
      ...{ value, unit: 'routes/s', reference, ratio: value / reference },
      ...{ goal: `>= ${least} x ${words}`, ok: value / reference >= least },
    };
  };
  return [held('typed', 'ip', 2.0), held('typed', 'c', 0.8), held('prepared', 'ip', 2.5), held('prepared', 'c', 0.95)];
}
