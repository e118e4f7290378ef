import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../../src/leases/kubernetes/clock.js';

/** A clock whose sleeps are written down and over at once, and whose dice always fall low. */
export interface QuickClock extends Clock {
  readonly slept: number[];
  advance(ms: number): void;
}

export function quickClock(startMs = Date.UTC(2026, 10, 22, 12)): QuickClock {
  let nowMs = startMs;
  const slept: number[] = [];
  return {
    slept,
    nowMs: () => nowMs,
    random: () => 0,
    async sleep(ms, signal) {
      signal.throwIfAborted();
      slept.push(ms);
      nowMs += ms;
      await turn(); // others get their turn, or a loop of failures would never let the server answer
    },
    advance(ms) {
      nowMs += ms;
    },
  };
}
