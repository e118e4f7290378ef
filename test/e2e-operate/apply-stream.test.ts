import { describe, expect } from 'vitest';
import { labTest, peerLease } from '../support/lab.js';
import { faultsOf } from '../support/schemas.js';

type Line = Readonly<Record<string, unknown>> & { readonly type: string };

const linesOf = (stdout: string): readonly Line[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line): Line => JSON.parse(line));

function expectPublished(lines: readonly Line[]): void {
  for (const line of lines) {
    const name = line.type.startsWith('apply_') ? 'apply-events' : 'plan-events';
    expect([line, faultsOf(name, line)]).toEqual([line, []]);
  }
}

describe('flan apply -o ndjson', () => {
  labTest('tells each change when it is made, with totals', { subnets: 'drawn' }, async ({ node, put }) => {
    put('node-b.yaml', peerLease('b'));
    const { code, stdout, stderr } = await node().flan(['apply', '--yes', '-o', 'ndjson']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = linesOf(stdout);
    expectPublished(lines);
    expect(lines[0]).toMatchObject({ type: 'version' });
    const made = lines.filter(({ type }) => type === 'apply_complete');
    expect(made.map(({ done }) => done)).toEqual(made.map((_, i) => i + 1));
    expect(made.map(({ key }) => key)).toContain('route/main/10.244.2.0/24');
    // The lease first; with the subnet known there is more to do, and the last line counts all.
    expect(made.at(-1)).toMatchObject({ done: made.length, of: made.length, failed: 0 });
    const result = { type: 'apply_result', verified: true, done: made.length, failed: 0, left: [] };
    expect(lines.at(-1)).toMatchObject(result);
  });

  labTest('tells what failed and that it was undone', {}, async ({ node, put }) => {
    put('node-b.yaml', { ...peerLease('b'), publicIP: '203.0.113.8' });
    const { code, stdout } = await node().flan(['apply', '--yes', '-o', 'ndjson']);
    const lines = linesOf(stdout);
    expectPublished(lines);
    expect(lines.find(({ type }) => type === 'apply_errored')).toMatchObject({ key: 'route/main/10.244.2.0/24' });
    expect(lines.at(-1)).toMatchObject({
      type: 'apply_result',
      verified: false,
      failed: 1,
      undone: { verified: true },
    });
    expect(code).toBe(4);
  });

  labTest('tells a plan alone where there is nothing to do, or nothing is to be done', {}, async ({ node, put }) => {
    put('node-b.yaml', peerLease('b'));
    const seen = await node().flan(['apply', '--dry-run', '-o', 'ndjson']);
    expect(linesOf(seen.stdout).map(({ type }) => type)).not.toContain('apply_start');
    expect(await node().routes()).toEqual([]);
    expect((await node().flan(['apply', '--yes'])).code).toBe(0);
    const { stdout } = await node().flan(['apply', '--yes', '-o', 'ndjson']);
    const types = linesOf(stdout).map(({ type }) => type);
    expect(types).toEqual(['version', 'plan', 'summary', 'apply_result']);
  });

  labTest('ends with a line of its own where nobody can be asked', {}, async ({ node, put }) => {
    put('node-b.yaml', peerLease('b'));
    const { code, stdout } = await node().flan(['apply', '-o', 'ndjson']);
    const lines = linesOf(stdout);
    expectPublished(lines);
    expect(lines.at(-1)).toMatchObject({ type: 'error', code: 'E_NO_TTY' });
    expect(code).toBe(64);
  });
});

describe('flan apply --verify-timeout', () => {
  labTest('is a time', {}, async ({ node, put }) => {
    put('node-b.yaml', peerLease('b'));
    const { code, stderr } = await node().flan(['apply', '--yes', '--verify-timeout', 'soon']);
    expect(code).toBe(64);
    expect(stderr).toContain("--verify-timeout must be a time, not 'soon'");
    expect((await node().flan(['apply', '--yes', '--verify-timeout', '0'])).code).toBe(0);
  });
});
