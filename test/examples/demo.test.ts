import { fileURLToPath } from 'node:url';
import { describe, expect } from 'vitest';
import { flan } from '../support/cli.js';
import { kernelTest } from '../support/kernel.js';

const DEMO = fileURLToPath(new URL('../../scripts/demo.sh', import.meta.url));

/** Runs the demo, which itself fails when a ping is not answered or anything is left behind. */
async function demo(as: readonly string[]): Promise<void> {
  const [command = '', ...args] = [...as, 'bash', DEMO];
  const { code, stdout, stderr } = await flan(args, { command });
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toContain('+   create   route/main/10.244.2.0/24');
  expect(stdout.match(/-> node-[abc] 10\.244\.\d\.1 {2}time=/g)).toHaveLength(7);
  expect(stdout).toMatch(
    /drift route\/main\/10\.244\.2\.0\/24 was deleted\n.*healed route\/main\/10\.244\.2\.0\/24 in /,
  );
  expect(stdout).toMatch(/\nAll well: 6 of 6 pings answered, .* nothing is left behind\.\n$/);
}

describe('npm run demo', () => {
  const options = { needs: ['veth', 'bridge'], timeoutMs: 60_000 } as const;
  kernelTest('plans, applies, pings, repairs and cleans up', options, () => demo([]));
  kernelTest('needs no privilege', options, () =>
    demo(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']),
  );
});
