import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { type Clock, systemClock } from '../../src/reconcile/clock.js';
import type { Round, WatchView } from '../../src/reconcile/view.js';
import { watch } from '../../src/reconcile/watch.js';
import { alive, isWell } from '../../src/telemetry/health.js';
import { type Lab, labTest, peerLease } from '../support/lab.js';
import { type Between, openLabSession } from '../support/lab-session.js';

interface Running {
  readonly view: () => WatchView;
  readonly rounds: readonly Round[];
  /** Lets time pass for whoever asks what time it is; timers go on as they are. */
  skip(ms: number): void;
}

/** Runs `watch` in this process on a real host with something put before its drivers. */
async function running(lab: Lab, between: Between, body: (run: Running) => Promise<void>): Promise<void> {
  const session = await openLabSession(lab.node().flags, between);
  const stop = new AbortController();
  let skippedMs = 0;
  const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + skippedMs };
  let view: WatchView | undefined;
  const rounds: Round[] = [];
  const ended = watch({
    ...{ session, clock, signal: stop.signal, adopt: 'no', tell: () => {} },
    ...{ resyncIntervalMs: 36_000_000, renewMarginMs: 3_600_000 },
    onView: (one) => {
      view = one;
    },
    onRound: (round) => rounds.push(round),
  });
  const viewed = (): WatchView => {
    if (view === undefined) throw new Error('no view yet');
    return view;
  };
  try {
    await until(() => view !== undefined);
    await body({ view: viewed, rounds, skip: (ms) => (skippedMs += ms) });
  } finally {
    stop.abort();
    await ended.catch(() => {});
    await session.close();
  }
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i++) await sleep(20);
  if (!holds()) throw new Error('it never held');
}

describe('what watch shows of itself', () => {
  labTest('is work that is not getting done, where a driver never answers', {}, async (lab) => {
    let release: (() => void) | undefined;
    const between: Between = {
      perform: async (steps, go) => {
        const isStuck = steps.some(({ key }) => key.includes('10.244.2.0'));
        if (isStuck && release === undefined) await new Promise<void>((resolve) => (release = resolve));
        return go(steps);
      },
    };
    await running(lab, between, async ({ view, skip, rounds }) => {
      await until(() => view().condition().state === 'works' && view().stalledMs() === 0);
      const vitals = () => ({ stalledMs: view().stalledMs(), unheardMs: 0, condition: view().condition() });
      skip(3_600_000);
      // Nothing to do for an hour is no reason to worry.
      expect([view().stalledMs(), isWell(alive(vitals()))]).toEqual([0, true]);
      lab.put('node-b.yaml', peerLease('b'));
      await until(() => release !== undefined);
      skip(61_000);
      expect(isWell(alive(vitals()))).toBe(false);
      const before = rounds.length;
      release?.();
      await until(() => rounds.length > before && view().stalledMs() === 0);
      expect(isWell(alive(vitals()))).toBe(true);
      expect(await lab.node().routes()).toEqual(['10.244.2.0/24 via 192.168.10.2 dev eth0']);
    });
  });

  labTest('is what fails, and why, until it works', {}, async (lab) => {
    await running(lab, {}, async ({ view, rounds }) => {
      lab.put('node-b.yaml', { ...peerLease('b'), publicIP: '203.0.113.7' });
      await until(() => rounds.some(({ result }) => result === 'partial'));
      const [[key, error] = []] = view().failing();
      expect([key, error?.code]).toEqual(['route/main/10.244.2.0/24', 'E_NETLINK']);
      expect(rounds.find(({ result }) => result === 'partial')?.errors).toMatchObject([{ code: 'E_NETLINK' }]);
      lab.put('node-b.yaml', peerLease('b'));
      await until(
        () =>
          view().failing().size === 0 &&
          view()
            .observed()
            .has('route/main/10.244.2.0/24' as never),
      );
      expect(
        view()
          .peers()
          .map(({ node }) => node),
      ).toEqual(['node-b']);
    });
  });

  labTest('is heard of by the kernel, also under a flood of events', {}, async (lab) => {
    await running(lab, {}, async ({ view }) => {
      await view().echo(AbortSignal.timeout(10_000));
      const { netns } = lab.node();
      const flood = netns.sh('for i in $(seq 200); do ip route add 10.77.$i.0/24 via 192.168.10.7; done');
      for (let i = 0; i < 20; i++) await view().echo(AbortSignal.timeout(10_000));
      await flood;
      await view().echo(AbortSignal.timeout(10_000));
      const over = AbortSignal.abort(new Error('over'));
      await expect(view().echo(over)).rejects.toThrow('over');
    });
  });
});
