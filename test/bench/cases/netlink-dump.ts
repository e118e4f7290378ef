import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { dumpRoutes } from '../../../src/netlink/dumps.js';
import { type RouteMessage, routeRequest } from '../../../src/netlink/wire/route.js';
import type { BenchCase } from '../case.js';
import { openRouteBench, PROTOCOL, type RouteBench } from '../netlink-fixture.js';
import { alternate } from '../stats.js';

const ROUNDS = 11;

/** What reading the kernel's table into typed values costs, against ip(8) printing it to nowhere. */
export const benchCase: BenchCase = {
  name: 'netlink-dump',
  about: 'milliseconds to read the IPv4 table, decoded, in a running process',
  async run({ log, n: count = 100_000 }) {
    const bench = openRouteBench();
    try {
      bench.socket.batch(bench.routes(count).map((route) => routeRequest('add', route)));
      const { value, text, reference } = await alternate(
        {
          value: () => readMs({ bench, count, use: () => 0 }),
          reference: () => printMs(bench),
          text: () => readMs({ bench, count, use: (route) => route.dst.length + (route.via?.length ?? 0) }),
        },
        ROUNDS,
      );
      log(
        `${count} routes: decoded ${value.toFixed(1)} ms, with text ${text.toFixed(1)} ms, ip ${reference.toFixed(1)} ms`,
      );
      const result = (name: string, ms: number, goal: number) => ({
        name,
        ...{ value: ms, unit: 'ms', reference, ratio: ms / reference },
        ...{ goal: `<= ${goal} x ip -4 route show`, ok: ms / reference <= goal },
      });
      return [
        result(`${count} routes, decoded`, value, 0.75),
        result(`${count} routes, decoded and every destination and gateway as text`, text, 1),
      ];
    } finally {
      bench.close();
    }
  },
};

interface Reading {
  readonly bench: RouteBench;
  readonly count: number;
  readonly use: (route: RouteMessage) => number;
}

function readMs({ bench, count, use }: Reading): number {
  const start = performance.now();
  const routes = dumpRoutes(bench.socket, { family: 4, table: 254, protocol: PROTOCOL });
  let used = 0;
  for (const route of routes) used += use(route);
  const ms = performance.now() - start;
  if (routes.length !== count || used < 0) throw new Error(`read ${routes.length} routes of ${count}`);
  return ms;
}

function printMs(bench: RouteBench): number {
  const nowhere = openSync('/dev/null', 'w');
  const start = performance.now();
  const { status } = spawnSync('ip', ['-n', bench.netns.name, '-4', 'route', 'show'], {
    stdio: ['ignore', nowhere, 'pipe'],
  });
  const ms = performance.now() - start;
  closeSync(nowhere);
  if (status !== 0) throw new Error('ip -4 route show failed');
  return ms;
}
