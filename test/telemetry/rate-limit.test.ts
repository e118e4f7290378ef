import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rateLimiter } from '../../src/telemetry/rate-limit.js';

it('lets a burst through, counts the rest, and starts over', () => {
  const limiter = rateLimiter({ burst: 2, windowMs: 10 });
  expect([0, 1, 2, 9].map((ms) => limiter.pass('a', ms))).toEqual(['pass', 'pass', 'suppress', 'suppress']);
  expect(limiter.pass('b', 9)).toBe('pass');
  expect(limiter.settle(9)).toEqual([]);
  expect(limiter.settle(10)).toEqual([{ sort: 'a', count: 2 }]);
  expect(limiter.pass('a', 10)).toBe('pass');
});

it('loses nothing: what does not pass is counted exactly once', () => {
  const steps = fc.array(fc.record({ sort: fc.constantFrom('a', 'b', 'c'), waitMs: fc.nat(20) }));
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 4 }), (calls, burst) => {
      const limiter = rateLimiter({ burst, windowMs: 10 });
      let [nowMs, passed, counted] = [0, 0, 0];
      const settle = (atMs: number): void => {
        for (const { count } of limiter.settle(atMs)) counted += count;
      };
      for (const { sort, waitMs } of calls) {
        nowMs += waitMs;
        settle(nowMs);
        if (limiter.pass(sort, nowMs) === 'pass') passed++;
      }
      settle(Number.POSITIVE_INFINITY);
      expect(passed + counted).toBe(calls.length);
    }),
  );
});
