import { describe, expect, it } from 'vitest';
import { plan } from '../../src/planner/plan.js';
import { systemClock } from '../../src/reconcile/clock.js';
import { StartGuard } from '../../src/reconcile/start-guard.js';
import { Timers } from '../../src/reconcile/timers.js';
import { labTest, peerLease } from '../support/lab.js';
import { toyKinds as kinds, nobody, seen, type Toy, wanted } from '../support/toy-kind.js';
import { watching } from './watching.js';

const toys = (count: number): Toy[] =>
  Array.from({ length: count }, (_, n) => ({ kind: 'toy', name: `t${n}`, colour: 'red', shape: 'round', mine: true }));

function bed(fraction = 0.5) {
  const due: (() => void)[] = [];
  const told: [number, number][] = [];
  let released = 0;
  const clock = {
    ...systemClock,
    after: (_: number, run: () => void) => {
      due.push(run);
      return () => {};
    },
  };
  const guard = new StartGuard({
    ...{ fraction, holdMs: 60_000, kinds, timers: new Timers(clock) },
    onHeld: (...counts) => told.push(counts),
    onRelease: () => released++,
  });
  const sift = (want: readonly Toy[], have: readonly Toy[], look: 'everything' | 'a part' = 'everything') => {
    const made = plan({ desired: wanted(want), observed: seen(have), kinds, ownership: nobody });
    return guard.sift({ ...made, keys: new Set() }, look).steps.map(({ action, key }) => `${action} ${key}`);
  };
  const pass = (): void => {
    for (const run of due.splice(0)) run();
  };
  return { guard, sift, told, pass, released: () => released };
}

describe('the guard at the start', () => {
  it('keeps what a store without leases would have deleted, for a while, and makes what is missing', () => {
    const { guard, sift, told, pass, released } = bed();
    const [all, one] = [toys(12), { ...toys(1)[0], name: 'new' } as Toy];
    expect(sift([one], all)).toEqual(['create toy/new']);
    expect([told, guard.holds, released()]).toEqual([[[12, 12]], true, 0]);
    // One that an ended lease takes away meanwhile is another matter.
    expect(sift([], [...all, one])).toEqual(['delete toy/new']);
    pass();
    expect([guard.holds, released()]).toEqual([false, 1]);
    expect(sift([one], all)).toHaveLength(13);
  });

  it.each([
    ['few objects', 9, 0.5],
    ['a guard that is off', 50, 1],
  ])('does not stand in the way of %s', (_, count, fraction) => {
    const { guard, sift, told } = bed(fraction);
    expect(sift([], toys(count))).toHaveLength(count);
    expect([told, guard.holds]).toEqual([[], false]);
  });

  it('deletes nothing, and does not judge, before it has seen the whole host', () => {
    const { guard, sift, told } = bed();
    expect(sift([], toys(3), 'a part')).toEqual([]);
    expect([told, guard.holds]).toEqual([[], false]);
    expect(sift([], toys(12))).toEqual([]);
    expect([told, guard.holds]).toEqual([[[12, 12]], true]);
  });

  it('lets go what something else stands for now', () => {
    const { sift, told } = bed();
    const [routes, others] = [toys(10), toys(20).map((toy) => ({ ...toy, name: `x${toy.name}` }))];
    const changed = routes.map((toy) => ({ ...toy, colour: 'blue' }));
    expect(sift(changed, [...routes, ...others])).toHaveLength(30);
    expect(told).toEqual([]);
  });

  it('judges the first plan alone', () => {
    const { sift, told } = bed();
    expect(sift(toys(12), toys(12))).toEqual([]);
    expect(sift([], toys(12))).toHaveLength(12);
    expect(told).toEqual([]);
  });
});

labTest('watch that starts with an empty store keeps the routes of the run before', {}, async (lab) => {
  const node = lab.node();
  for (let n = 20; n < 40; n++) await node.netns.ip(`route add 10.244.${n}.0/24 via 192.168.10.${n} proto 70`);
  lab.put('node-b.yaml', peerLease('b'));
  await watching(node, {}, async ({ until, view }) => {
    await until(({ type }) => type === 'held');
    await until(({ type }) => type === 'ready');
    expect(await node.routes()).toHaveLength(21);
    expect(view()?.holdsSnapshot()).toBe(true);
  });
});
