import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BenchCase, BenchResult } from '../case.js';
import { compileC, median, percentile } from '../stats.js';
import { openWatchBench, type WatchBench } from '../watch-fixture.js';

const SOURCE = fileURLToPath(new URL('../disturb-routes.c', import.meta.url));
const PEERS = 1000;
const GOALS = { medianMs: 2, p99Ms: 15 } as const;

/** Milliseconds from a change by hand to the route standing right again, as a third party sees it. */
export const benchCase: BenchCase = {
  name: 'drift-heal',
  about: `one of ${PEERS} routes deleted or led elsewhere by hand: time until \`flan watch\` has put it right`,
  async run({ n = 400, log }) {
    const bench = openWatchBench(PEERS);
    try {
      bench.apply();
      const reference = disturb(bench, { count: Math.min(n, 200), healer: 'c' });
      const running = await bench.watch();
      const taken = disturb(bench, { count: n, healer: 'flan' });
      const healed = running.output().match(/ healed /g)?.length ?? 0;
      log(`${n} disturbances, ${healed} told as healed`);
      for (const what of ['delete', 'change'] as const) {
        const ms = of(taken, what);
        log(`${what}: median ${median(ms).toFixed(2)} ms, p99 ${percentile(ms, 99).toFixed(2)} ms`);
      }
      const [all, c] = [taken.map(({ ms }) => ms), reference.map(({ ms }) => ms)];
      const result = (name: string, at: (values: readonly number[]) => number, goalMs: number): BenchResult => {
        const [value, least] = [at(all), at(c)];
        return {
          name: `drift healed, ${name} of ${n}`,
          ...{ value, unit: 'ms', reference: least, ratio: value / least },
          ...{ goal: `<= ${goalMs} ms (reference: a C program that does only this)`, ok: value <= goalMs },
        };
      };
      return [result('median', median, GOALS.medianMs), result('p99', (values) => percentile(values, 99), GOALS.p99Ms)];
    } finally {
      await bench.close();
    }
  },
};

interface Disturbing {
  readonly count: number;
  readonly healer: 'flan' | 'c';
}

interface Disturbance {
  readonly what: 'delete' | 'change';
  readonly ms: number;
}

function disturb({ netns, oif }: WatchBench, { count, healer }: Disturbing): readonly Disturbance[] {
  const program = compileC(SOURCE);
  const args = [String(count), String(PEERS), String(oif), ...(healer === 'c' ? ['heal'] : [])];
  const printed = execFileSync('ip', ['netns', 'exec', netns, program, ...args], { encoding: 'utf8' });
  const list = printed
    .trim()
    .split('\n')
    .map((line): Disturbance => {
      const [what, nanoseconds] = line.split(' ');
      return { what: what === 'delete' ? what : 'change', ms: Number(nanoseconds) / 1e6 };
    });
  if (list.length !== count || list.some(({ ms }) => !(ms > 0))) throw new Error('a route was never put right again');
  return list;
}

const of = (list: readonly Disturbance[], what: Disturbance['what']): readonly number[] =>
  list.filter((one) => one.what === what).map(({ ms }) => ms);
