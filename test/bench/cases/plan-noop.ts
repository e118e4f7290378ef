import type { BenchCase } from '../case.js';
import { alternate, wholeProcess } from '../stats.js';
import { FLAN, openWatchBench } from '../watch-fixture.js';

const PEERS = 1000;
const GOAL_MS = 100;

/** What looking costs when there is nothing to do, start of the process included. */
export const benchCase: BenchCase = {
  name: 'plan-noop',
  about: `\`flan plan\` with ${PEERS} leases in the file store and nothing to do, against \`node -e 0\``,
  async run({ n = 15, log }) {
    const bench = openWatchBench(PEERS);
    try {
      bench.apply();
      // Fails when there is anything to change: a plan with work in it is another measurement.
      await wholeProcess(process.execPath, [FLAN, 'plan', '--detailed-exitcode', ...bench.args]);
      log(`${n} rounds, in turn`);
      const { node, flan } = await alternate(
        {
          node: async () => (await wholeProcess(process.execPath, ['-e', '0'])).wallMs,
          flan: async () => (await wholeProcess(process.execPath, [FLAN, 'plan', ...bench.args])).wallMs,
        },
        n,
      );
      return [
        {
          name: `flan plan, ${PEERS} leases, nothing to do`,
          ...{ value: flan, unit: 'ms', reference: node, ratio: flan / node },
          ...{ goal: `<= reference + ${GOAL_MS} ms`, ok: flan - node <= GOAL_MS },
        },
      ];
    } finally {
      await bench.close();
    }
  },
};
