import { describe, expect } from 'vitest';
import { type Finished, FLAN, finished, startFlan } from '../support/cli.js';
import { type LabNode, labTest, peerLease } from '../support/lab.js';
import { CHANGED, lastOf, prepareChange, stateOf, until } from './support.js';

describe('a change that fails', () => {
  labTest('takes all the others back, unless that is not wanted', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const before = await stateOf(a);
    // The last change of all: the folder of subnet.env leads where nothing can be made.
    await lab.wire.sh(`ln -s /proc/nowhere ${lab.dir}/node-a/run`);
    const atomic = await a.flan(['apply', '--yes']);
    expect(atomic).toMatchObject({
      code: 4,
      stdout: expect.stringMatching(/^Rolled back \(file\/.* failed\): 1 undone/m),
    });
    expect(await stateOf(a)).toBe(before);
    const partial = await a.flan(['apply', '--yes', '--no-atomic']);
    expect(partial).toMatchObject({ code: 7, stdout: expect.stringContaining('1 created; 1 failed') });
    expect(await a.routes()).toEqual(['10.244.2.0/24 via 192.168.10.2 dev eth0']);
    // It was undone and is not on hold: watch makes it.
    await a.netns.ip('route flush proto 70');
    await lab.wire.sh(`rm ${lab.dir}/node-a/run`);
    const daemon = await a.watch();
    expect(await a.routes()).toEqual(['10.244.2.0/24 via 192.168.10.2 dev eth0']);
    expect((await daemon.stop()).code).toBe(0);
  });

  labTest('and one that is found to work no more', {}, async (lab) => {
    const a = lab.node();
    const before = await prepareChange(lab, a);
    const probe = 'cmd:ip route show 10.244.3.0/24 | grep -q via';
    const applied = await a.flan(['apply', '--yes', '--json', '--probe', probe, '--probe', 'cmd:false']);
    expect(applied.code).toBe(4);
    expect(JSON.parse(applied.stdout)).toMatchObject({
      kind: 'flan.apply',
      checkpoint: { state: 'rolled-back' },
      undone: { why: `probe ${probe} (exit code 1) failed`, verified: true, left: [], moved: [] },
      probes: [{ probe, passed: false, failure: 'exit code 1' }],
    });
    expect(await stateOf(a)).toBe(before);
    // It failed before as well: it says nothing about the apply.
    expect((await a.flan(['apply', '--yes', '--probe', 'cmd:false'])).code).toBe(0);
    expect(await a.routes()).toEqual(CHANGED);
  });
});

describe('--target and --exclude', () => {
  labTest('carry out a part, verify it, and tell what they leave out', {}, async (lab) => {
    const a = lab.node();
    for (const letter of ['b', 'c', 'd']) lab.put(`node-${letter}.yaml`, peerLease(letter));
    const applied = await a.flan(['apply', '--yes', '--target', 'route/main/10.244.3.*', '--target', 'node:node-d']);
    expect(applied.code).toBe(0);
    expect(applied.stdout).toMatch(/2 changes are left out as asked: .*\(W_LEFT_OUT\)/);
    expect(applied.stdout).toMatch(/^Applied: 2 created; verified\.$/m);
    expect(a.subnetEnv()).toBeUndefined();
    expect((await a.flan(['apply', '--yes', '--exclude', 'kind:file'])).code).toBe(0);
    expect(await a.routes()).toHaveLength(3);
    expect(a.subnetEnv()).toBeUndefined();
    expect(await a.flan(['apply', '--yes', '--target', 'sort:file'])).toMatchObject({
      code: 64,
      stderr: expect.stringContaining("'sort:file' names no changes"),
    });
  });
});

describe('a risk', () => {
  labTest('of cutting off who is logged in must be accepted', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const env = { SSH_CONNECTION: '10.244.2.7 50000 192.168.10.1 22' };
    const refused = await a.flan(['apply', '--yes'], { env });
    expect(refused).toMatchObject({ code: 8, stderr: expect.stringMatching(/^Error E_RISK: .*10\.244\.2\.7/m) });
    expect(refused.stdout).toMatch(/Warning the machine that you are logged in from .* \(W_CUTS_SSH\)/);
    expect(await a.routes()).toEqual([]);
    // Who comes from elsewhere loses nothing.
    const harmless = { SSH_CONNECTION: '192.168.10.50 50000 192.168.10.1 22' };
    expect((await a.flan(['apply', '--dry-run'], { env: harmless })).stdout).not.toContain('W_CUTS');
    expect((await a.flan(['apply', '--yes', '--accept-risk'], { env })).code).toBe(0);
    expect(await a.routes()).toHaveLength(1);
  });
});

describe('the prompt', () => {
  const answer = async (node: LabNode, text: string): Promise<Finished> => {
    const command = [FLAN, 'apply', ...node.flags].join(' ');
    const env = { SSH_CONNECTION: '10.244.2.7 50000 192.168.10.1 22' };
    const child = startFlan(['-qec', command, '/dev/null'], { command: 'script', env });
    const end = finished(child);
    let shown = '';
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: string) => {
        shown += chunk;
        if (shown.includes("Type 'cut'")) resolve();
      });
      child.on('close', () => resolve());
    });
    child.stdin.end(`${text}\n`);
    return end;
  };

  labTest('asks for more than a y where somebody may be cut off', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const declined = await answer(a, 'y');
    expect(declined, declined.stdout).toMatchObject({ code: 8 });
    expect(declined.stdout).toContain('Warning W_CUTS_SSH');
    expect(await a.routes()).toEqual([]);
    expect((await answer(a, 'cut')).code).toBe(0);
    expect(await a.routes()).toHaveLength(1);
  });
});

