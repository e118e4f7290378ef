import { randomBytes } from 'node:crypto';
import { transfer } from '../../dataplane/transfer.js';
import type { BenchCase, BenchResult } from '../case.js';
import { type Carrier, type DataplaneOptions, machineLoad, openDataplane } from '../dataplane-fixture.js';

const SECONDS = 2;
const FILE_BYTES = 300_000_000;

/** Numbers beside the goals: several streams, both directions, many peers, processor time, and a mixed pair. */
export const benchCase: BenchCase = {
  name: 'udp-more',
  about: 'backend udp: -P 4, --bidir, 100 peers, processor time per gigabit, and 300 MB to and from the C program',
  async run({ log }) {
    const results: BenchResult[] = [];
    const shown = (name: string, unit: string, value: number, reference: number): void => {
      results.push({ name, value, unit, reference, ratio: value / reference, goal: 'shown', ok: true });
      log(`${name}: ${value.toFixed(2)} ${unit}, the plain program ${reference.toFixed(2)} (${machineLoad()})`);
    };
    const both = async <T>(measure: (carrier: Carrier) => Promise<T>): Promise<readonly [T, T]> => [
      await measure('flan'),
      await measure('reference'),
    ];
    const rate = (flags: readonly string[], options: DataplaneOptions = {}) =>
      both(async (carrier) => {
        const bench = await openDataplane([carrier, carrier], options);
        try {
          await bench.tcp(1);
          const before = bench.carrierSeconds();
          const mbits = await bench.tcp(SECONDS, flags);
          return { mbits, secondsPerGbit: ((bench.carrierSeconds() - before) * 1000) / (mbits * SECONDS) };
        } finally {
          await bench.close();
        }
      });
    for (const [name, flags, options] of [
      ['one stream', [], {}],
      ['4 streams', ['-P', '4'], {}],
      ['both directions', ['--bidir'], {}],
      ['one stream among 100 peers', [], { morePeers: 99 }],
    ] as const) {
      const [flan, reference] = await rate(flags, options);
      shown(name, 'Mbit/s', flan.mbits, reference.mbits);
      shown(`${name}, both carriers`, 's/Gbit', flan.secondsPerGbit, reference.secondsPerGbit);
    }
    for (const carriers of [
      ['flan', 'reference'],
      ['reference', 'flan'],
    ] as const) {
      const bench = await openDataplane(carriers);
      try {
        const content = randomBytes(FILE_BYTES);
        const started = performance.now();
        const got = await transfer({ content, ...bench, to: '10.244.2.0', from: '10.244.1.0' });
        const mbits = (FILE_BYTES * 8) / 1000 / (performance.now() - started);
        const isRight = got.equals(content) && bench.wrongChecksums() === 0;
        results.push({
          ...{ name: `300 MB from ${carriers[0]} to ${carriers[1]}`, value: mbits, unit: 'Mbit/s' },
          ...{ reference: mbits, ratio: 1, goal: 'identical, no wrong checksum', ok: isRight },
        });
      } finally {
        await bench.close();
      }
    }
    return results;
  },
};
