import { setTimeout as sleep } from 'node:timers/promises';
import { MonitorSocket } from '../../../src/netlink/monitor.js';
import { RTM_DELROUTE, RTM_NEWROUTE, RTNLGRP_IPV4_ROUTE } from '../../../src/netlink/wire/constants.js';
import { decodeRoute } from '../../../src/netlink/wire/route-decode.js';
import type { BenchCase, BenchResult } from '../case.js';
import { openDaemonBench } from '../daemon-fixture.js';
import { benchLease, type EtcdBench, openEtcdBench } from '../etcd-fixture.js';
import { median, percentile } from '../stats.js';

const LEASES = 5000;
const GOALS = { p50Ms: 5, p99Ms: 25 } as const;
/** Longer than anything that is coalesced: each lease comes into quiet. */
const QUIET_MS = 60;

export const benchCase: BenchCase = {
  name: 'lease-latency',
  about: `one lease put in etcd, ${LEASES} others there: time until its route is in the kernel, as a third party hears it`,
  async run({ n = 200, log }) {
    const etcd = await openEtcdBench(LEASES);
    const bench = openDaemonBench('172.16.0.1/12');
    const routes = listen(bench.netns);
    try {
      const daemon = await bench.start(etcd.flags);
      const taken: Taken[] = [];
      for (let i = 0; i < n + 10; i++) {
        await sleep(QUIET_MS);
        const one = await measure({ etcd, routes, j: LEASES + 100 + (i % 50) });
        if (i >= 10) taken.push(one);
      }
      await daemon.stop();
      const [all, answers] = [taken.map(({ routeMs }) => routeMs), taken.map(({ answerMs }) => answerMs)];
      log(`least ${Math.min(...all).toFixed(2)} ms, most ${Math.max(...all).toFixed(2)} ms`);
      const result = (name: string, at: (values: readonly number[]) => number, goalMs: number): BenchResult => {
        const [value, reference] = [at(all), at(answers)];
        const goal = `<= ${goalMs} ms (reference: etcd's own answer to the put)`;
        return { name, value, unit: 'ms', reference, ratio: value / reference, goal, ok: value <= goalMs };
      };
      return [
        result(`lease to route, median of ${n}`, median, GOALS.p50Ms),
        result(`lease to route, p99 of ${n}`, (values) => percentile(values, 99), GOALS.p99Ms),
      ];
    } finally {
      routes.close();
      await bench.close();
      await etcd.close();
    }
  },
};

interface Taken {
  readonly routeMs: number;
  readonly answerMs: number;
}

interface Measuring {
  readonly etcd: EtcdBench;
  readonly routes: Routes;
  readonly j: number;
}

/** Both times count from before the put is sent. */
async function measure({ etcd, routes, j }: Measuring): Promise<Taken> {
  const { key, value, subnet } = benchLease(j);
  const made = routes.next(RTM_NEWROUTE, subnet);
  const fromMs = performance.now();
  const answered = etcd.put(key, value).then(() => performance.now());
  const routeMs = (await made) - fromMs;
  const answerMs = (await answered) - fromMs;
  await sleep(QUIET_MS);
  const gone = routes.next(RTM_DELROUTE, subnet);
  await etcd.remove(key);
  await gone;
  return { routeMs, answerMs };
}

interface Routes {
  /** When the route to `dst` is made or deleted the next time. */
  next(type: number, dst: string): Promise<number>;
  close(): void;
}

function listen(netns: string): Routes {
  let waiting: { readonly type: number; readonly dst: string; readonly heard: (atMs: number) => void } | undefined;
  const monitor = MonitorSocket.open({
    netns,
    groups: [RTNLGRP_IPV4_ROUTE],
    onMessage: ({ type, bytes, offset, length }) => {
      const atMs = performance.now();
      if (waiting?.type === type && decodeRoute(bytes, offset, length).dst === waiting.dst) waiting.heard(atMs);
    },
    onOverrun: () => {},
    onError: (error) => {
      throw error;
    },
  });
  return {
    next: (type, dst) =>
      new Promise((heard) => {
        waiting = { type, dst, heard };
      }),
    close: () => monitor.close(),
  };
}
