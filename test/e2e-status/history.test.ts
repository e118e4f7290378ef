import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { HistoryEntry } from '../../src/report/history-entry.js';
import { type LabNode, labTest, peerLease } from '../support/lab.js';
import { faultsOf } from '../support/schemas.js';

const KEY = 'route/main/10.244.2.0/24';

async function historyOf(node: LabNode, args: readonly string[] = []): Promise<readonly HistoryEntry[]> {
  const { code, stdout, stderr } = await node.flan(['history', '--json', ...args]);
  expect([code, stderr]).toEqual([0, '']);
  const document = JSON.parse(stdout) as { kind: string; entries: readonly HistoryEntry[] };
  expect(document.kind).toBe('flan.history');
  return document.entries;
}

describe('history', () => {
  labTest('tells what apply, watch and destroy changed, and what others did, across restarts', {}, async (lab) => {
    const a = lab.node();
    expect(await historyOf(a)).toEqual([]);
    lab.put('node-b.yaml', peerLease('b'));
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    const daemon = await a.watch();
    await a.netns.ip('route del 10.244.2.0/24');
    await daemon.until('healed');
    lab.put('node-c.yaml', peerLease('c'));
    await daemon.until('applied', ({ changes }) => changes.some(({ key }) => key.includes('10.244.3.0')));
    await daemon.stop();
    expect((await a.flan(['destroy', '--yes'])).code).toBe(0);

    const entries = await historyOf(a);
    const told = entries.map((entry) => [entry.kind, 'key' in entry ? entry.key : 'by' in entry ? entry.by : '']);
    expect(told).toEqual([
      ['apply', 'apply'],
      ['drift', KEY],
      ['repair', KEY],
      ['apply', 'watch'],
      ['apply', 'destroy'],
    ]);
    expect(entries[0]).toMatchObject({ counts: { create: 2 }, failed: 0 });
    expect(entries[3]).toMatchObject({ changes: [{ key: 'route/main/10.244.3.0/24', reason: 'lease of node-c' }] });
    expect(await historyOf(a, ['--kind', 'drift', '--kind', 'repair'])).toEqual(entries.slice(1, 3));
    expect(await historyOf(a, ['-n', '1'])).toEqual(entries.slice(-1));
    expect(await historyOf(a, ['--since', '1h'])).toEqual(entries);
    expect(await historyOf(a, ['--since', '2100-01-01'])).toEqual([]);
    const text = await a.flan(['history']);
    expect(text.stdout).toContain(`drift     ${KEY} was deleted\n`);
  });

  labTest('tells of rollbacks too, by hand and by time', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    expect((await a.flan(['apply', '--yes', '--confirm', '10m'])).code).toBe(0);
    expect((await a.flan(['rollback', '--yes'])).code).toBe(0);
    const entries = await historyOf(a);
    expect(entries).toMatchObject([
      { kind: 'apply', by: 'apply', counts: { create: 2 } },
      { kind: 'apply', by: expect.stringMatching(/^rollback of \S+ \(.*\)$/), counts: { delete: 2 }, failed: 0 },
    ]);
    expect(faultsOf('history', { format_version: '1.0', kind: 'flan.history', entries })).toEqual([]);
  });

  labTest('needs neither a store nor a right; what cannot be written stops nothing and is told', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const blocked = join(lab.dir, a.name, 'kept');
    writeFileSync(blocked, '');
    const applied = await a.flan(['apply', '--yes']);
    expect([applied.code, applied.stderr]).toEqual([
      0,
      expect.stringMatching(/^Warning W_HISTORY: cannot write the history .*\n {2}hint: .*--state-dir\.\n$/),
    ]);
    const daemon = await a.watch();
    await a.netns.ip('route del 10.244.2.0/24');
    await daemon.until('warning', ({ warning }) => warning.code === 'W_HISTORY');
    await daemon.stop();
    rmSync(blocked);
    rmSync(lab.leases, { recursive: true });
    const { code, stderr } = await a.flan(['history']);
    expect([code, stderr]).toEqual([0, expect.stringContaining('Nothing of that in ')]);
    expect(await a.flan(['history', '--since', 'yesterday'])).toMatchObject({ code: 64, stdout: '' });
  });
});
