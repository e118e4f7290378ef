import type { BenchCase, BenchContext, BenchResult } from './case.js';
import {
  type Carrier,
  type DataplaneBench,
  type DataplaneOptions,
  machineLoad,
  openDataplane,
} from './dataplane-fixture.js';
import { alternate } from './stats.js';

export interface DataplaneCase {
  readonly name: string;
  readonly about: string;
  readonly unit: string;
  readonly rounds: number;
  readonly options?: DataplaneOptions;
  readonly carriers: readonly Carrier[];
  readonly measure: (bench: DataplaneBench) => Promise<number>;
  readonly judge: (medians: Readonly<Record<Carrier, number>>) => readonly Omit<BenchResult, 'unit'>[];
}

/** Measures carriers in turn, each in a pair of namespaces of its own that stays up for all rounds. */
export function dataplaneCase(init: DataplaneCase): BenchCase {
  const { name, about, unit, options, carriers, measure, judge } = init;
  return {
    name,
    about,
    run: async ({ n: rounds = init.rounds, log }: BenchContext) => {
      const benches = new Map<Carrier, DataplaneBench>();
      try {
        for (const carrier of carriers) benches.set(carrier, await openDataplane([carrier, carrier], options));
        const samples = Object.fromEntries(
          [...benches].map(([carrier, bench]) => [
            carrier,
            async () => {
              const value = await measure(bench);
              log(`${carrier}: ${value.toFixed(0)} ${unit} (${machineLoad()})`);
              return value;
            },
          ]),
        );
        const medians = await alternate(samples, rounds);
        for (const [carrier, bench] of benches) {
          if (bench.wrongChecksums() > 0) throw new Error(`${carrier}: segments with wrong checksums arrived`);
        }
        return judge(medians as Record<Carrier, number>).map((result) => ({ ...result, unit }));
      } finally {
        for (const bench of benches.values()) await bench.close();
      }
    },
  };
}

/** At least `least` times the reference. */
export const atLeast = (name: string, least: number, { value, reference }: Pair): Omit<BenchResult, 'unit'> => ({
  ...{ name, value, reference, ratio: value / reference },
  goal: `>= ${Number(least.toFixed(2))} x`,
  ok: value / reference >= least,
});

export interface Pair {
  readonly value: number;
  readonly reference: number;
}
