import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { kernelTest, type Need } from '../support/kernel.js';

// Every folder of examples/ with a run.sh is run as it is, and prints what its output.txt says. With UPDATE_GOLDEN=1 that
// is written instead.

const EXAMPLES = join(import.meta.dirname, '../../examples');
const names = readdirSync(EXAMPLES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(EXAMPLES, entry.name, 'run.sh')))
  .map(({ name }) => name)
  .sort();

/** How many routes of its own the kernel has made at a moment is its business; iproute2 ends lines with spaces. */
const comparable = (text: string): string =>
  text.replace(/\d+ foreign objects? left alone/g, 'N foreign objects left alone').replace(/ +$/gm, '');

for (const name of names) {
  const script = readFileSync(join(EXAMPLES, name, 'run.sh'), 'utf8');
  const needs = (/^# needs: (.*)$/m.exec(script)?.[1]?.split(' ') ?? []) as Need[];
  kernelTest(`${name} runs as it says`, { needs: ['veth', 'ipv6', ...needs], timeoutMs: 60_000 }, async () => {
    const expected = join(EXAMPLES, name, 'output.txt');
    const { stdout, stderr } = await promisify(execFile)(join(EXAMPLES, name, 'run.sh'), { cwd: '/' });
    expect(stderr).toBe('');
    if (process.env.UPDATE_GOLDEN === '1') writeFileSync(expected, stdout.replace(/ +$/gm, ''));
    expect(comparable(stdout)).toBe(comparable(readFileSync(expected, 'utf8')));
  });
}

test('every example says what it shows', () => {
  expect(names.length).toBeGreaterThanOrEqual(8);
  for (const name of names) {
    expect(readFileSync(join(EXAMPLES, name, 'README.md'), 'utf8'), name).toMatch(/^# .+\n\n.{80}/);
  }
});
