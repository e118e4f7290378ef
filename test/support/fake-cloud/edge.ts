import type { CloudEdge } from '../../../src/drivers/cloud/client.js';

export interface TestEdge extends CloudEdge {
  /** What was slept, in order: nothing waits really. */
  readonly pausesMs: readonly number[];
}

/** The real network, files that a test makes up, a clock that jumps over every pause, and no chance. */
export function testEdge(
  env: Readonly<Record<string, string | undefined>>,
  files: Readonly<Record<string, string>> = {},
): TestEdge {
  const pausesMs: number[] = [];
  let sleptMs = 0;
  return {
    ...{ env, home: '/home/somebody', pausesMs },
    readText: (path) => files[path],
    nowMs: () => sleptMs,
    // Signatures are compared with the real time.
    wallMs: () => Date.now(),
    random: () => 0.5,
    sleep: async (delayMs, signal) => {
      signal.throwIfAborted();
      pausesMs.push(delayMs);
      sleptMs += delayMs;
    },
  };
}
