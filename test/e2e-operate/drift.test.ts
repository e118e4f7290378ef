import { describe, expect } from 'vitest';
import type { PlanDocument } from '../../src/report/document.js';
import { type LabNode, labTest, peerLease } from '../support/lab.js';
import { faultsOf } from '../support/schemas.js';

async function planned(
  node: LabNode,
  args: readonly string[] = ['--drift'],
): Promise<Readonly<Record<string, string>>> {
  const { stdout, stderr } = await node.flan(['plan', '--json', ...args]);
  expect(stderr).toBe('');
  const document = JSON.parse(stdout) as PlanDocument;
  expect(faultsOf('plan', document)).toEqual([]);
  return Object.fromEntries(document.plan.steps.map(({ key, reason }) => [key, reason]));
}

const B = 'route/main/10.244.2.0/24';
const C = 'route/main/10.244.3.0/24';
const D = 'route/main/10.244.4.0/24';
const E = 'route/main/10.244.5.0/24';

describe('plan --drift', () => {
  labTest('tells what others changed from what is wanted anew', {}, async (lab) => {
    const a = lab.node();
    for (const letter of ['b', 'c', 'd']) lab.put(`node-${letter}.yaml`, peerLease(letter));
    // Nothing was made yet, so nothing can have drifted.
    expect(await planned(a)).toEqual({});
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    expect(await planned(a)).toEqual({});
    await a.netns.sh('ip route del 10.244.2.0/24; ip route change 10.244.3.0/24 via 192.168.10.66 proto 70');
    lab.put('node-d.yaml', { ...peerLease('d'), publicIP: '192.168.10.44' });
    lab.put('node-e.yaml', peerLease('e'));
    expect(Object.keys(await planned(a, [])).sort()).toEqual([B, C, D, E]);
    expect(await planned(a)).toEqual({
      [B]: expect.stringMatching(/^lease of node-b; drift: made by apply at 2\S+, gone since$/),
      [C]: expect.stringMatching(/^lease of node-c; drift: made by apply at 2\S+, changed since$/),
    });
    const { code, stdout } = await a.flan(['plan', '--drift', '--detailed-exitcode']);
    expect(code).toBe(2);
    expect(stdout).toContain('2 changes are left out as asked');
    const diff = await a.flan(['diff', '--drift']);
    expect(diff.code).toBe(2);
    expect(diff.stdout).toMatch(/^- {2}via: 192\.168\.10\.66$/m);
    expect(diff.stdout).not.toContain(D);
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    expect((await a.flan(['plan', '--drift', '--detailed-exitcode'])).code).toBe(0);
    expect(await a.flan(['diff', '--drift'])).toMatchObject({ code: 0, stdout: '' });
    // What is wanted otherwise now, and stands as it was made, has not drifted.
    lab.put('node-c.yaml', { ...peerLease('c'), publicIP: '192.168.10.33' });
    expect(Object.keys(await planned(a, []))).toEqual([C]);
    expect(await planned(a)).toEqual({});
  });

  labTest('knows what flan removed and somebody made again', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    lab.remove('node-b.yaml');
    expect(await planned(a)).toEqual({});
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    await a.netns.ip('route add 10.244.2.0/24 via 192.168.10.2 proto 70');
    expect(await planned(a)).toEqual({
      [B]: expect.stringMatching(/; drift: removed by apply at 2\S+, back since$/),
    });
  });

  labTest('says when watch heard of it', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const daemon = await a.watch();
    await daemon.stop();
    const warning = await a.watch(['--mode', 'warn']);
    await a.netns.ip('route change 10.244.2.0/24 via 192.168.10.66 proto 70');
    await warning.until('drift');
    await warning.stop();
    expect(await planned(a)).toEqual({
      [B]: expect.stringMatching(/^lease of node-b; drift: made by watch at 2\S+, changed at 2/),
    });
  });
});
