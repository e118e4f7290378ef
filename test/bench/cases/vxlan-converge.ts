import { execFileSync } from 'node:child_process';
import type { BenchCase, BenchResult } from '../case.js';
import type { RunningDaemon } from '../daemon-fixture.js';
import { elapsedMs, median } from '../stats.js';
import {
  checkAll,
  DEVICE,
  OBJECTS_PER_PEER,
  openVxlanBench,
  programByHand,
  type VxlanBench,
} from '../vxlan-fixture.js';

const PEERS = 5000;
const GOAL_MS = 800;

export const benchCase: BenchCase = {
  name: 'vxlan-converge',
  about: `\`flan watch\` with ${PEERS} vxlan leases in etcd: from the start of the process until all objects stand`,
  async run({ n = 5, log }) {
    const bench = await openVxlanBench(PEERS, 'nobody');
    const commands = bench.byHand(PEERS + 1);
    try {
      const taken: RunningDaemon[] = [];
      const byHand: number[] = [];
      for (let round = 0; round <= n; round++) {
        const reference = await elapsedMs(() => {
          readAllKeys(bench);
          programByHand(bench, commands);
        });
        clear(bench);
        const daemon = await bench.node.start(bench.etcd.flags);
        checkAll(bench, PEERS);
        await daemon.stop();
        clear(bench);
        if (round === 0) continue;
        byHand.push(reference);
        taken.push(daemon);
        const { wallMs, cpuMs, peakRssMiB } = daemon;
        log(`${wallMs.toFixed(0)} ms, ${cpuMs.toFixed(0)} ms of CPU, ${peakRssMiB.toFixed(0)} MiB`);
      }
      const result = (name: string, value: number): BenchResult => {
        const reference = median(byHand);
        const goal = `<= ${GOAL_MS} ms (reference: etcdctl get, ip -batch, bridge -batch; flanneld 3500 to 3800 ms)`;
        return { name, value, unit: 'ms', reference, ratio: value / reference, goal, ok: value <= GOAL_MS };
      };
      return [
        result(`${PEERS} vxlan peers, ${PEERS * OBJECTS_PER_PEER} objects`, median(taken.map(({ wallMs }) => wallMs))),
        result('the same in CPU time', median(taken.map(({ cpuMs }) => cpuMs))),
      ];
    } finally {
      await bench.close();
    }
  },
};

function readAllKeys({ etcd }: VxlanBench): void {
  const args = ['--endpoints', etcd.server.endpoint, 'get', '--prefix', '/coreos.com/network/subnets/'];
  execFileSync('etcdctl', args, { maxBuffer: 1 << 28, env: { ...process.env, ETCDCTL_API: '3' } });
}

/** With the device goes all that is on it. */
const clear = (bench: VxlanBench): string => bench.ip(`link del ${DEVICE}`);
