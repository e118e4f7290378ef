import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchCase, BenchResult } from '../case.js';
import { benchLease, benchMac } from '../etcd-fixture.js';
import { median } from '../stats.js';
import { DEVICE, openVxlanBench, type VxlanBench } from '../vxlan-fixture.js';

const PEERS = 1000;
/** What a failing peer may cost the others: less than a person or a retransmission notices. */
const GOAL_MS = 25;

export const benchCase: BenchCase = {
  name: 'vxlan-isolation',
  about: `a lease added while other peers fail, ${PEERS} others there: time until all its objects stand, as a third party hears it`,
  async run({ n = 40, log }) {
    const bench = await openVxlanBench(PEERS);
    try {
      const daemon = await bench.node.start(bench.etcd.flags);
      const added = async (round: number, before: () => Promise<void>): Promise<number> => {
        const j = PEERS + 100 + round;
        const all = allOf(bench, j);
        await before();
        const fromMs = performance.now();
        const { key, value } = benchLease(j, 'vxlan');
        await bench.etcd.put(key, value);
        const ms = (await all) - fromMs;
        await sleep(60);
        return ms;
      };
      const quiet: number[] = [];
      for (let i = 0; i < n + 5; i++) quiet.push(await added(i, async () => undefined));
      // For good: the kernel refuses a gateway that is an address of the host itself.
      bench.ip('link set lo up');
      bench.ip(`addr add ${vtep(PEERS + 90)}/32 dev lo`);
      const broken = benchLease(PEERS + 90, 'vxlan');
      await bench.etcd.put(broken.key, broken.value);
      await sleep(300);
      const beside: number[] = [];
      for (let i = 0; i < n + 5; i++) {
        const victim = 10 + i;
        const ms = await added(n + 5 + i, async () => {
          // What made flanneld stand still for 51.6 s: a neighbour that is gone already, of a lease that then ends.
          bench.ip(`neigh del ${vtep(victim)} dev ${DEVICE}`);
          await bench.etcd.remove(benchLease(victim, 'vxlan').key);
        });
        beside.push(ms);
      }
      await daemon.stop();
      const [value, reference] = [median(beside.slice(5)), median(quiet.slice(5))];
      log(
        `quiet: median ${reference.toFixed(2)} ms; beside failing peers: worst ${Math.max(...beside.slice(5)).toFixed(2)} ms`,
      );
      const result = (name: string, ms: number): BenchResult => {
        const goal = `<= reference + ${GOAL_MS} ms (reference: with no peer failing; flanneld 51,600 ms)`;
        return { name, value: ms, unit: 'ms', reference, ratio: ms / reference, goal, ok: ms <= reference + GOAL_MS };
      };
      return [result(`lease to objects beside failing peers, median of ${n}`, value)];
    } finally {
      await bench.close();
    }
  },
};

const vtep = (j: number): string => benchLease(j).subnet.replace('/24', '');

/** When neighbour, FDB entry and route of peer `j` stand for the first time. */
function allOf(bench: VxlanBench, j: number): Promise<number> {
  const missing = new Set(['route', 'neighbour', 'fdb']);
  const all = new Promise<number>((resolve) => {
    bench.onNews = (news) => {
      if (news.j === j && news.right && missing.delete(news.place) && missing.size === 0) resolve(news.atMs);
    };
  });
  const late = sleep(60_000, undefined, { ref: false }).then(() => {
    throw new Error(`of peer ${j} (${benchMac(j)}) there is still no ${[...missing].join(', ')}`);
  });
  return Promise.race([all, late]);
}
