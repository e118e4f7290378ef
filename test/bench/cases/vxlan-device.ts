import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCase } from '../case.js';
import { elapsedMs, median } from '../stats.js';
import {
  checkAll,
  DEVICE,
  OBJECTS_PER_PEER,
  openVxlanBench,
  programByHand,
  type VxlanBench,
} from '../vxlan-fixture.js';

const PEERS = 1000;
const GOAL_MS = 200;

export const benchCase: BenchCase = {
  name: 'vxlan-device',
  about: `\`ip link del ${DEVICE}\` with ${PEERS} peers under \`flan watch\`: until everything is back, as a third party hears it`,
  async run({ n = 10, log }) {
    const bench = await openVxlanBench(PEERS);
    const commands = bench.byHand(PEERS + 1);
    try {
      const byHand: number[] = [];
      for (let round = 0; round < n; round++) {
        byHand.push(await elapsedMs(() => programByHand(bench, commands)));
        bench.ip(`link del ${DEVICE}`);
      }
      const daemon = await bench.node.start(bench.etcd.flags);
      const taken: number[] = [];
      for (let round = 0; round <= n; round++) {
        await sleep(300);
        const ms = await loseDevice(bench);
        checkAll(bench, PEERS);
        if (round > 0) taken.push(ms);
        log(`${ms.toFixed(0)} ms`);
      }
      await daemon.stop();
      const [value, reference] = [median(taken), median(byHand)];
      const goal = `<= ${GOAL_MS} ms (reference: ip -batch and bridge -batch alone; flanneld never)`;
      const name = `device deleted, ${PEERS * OBJECTS_PER_PEER} objects back, median of ${n}`;
      return [{ name, value, unit: 'ms', reference, ratio: value / reference, goal, ok: value <= GOAL_MS }];
    } finally {
      await bench.close();
    }
  },
};

/** @returns milliseconds from before the command is started until the last object stands again */
async function loseDevice(bench: VxlanBench): Promise<number> {
  const missing = new Set<string>();
  for (let j = 2; j <= PEERS + 1; j++) for (const place of ['route', 'neighbour', 'fdb']) missing.add(`${place} ${j}`);
  const all = new Promise<number>((resolve) => {
    bench.onNews = ({ place, j, right, atMs }) => {
      if (right && missing.delete(`${place} ${j}`) && missing.size === 0) resolve(atMs);
    };
  });
  const fromMs = performance.now();
  bench.ip(`link del ${DEVICE}`);
  const late = sleep(20_000, undefined, { ref: false }).then(() => {
    throw new Error(`${missing.size} objects did not come back`);
  });
  return (await Promise.race([all, late])) - fromMs;
}
