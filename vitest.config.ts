import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/bench/**'],
    globalSetup: 'test/support/build.ts',
    // Processes rather than threads: tests enter network namespaces, and one that crashes takes only its file along.
    pool: 'forks',
    // Also where vitest would leave one of two cores idle: most tests wait for daemons.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    // Kernel, etcd and end-to-end tests start real processes; a hang is still found.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
    // On a machine that others load too a deadline of a real daemon may pass once; what is wrong fails every time.
    retry: process.env.CI === undefined ? 0 : 2,
  },
});
