import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kinds } from '../../src/kinds/index.js';
import { type Route, route, routeKey } from '../../src/kinds/route.js';
import type { Key } from '../../src/planner/kind.js';
import { Backoff } from '../../src/reconcile/backoff.js';
import { inputs } from '../../src/reconcile/inputs.js';
import { State } from '../../src/reconcile/state.js';
import { ip, lease, network, prefix } from '../leases/support.js';
import { FakeKernel, isOurs, type Trouble } from './fake-kernel.js';

const made = inputs({
  network: network(),
  identity: { node: 'node-a', nodeId: 'id-a' },
  external: {
    4: {
      ...{ family: 4, dev: 'eth0', index: 2, mtu: 1500, address: ip('192.168.10.1') },
      ...{ publicIp: ip('192.168.10.1'), onLink: [prefix('192.168.10.0/24')] },
    },
  },
  own: undefined,
  options: { subnetFile: '/run/none', protocol: 70, masquerade: false, blackhole: false, filter: undefined },
  links: [],
  lookup: () => undefined,
  previous: [],
});

const PEERS = 4;
const peer = (n: number, gateway: number) =>
  lease({ v4: `10.3.${n}.0/24`, ip: `192.168.10.${gateway}`, node: `n${n}` });
const standing = (n: number, init: Partial<Route>): Route =>
  route({ dst: prefix(`10.3.${n}.0/24`), dev: 'eth0', via: ip('192.168.10.99'), ...init });
const keyOf = (n: number): Key => routeKey(standing(n, {}));

interface Bed {
  readonly state: State;
  readonly kernel: FakeKernel;
  readonly adopt: 'yes' | 'no';
  nowMs: number;
}

/** What may happen; `n` is a peer or an amount. */
const OPS: Readonly<Record<string, (bed: Bed, n: number) => void>> = {
  put: ({ state }, n) => state.putPeer(peer(n, n + 1)),
  move: ({ state }, n) => state.putPeer(peer(n, n + 50)),
  drop: ({ state }, n) => state.deletePeer(peer(n, n).key),
  forgeWithOurMark: ({ kernel }, n) => kernel.disturb(keyOf(n), standing(n, { via: ip('192.168.10.88') })),
  hijack: ({ kernel }, n) => kernel.disturb(keyOf(n), standing(n, { proto: 4 })),
  delete: ({ kernel }, n) => kernel.disturb(keyOf(n), undefined),
  useAnotherMetric: ({ kernel }, n) => {
    const other = standing(n, { proto: 4, metric: 7 });
    kernel.disturb(routeKey(other), other);
  },
  hear: ({ state, kernel }, n) => {
    for (const notice of kernel.events.splice(0, n)) state.absorb(notice);
  },
  hearAndHearAgain: ({ state, kernel }, n) => {
    for (const notice of kernel.events.slice(0, n)) state.absorb(notice);
  },
  overrun: ({ kernel }) => kernel.overrun(),
  wait: (bed, n) => {
    bed.nowMs += n * 700;
  },
  resync: ({ state }) => state.doubtEverything('periodic resync'),
  retry: ({ state }) => state.retryNow(),
  flush: (bed) => flush(bed, { status: 'failed', count: 0 }),
  flushWithFailures: (bed, n) => flush(bed, { status: 'failed', count: n }),
  flushWithLostAnswers: (bed, n) => flush(bed, { status: 'lost answer', count: n }),
};

type Op = readonly [name: string, n: number];
const op: fc.Arbitrary<Op> = fc.tuple(
  fc.constantFrom(...Object.keys(OPS), 'hear', 'hear', 'flush', 'flush'),
  fc.integer({ min: 1, max: PEERS }),
);

/** One round of watch, with whatever the world does in between left out: that is what late events stand for. */
function flush({ state, kernel, adopt, nowMs }: Bed, trouble: Trouble): void {
  if (state.doubt !== undefined) state.replaceObserved({ ...kernel.dump((key) => state.desired.has(key)), unread: [] });
  const { steps } = state.takePlan({ nowMs, adopt });
  state.settle(kernel.perform(steps, trouble), nowMs);
}

/** Lets everything come to rest, as an undisturbed kernel and enough time do. @returns how many rounds that took */
function settle(bed: Bed): number {
  const { state, kernel } = bed;
  let rounds = 0;
  for (; rounds < 50; rounds++) {
    for (const notice of kernel.events.splice(0)) state.absorb(notice);
    if (!state.hasWork(bed.nowMs)) {
      const nextMs = state.nextRetryMs();
      if (nextMs === undefined) return rounds;
      bed.nowMs = nextMs;
    }
    flush(bed, { status: 'failed', count: 0 });
  }
  return rounds;
}

describe('State, whatever happens in whatever order', () => {
  it('comes to rest with everything desired in place, nothing of ours left over, and nothing foreign touched', () => {
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), fc.constantFrom('yes' as const, 'no' as const), (ops, adopt) => {
        const state = new State({ kinds, inputs: made, backoff: new Backoff() });
        const bed: Bed = { state, kernel: new FakeKernel(), adopt, nowMs: 0 };
        for (const [name, n] of ops) OPS[name]?.(bed, n);
        expect(settle(bed)).toBeLessThan(50);
        const { kernel } = bed;
        expect(kernel.trespasses).toEqual([]);
        for (const [key, { resource }] of state.desired) {
          const now = kernel.routes.get(key);
          // Only what somebody else put in our place may stand there, and not if we may take it over.
          if (now === undefined || isOurs(now) || adopt === 'yes') {
            expect([key, now && kinds.differing(now, resource)]).toEqual([key, []]);
          }
        }
        for (const [key, now] of kernel.routes) if (isOurs(now)) expect([...state.desired.keys()]).toContain(key);
        // What it believes is what is.
        for (const [key, seen] of state.observed) {
          if (state.desired.has(key)) expect([key, kernel.routes.get(key)]).toEqual([key, seen]);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
