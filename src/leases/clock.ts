import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from './keep.js';

/** Longest delay that setTimeout takes; who sleeps wakes early and looks again. */
const MAX_TIMEOUT_MS = 0x7fff_ffff;

export const systemClock: Clock = {
  now: Date.now,
  async sleep(ms, signal) {
    await sleep(Math.min(ms, MAX_TIMEOUT_MS), undefined, { signal }).catch(() => undefined);
  },
};
