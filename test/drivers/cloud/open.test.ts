import { expect, it, onTestFinished, vi } from 'vitest';
import { cloudEdge } from '../../../src/drivers/cloud/open.js';

it('measures pauses by a clock that nobody sets, and signs by the one that people set', () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const [beforeMs, wallMs] = [cloudEdge.nowMs(), cloudEdge.wallMs()];
  vi.setSystemTime(wallMs - 3_600_000);
  expect(cloudEdge.nowMs()).toBeGreaterThanOrEqual(beforeMs);
  expect(cloudEdge.wallMs()).toBeLessThan(wallMs);
});
