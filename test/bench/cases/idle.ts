import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCase, BenchResult } from '../case.js';
import { cpuSeconds, residentMiB } from '../proc.js';
import { openWatchBench } from '../watch-fixture.js';

const PEERS = 5000;
/** V8 gives back what the start needed in one collection about half a minute after it: that is not idling. */
const SETTLE_MS = 40_000;
const GOALS = { cpuSeconds: 0.05, rssMiB: 110 } as const;

/** What the daemon costs while nothing happens, against a node that waits for ever. */
export const benchCase: BenchCase = {
  name: 'idle',
  about: `\`flan watch\` with ${PEERS} leases while nothing happens: processor time in 60 s (-n), memory`,
  async run({ n: seconds = 60, log }) {
    const bench = openWatchBench(PEERS);
    const node = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e9)'], { stdio: 'ignore' });
    try {
      const flan = await bench.watch();
      await sleep(SETTLE_MS);
      const pids = { value: flan.pid, reference: node.pid ?? 0 };
      const before = { value: cpuSeconds(pids.value), reference: cpuSeconds(pids.reference) };
      log(`ready; watching it for ${seconds} s`);
      await sleep(seconds * 1000);
      const result = (
        name: string,
        unit: string,
        goal: number,
        of: (which: keyof typeof pids) => number,
      ): BenchResult => {
        const [value, reference] = [of('value'), of('reference')];
        return {
          name,
          ...{ value, unit, reference, ratio: value / Math.max(reference, 0.001) },
          ...{ goal: `<= ${goal} ${unit} (reference: an idle node)`, ok: value <= goal },
        };
      };
      return [
        result(
          `${PEERS} leases, ${seconds} s`,
          's',
          GOALS.cpuSeconds,
          (which) => cpuSeconds(pids[which]) - before[which],
        ),
        result(`${PEERS} leases, resident`, 'MiB', GOALS.rssMiB, (which) => residentMiB(pids[which])),
      ];
    } finally {
      node.kill();
      await bench.close();
    }
  },
};