describe('protect', () => {
  labTest('keeps apply and watch from changing or deleting routes', {}, async (lab) => {
    const a = lab.node();
    const before = await prepareChange(lab, a);
    const protect = ['--protect', '10.244.2.0/24,0.0.0.0/0'];
    expect((await a.flan(['plan', ...protect])).stdout).toMatch(/protected.*: apply refuses this \(W_PROTECTED\)/);
    const refused = await a.flan(['apply', '--yes', '--protect', '10.244.2.0/24,0.0.0.0/0']);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^Error E_PROTECTED: route\/main\/10\.244\.2\.0\/24 is protected/m);
    expect(await stateOf(a)).toBe(before);
    expect(await a.flan(['destroy', '--yes', ...protect])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('E_PROTECTED'),
    });
    expect(await stateOf(a)).toBe(before);
    const daemon = await a.watch(['--protect', '10.244.2.0/24,0.0.0.0/0']);
    const { key, error } = await daemon.until('failed');
    expect({ key, code: error.code }).toEqual({ key: 'route/main/10.244.2.0/24', code: 'E_PROTECTED' });
    expect(await a.routes()).toEqual([
      '10.244.2.0/24 via 192.168.10.2 dev eth0',
      '10.244.4.0/24 via 192.168.10.4 dev eth0',
    ]);
    await daemon.stop();
  });
});

describe('a mass deletion', () => {
  labTest('must be meant', {}, async (lab) => {
    const a = lab.node();
    const peers = Array.from({ length: 12 }, (_, i) => {
      return { node: `n${i}`, subnet: `10.244.${20 + i}.0/24`, publicIP: `192.168.10.${20 + i}` };
    });
    lab.put('peers.json', peers);
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    lab.put('peers.json', peers.slice(0, 3));
    expect((await a.flan(['plan'])).stdout).toMatch(/: apply refuses this \(W_MASS_DELETE\)/);
    const refused = await a.flan(['apply', '--yes']);
    expect(refused).toMatchObject({ code: 8, stderr: expect.stringContaining('deletes 9 of the 13 objects') });
    expect(await a.routes()).toHaveLength(12);
    expect((await a.flan(['apply', '--yes', '--allow-mass-delete'])).code).toBe(0);
    expect(await a.routes()).toHaveLength(3);
    // Few may go unasked.
    lab.remove('peers.json');
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
  });
});

describe('--lock-timeout', () => {
  labTest('waits for another flan to finish', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const daemon = await a.watch();
    lab.put('node-c.yaml', peerLease('c'));
    expect((await a.flan(['apply', '--yes', '--lock-timeout', '300ms'])).code).toBe(75);
    const waiting = finished(a.start(['apply', '--yes', '--lock-timeout', '1m']));
    await daemon.stop();
    expect((await waiting).code).toBe(0);
  });
});

describe('a checkpoint', () => {
  labTest('shows what was changed, and holds no secret', {}, async (lab) => {
    const a = lab.node();
    await prepareChange(lab, a);
    lab.put('network.yaml', { Network: '10.244.0.0/16', Backend: { Type: 'host-gw', PSK: 'sesame', Token: 'sesame' } });
    const env = { FLAN_ETCD_PASSWORD: 'sesame', FLAN_ETCD_USERNAME: 'ali' };
    expect((await a.flan(['apply', '--yes', '--confirm', '10m'], { env })).code).toBe(0);
    const { id } = lastOf(a);
    const shown = await a.flan(['checkpoint show', id]);
    expect(shown.stdout).toMatch(new RegExp(`^${id} +made .*: pending \\(waits to be confirmed\\)`));
    expect(shown.stdout).toMatch(/~ update route\/main\/10\.244\.2\.0\/24 +via \S+ → \S+$/m);
    const document = JSON.parse((await a.flan(['checkpoint show', id, '--json'])).stdout);
    expect(document.changes).toHaveLength(3);
    expect(document.changes.find(({ key }: { key: string }) => key.endsWith('10.244.3.0/24'))).toMatchObject({
      before: { via: '192.168.10.3' },
    });
    expect(await lab.wire.sh(`grep -rl sesame ${a.runtimeDir} || true`)).toBe('');
    expect((await a.flan(['confirm'])).code).toBe(0);
    expect(await a.flan(['checkpoint show', '../../etc'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('E_CHECKPOINT'),
    });
    await until('the journal to be readable by root alone', async () =>
      (await lab.wire.sh(`stat -c %a ${a.runtimeDir}/checkpoints/${id} ${a.runtimeDir}/checkpoints/${id}/*`))
        .trim()
        .split('\n')
        .every((mode) => ['700', '600'].includes(mode)),
    );
  });
});
