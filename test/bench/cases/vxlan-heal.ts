import { setTimeout as sleep } from 'node:timers/promises';
import { parseAddress, parsePrefix } from '../../../src/model/ip.js';
import { parseMac } from '../../../src/model/mac.js';
import { CommandSocket } from '../../../src/netlink/command.js';
import { findLink } from '../../../src/netlink/dumps.js';
import { fdbRequest } from '../../../src/netlink/wire/fdb.js';
import { neighbourRequest } from '../../../src/netlink/wire/neighbour.js';
import type { Request } from '../../../src/netlink/wire/request.js';
import { routeRequest } from '../../../src/netlink/wire/route.js';
import type { BenchCase, BenchResult } from '../case.js';
import { benchLease, benchMac } from '../etcd-fixture.js';
import { median, percentile } from '../stats.js';
import { DEVICE, openVxlanBench, type Place, type VxlanBench } from '../vxlan-fixture.js';

const PEERS = 1000;
const GOALS = { medianMs: 2, p99Ms: 15 } as const;
const PLACES = ['route', 'neighbour', 'fdb'] as const satisfies readonly Place[];
type How = 'remove' | 'change';

export const benchCase: BenchCase = {
  name: 'vxlan-heal',
  about: `a route, neighbour or FDB entry of one of ${PEERS} vxlan peers removed or changed by hand: time until it is right again`,
  async run({ n = 600, log }) {
    const bench = await openVxlanBench(PEERS);
    try {
      // The yardstick: this process putting right what it hears of itself, with nothing else to think of.
      const daemon = await bench.node.start(bench.etcd.flags);
      const socket = CommandSocket.open({ netns: bench.node.netns });
      const index = findLink(socket, { name: DEVICE })?.index ?? 0;
      const taken: { readonly what: string; readonly ms: number; readonly ownMs: number }[] = [];
      for (let i = 0; i < n + 30; i++) {
        // Apart by chance, so that some come while the last repair is hardly over.
        await sleep(5 + Math.random() * 40);
        const place = PLACES[i % 3] ?? 'route';
        const how: How = i % 2 === 0 ? 'remove' : 'change';
        const j = 2 + Math.floor(Math.random() * PEERS);
        const one = await disturb(bench, { socket, request: disturbance({ place, how, j, index }), place, j });
        if (i >= 30) taken.push({ what: `${how} ${place}`, ...one });
      }
      socket.close();
      await daemon.stop();
      for (const what of [...new Set(taken.map((one) => one.what))].sort()) {
        const ms = taken.filter((one) => one.what === what).map((one) => one.ms);
        log(`${what}: median ${median(ms).toFixed(2)} ms, p99 ${percentile(ms, 99).toFixed(2)} ms`);
      }
      const [all, own] = [taken.map(({ ms }) => ms), taken.map(({ ownMs }) => ownMs)];
      const result = (name: string, at: (values: readonly number[]) => number, goalMs: number): BenchResult => {
        const [value, reference] = [at(all), at(own)];
        const goal = `<= ${goalMs} ms (reference: until this process has heard of the change; flanneld never)`;
        const ratio = value / reference;
        return {
          name: `vxlan drift healed, ${name} of ${n}`,
          value,
          unit: 'ms',
          reference,
          ratio,
          goal,
          ok: value <= goalMs,
        };
      };
      return [result('median', median, GOALS.medianMs), result('p99', (values) => percentile(values, 99), GOALS.p99Ms)];
    } finally {
      await bench.close();
    }
  },
};

interface What {
  readonly place: Place;
  readonly how: How;
  readonly j: number;
  /** Of the device. */
  readonly index: number;
}

/** What somebody does by hand with ip(8) or bridge(8). */
function disturbance({ place, how, j, index }: What): Request {
  const { subnet } = benchLease(j);
  const dst = parseAddress(subnet.replace('/24', ''));
  const wrong = parseAddress('172.31.255.254');
  if (place === 'route') {
    const route = { dst: parsePrefix(subnet) };
    if (how === 'remove') return routeRequest('delete', route);
    return routeRequest('replace', { ...route, oif: index, via: parseAddress('10.255.255.0'), flags: 4, protocol: 3 });
  }
  const mac = parseMac(benchMac(j));
  if (place === 'neighbour') {
    if (how === 'remove') return neighbourRequest('delete', { dst, ifindex: index });
    return neighbourRequest('replace', { dst, ifindex: index, mac: parseMac('02:ff:00:00:00:01') });
  }
  if (how === 'remove') return fdbRequest('delete', { ifindex: index, mac });
  return fdbRequest('replace', { ifindex: index, mac, dst: wrong });
}

interface Disturbing {
  readonly socket: CommandSocket;
  readonly request: Request;
  readonly place: Place;
  readonly j: number;
}

/** From just before the request until the kernel says that the object stands again as it should. */
async function disturb(
  bench: VxlanBench,
  { socket, request, place, j }: Disturbing,
): Promise<{ ms: number; ownMs: number }> {
  let ownAtMs: number | undefined;
  const healed = new Promise<number>((resolve) => {
    bench.onNews = (news) => {
      if (news.place !== place || news.j !== j) return;
      if (!news.right) ownAtMs ??= news.atMs;
      else resolve(news.atMs);
    };
  });
  const fromMs = performance.now();
  socket.perform(request);
  const late = sleep(10_000, undefined, { ref: false }).then(() => {
    throw new Error(`${place} of peer ${j} was never put right again`);
  });
  const atMs = await Promise.race([healed, late]);
  return { ms: atMs - fromMs, ownMs: (ownAtMs ?? atMs) - fromMs };
}
