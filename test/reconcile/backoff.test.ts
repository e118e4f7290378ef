import { describe, expect, it } from 'vitest';
import type { Key } from '../../src/planner/kind.js';
import { Backoff } from '../../src/reconcile/backoff.js';
import { Fights } from '../../src/reconcile/fights.js';

const settings = { firstMs: 100, maxMs: 1000, forgetMs: 5000 };
const [a, b] = ['route/main/10.0.0.0/24', 'route/main/10.0.1.0/24'] as Key[] as [Key, Key];

describe('Backoff', () => {
  it('doubles the wait of one key up to the limit and delays no other', () => {
    const backoff = new Backoff(settings);
    const waits: number[] = [];
    for (let nowMs = 0; waits.length < 6; ) {
      backoff.failed(a, nowMs);
      const next = backoff.nextMs() ?? Number.NaN;
      waits.push(next - nowMs);
      nowMs = next;
    }
    expect(waits).toEqual([100, 200, 400, 800, 1000, 1000]);
    expect(backoff.isWaiting(b, 0)).toBe(false);
  });

  it('is due when its time has come, and not after a success', () => {
    const backoff = new Backoff(settings);
    backoff.failed(a, 0);
    expect([backoff.due(99), backoff.due(100)]).toEqual([[], [a]]);
    backoff.succeeded(a);
    expect([backoff.due(1000), backoff.nextMs()]).toEqual([[], undefined]);
  });

  it('lets a raced key try again at once, once', () => {
    const backoff = new Backoff(settings);
    backoff.raced(a, 0);
    expect([backoff.isWaiting(a, 0), backoff.due(0)]).toEqual([false, [a]]);
    backoff.raced(a, 0);
    expect(backoff.nextMs()).toBe(100);
    backoff.succeeded(a);
    backoff.raced(a, 200);
    expect(backoff.nextMs()).toBe(200);
  });

  it('goes on where it was when a key fails again soon, and starts over after a quiet time', () => {
    const backoff = new Backoff(settings);
    backoff.failed(a, 0);
    backoff.succeeded(a);
    backoff.failed(a, 1000);
    expect(backoff.nextMs()).toBe(1200);
    backoff.succeeded(a);
    backoff.failed(a, 10_000);
    expect(backoff.nextMs()).toBe(10_100);
  });

  it('forgets all waiting when told', () => {
    const backoff = new Backoff(settings);
    backoff.failed(a, 0);
    backoff.failed(b, 0);
    backoff.succeeded(b);
    expect(backoff.clear()).toEqual([a]);
    expect(backoff.isWaiting(a, 0)).toBe(false);
  });
});

describe('Backoff, of what somebody else keeps changing back', () => {
  it('waits longer each time, and no news of the host shortens that', () => {
    const backoff = new Backoff(settings);
    backoff.holdOff(a, 0);
    backoff.failed(b, 0);
    expect(backoff.clear()).toEqual([b]);
    expect([backoff.isWaiting(a, 99), backoff.due(100)]).toEqual([true, [a]]);
    backoff.succeeded(a);
    backoff.holdOff(a, 150);
    expect(backoff.clear()).toEqual([]);
    expect(backoff.nextMs()).toBe(350);
  });

  it('forgets it after a quiet time, or when something else is wanted', () => {
    const backoff = new Backoff(settings);
    backoff.holdOff(a, 0);
    backoff.failed(a, 10_000);
    expect(backoff.clear()).toEqual([a]);
    backoff.holdOff(b, 10_000);
    backoff.forget(b);
    expect([backoff.nextMs(), backoff.isWaiting(b, 10_000)]).toEqual([undefined, false]);
  });
});

describe('Fights', () => {
  it('tells a key that keeps drifting from one that drifts now and then', () => {
    const fights = new Fights({ times: 3, withinMs: 1000 });
    expect([0, 400, 800].map((at) => fights.noted(a, at))).toEqual([undefined, undefined, 3]);
    expect([0, 900, 1800, 2700].map((at) => fights.noted(b, at))).toEqual([undefined, undefined, undefined, undefined]);
  });
});
