import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { systemClock } from '../../src/reconcile/clock.js';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const DAY_MS = 86_400_000;

it('waits for longer than a timer of node can', () => {
  const ran = vi.fn();
  systemClock.after(60 * DAY_MS, ran);
  vi.advanceTimersByTime(60 * DAY_MS - 1);
  expect(ran).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(ran).toHaveBeenCalledOnce();
});

it('can be told not to, however far it has come', () => {
  const ran = vi.fn();
  const cancel = systemClock.after(60 * DAY_MS, ran);
  vi.advanceTimersByTime(30 * DAY_MS);
  cancel();
  vi.advanceTimersByTime(60 * DAY_MS);
  expect(ran).not.toHaveBeenCalled();
});
