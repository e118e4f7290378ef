import { execFileSync } from 'node:child_process';
import type { BenchCase, BenchResult } from '../case.js';
import { type DaemonBench, openDaemonBench, type RunningDaemon } from '../daemon-fixture.js';
import { type EtcdBench, openEtcdBench } from '../etcd-fixture.js';
import { elapsedMs, median } from '../stats.js';

const LEASES = 5000;
const GOAL_MS = 600;

export const benchCase: BenchCase = {
  name: 'etcd-converge',
  about: `\`flan watch\` with ${LEASES} leases in etcd: from the start of the process until all host-gw routes stand`,
  async run({ n = 5, log }) {
    const etcd = await openEtcdBench(LEASES);
    const bench = openDaemonBench('172.16.0.1/12');
    try {
      const taken: RunningDaemon[] = [];
      const byHand: number[] = [];
      for (let round = 0; round <= n; round++) {
        const reference = await elapsedMs(() => programByHand(bench, etcd));
        bench.clear();
        const daemon = await bench.start(etcd.flags);
        check(bench, daemon);
        await daemon.stop();
        bench.clear();
        if (round === 0) continue;
        byHand.push(reference);
        taken.push(daemon);
        const { wallMs, cpuMs, peakRssMiB } = daemon;
        log(`${wallMs.toFixed(0)} ms, ${cpuMs.toFixed(0)} ms of CPU, ${peakRssMiB.toFixed(0)} MiB`);
      }
      const result = (name: string, value: number): BenchResult => {
        const reference = median(byHand);
        const goal = `<= ${GOAL_MS} ms (reference: etcdctl get and ip -batch)`;
        return { name, value, unit: 'ms', reference, ratio: value / reference, goal, ok: value <= GOAL_MS };
      };
      return [
        result(`${LEASES} leases of etcd as routes`, median(taken.map(({ wallMs }) => wallMs))),
        result('the same in CPU time', median(taken.map(({ cpuMs }) => cpuMs))),
      ];
    } finally {
      await bench.close();
      await etcd.close();
    }
  },
};

/** What a script would do: read all keys, write all routes. */
function programByHand({ netns }: DaemonBench, { server }: EtcdBench): void {
  const args = ['--endpoints', server.endpoint, 'get', '--prefix', '/coreos.com/network/subnets/'];
  const text = execFileSync('etcdctl', args, { encoding: 'utf8', maxBuffer: 1 << 28, env: environment });
  const lines = text.trim().split('\n');
  const routes: string[] = [];
  for (let i = 0; i < lines.length; i += 2) {
    const [, address, len] = /\/([\d.]+)-(\d+)$/.exec(lines[i] ?? '') ?? [];
    const [, gateway] = /"PublicIP":"([\d.]+)"/.exec(lines[i + 1] ?? '') ?? [];
    if (gateway !== '172.16.0.1') routes.push(`route add ${address}/${len} via ${gateway} dev eth0 proto 70`);
  }
  execFileSync('ip', ['-n', netns, '-batch', '-'], { input: routes.join('\n') });
}

const environment = { ...process.env, ETCDCTL_API: '3' };

function check({ netns }: DaemonBench, { peers }: RunningDaemon): void {
  const routes = execFileSync('ip', ['-n', netns, '-4', 'route', 'show', 'proto', '70'], { encoding: 'utf8' });
  const count = routes.trim().split('\n').length;
  if (count !== LEASES || peers !== LEASES) throw new Error(`${count} routes and ${peers} peers instead of ${LEASES}`);
}
