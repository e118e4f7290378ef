import { describe, expect, it } from 'vitest';
import { finished, flan, startFlan } from '../support/cli.js';
import { labTest, peerLease } from '../support/lab.js';
import { CHANGED, isAlive, lastOf, prepareChange, stateOf, timerPid, until, untilState } from './support.js';

describe('apply --confirm', () => {
  labTest('keeps what is confirmed, and its timer ends', {}, async (lab) => {
    const a = lab.node();
    await prepareChange(lab, a);
    const applied = await a.flan(['apply', '--yes', '--confirm', '10m']);
    expect(applied).toMatchObject({ code: 0, stderr: '' });
    const { id, state } = lastOf(a);
    expect(state).toBe('pending');
    expect(applied.stdout).toContain(`flan confirm ${id}`);
    const pid = timerPid(a);
    expect(isAlive(pid)).toBe(true);
    expect(await a.flan(['confirm'])).toMatchObject({ code: 0, stdout: `Checkpoint ${id} is confirmed.\n` });
    await until('the timer to end', () => !isAlive(pid));
    expect(await a.routes()).toEqual(CHANGED);
    // Once more is no harm; but there is nothing left to be guessed.
    expect((await a.flan(['confirm', id])).code).toBe(0);
    expect(await a.flan(['confirm'])).toMatchObject({ code: 1, stderr: expect.stringContaining('E_CHECKPOINT') });
  });

  labTest('brings everything back when nobody confirms, and says so', {}, async (lab) => {
    const a = lab.node();
    const before = await prepareChange(lab, a);
    expect((await a.flan(['apply', '--yes', '--confirm', '1s'])).code).toBe(0);
    await untilState(a, 'rolled-back');
    expect(await stateOf(a)).toBe(before);
    const { id } = lastOf(a);
    for (const named of [[], [id]]) {
      const late = await a.flan(['confirm', ...named]);
      expect(late).toMatchObject({ code: 6, stderr: expect.stringContaining('E_CONFIRM_EXPIRED') });
    }
    // Whoever applies again wants it again.
    expect((await a.flan(['apply', '--yes', '--no-atomic'])).code).toBe(0);
    expect((await a.flan(['resume'])).stdout).toBe('Nothing is on hold.\n');
    await until('the timer to tell', async () =>
      (await lab.wire.sh(`cat ${a.runtimeDir}/checkpoints/${id}/timer.log`)).includes('3 changes undone and verified'),
    );
  });

  it('--wait has nothing to wait for without it', async () => {
    const { code, stderr } = await flan(['apply', '--wait']);
    expect([code, stderr]).toEqual([
      64,
      expect.stringMatching(/^Error E_USAGE: --wait .*\n {2}hint: {2}Add --confirm/),
    ]);
  });

  labTest('--wait ends with 6 when it was rolled back, with 0 when it was confirmed', {}, async (lab) => {
    const a = lab.node();
    const before = await prepareChange(lab, a);
    const expired = await a.flan(['apply', '--yes', '--confirm', '1s', '--wait']);
    expect(expired).toMatchObject({ code: 6, stderr: expect.stringContaining('nobody confirmed it in time') });
    expect(await stateOf(a)).toBe(before);
    const waiting = finished(a.start(['apply', '--yes', '--confirm', '10m', '--wait']));
    await untilState(a, 'pending');
    expect((await a.flan(['confirm'])).code).toBe(0);
    expect((await waiting).code).toBe(0);
    expect(await a.routes()).toEqual(CHANGED);
  });

  labTest('refuses another apply meanwhile, unless that is to go on from there', {}, async (lab) => {
    const a = lab.node();
    await prepareChange(lab, a);
    expect((await a.flan(['apply', '--yes', '--confirm', '10m'])).code).toBe(0);
    const [first, pid] = [lastOf(a).id, timerPid(a)];
    lab.put('node-e.yaml', peerLease('e'));
    const refused = await a.flan(['apply', '--yes']);
    expect(refused).toMatchObject({ code: 75, stdout: '', stderr: expect.stringContaining('E_PENDING_CONFIRM') });
    expect((await a.flan(['destroy', '--yes'])).code).toBe(75);
    expect(await a.routes()).toEqual(CHANGED);
    expect((await a.flan(['apply', '--yes', '--supersede'])).code).toBe(0);
    expect(await a.routes()).toHaveLength(3);
    const listed = JSON.parse((await a.flan(['checkpoint ls', '--json'])).stdout);
    expect(listed.kind).toBe('flan.checkpoints');
    expect(listed.checkpoints.find(({ id }: { id: string }) => id === first)).toMatchObject({ state: 'superseded' });
    await until('the timer to end', () => !isAlive(pid));
  });

  labTest('is undone at once on request', {}, async (lab) => {
    const a = lab.node();
    const before = await prepareChange(lab, a);
    expect((await a.flan(['apply', '--yes', '--confirm', '10m'])).code).toBe(0);
    const pid = timerPid(a);
    const shown = await a.flan(['rollback', '--dry-run', '--json']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ kind: 'flan.rollback', steps: expect.any(Array), moved: [] });
    expect(await a.routes()).toEqual(CHANGED);
    expect((await a.flan(['rollback', '--yes'])).code).toBe(0);
    expect(await stateOf(a)).toBe(before);
    await until('the timer to end', () => !isAlive(pid));
    expect(lastOf(a).state).toBe('rolled-back');
  });

  labTest('keeps one of two that come at once', {}, async (lab) => {
    const a = lab.node();
    await prepareChange(lab, a);
    const both = await Promise.all([
      a.flan(['apply', '--yes', '--confirm', '10m']),
      a.flan(['apply', '--yes', '--confirm', '10m']),
    ]);
    expect(both.map(({ code }) => code).sort()).toEqual([0, 75]);
    expect(await a.routes()).toEqual(CHANGED);
    expect((await a.flan(['confirm'])).code).toBe(0);
  });

  labTest('works while the lease store is away: confirm, rollback and the timer ask it nothing', {}, async (lab) => {
    const a = lab.node();
    const before = await prepareChange(lab, a);
    expect((await a.flan(['apply', '--yes', '--confirm', '2s'])).code).toBe(0);
    await lab.wire.sh(`mv ${lab.leases} ${lab.leases}.away`);
    await untilState(a, 'rolled-back');
    expect(await stateOf(a)).toBe(before);
    await lab.wire.sh(`mv ${lab.leases}.away ${lab.leases}`);
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    await lab.wire.sh(`mv ${lab.leases} ${lab.leases}.away`);
    expect((await a.flan(['rollback', 'last', '--yes'])).code).toBe(0);
    expect(await stateOf(a)).toBe(before);
  });

  labTest('leaves alone what others have put there since', {}, async (lab) => {
    const a = lab.node();
    await prepareChange(lab, a);
    expect((await a.flan(['apply', '--yes', '--confirm', '10m'])).code).toBe(0);
    await a.netns.sh('ip route replace 10.244.4.0/24 via 192.168.10.44 proto static');
    const undone = await a.flan(['rollback', '--yes']);
    expect(undone.code).toBe(0);
    expect(undone.stdout).toContain('route/main/10.244.4.0/24: changed by others since, left alone');
    expect(await a.netns.sh('ip route show 10.244.4.0/24')).toContain('via 192.168.10.44');
  });
});

describe('rollback last', () => {
  labTest('undoes nothing when what came after was not written down, unless it is named', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    const { id } = lastOf(a);
    lab.put('node-c.yaml', peerLease('c'));
    expect((await a.flan(['apply', '--yes', '--no-atomic'])).code).toBe(0);
    const both = await a.routes();
    expect(both).toHaveLength(2);
    for (const which of [['--yes'], ['last', '--yes'], ['--dry-run']]) {
      const refused = await a.flan(['rollback', ...which]);
      expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('E_CHECKPOINT') });
      expect(refused.stderr).toMatch(/the last apply \(\S+, 1 change\) was not written down/);
      expect(refused.stderr).toContain(`flan rollback ${id}`);
    }
    expect(await a.routes()).toEqual(both);
    expect((await a.flan(['destroy', '--yes'])).code).toBe(0);
    expect((await a.flan(['rollback', 'last', '--yes'])).stderr).toContain('the last destroy (');
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    // That one is written down.
    expect((await a.flan(['rollback', 'last', '--yes'])).code).toBe(0);
    expect(await a.routes()).toEqual([]);
    expect((await a.flan(['rollback', id, '--yes'])).code).toBe(0);
  });
});

describe('apply --confirm auto', () => {
  labTest('confirms by itself while the probes hold', {}, async (lab) => {
    const a = lab.node();
    await prepareChange(lab, a);
    const applied = await a.flan([
      ...['apply', '--yes', '--confirm', 'auto:1s'],
      ...['--probe', 'store', '--probe', 'icmp://192.168.10.1', '--probe', 'tcp://192.168.10.1:9'],
    ]);
    expect(applied.code).toBe(0);
    expect(applied.stderr).toContain('probe tcp://192.168.10.1:9 fails already (ECONNREFUSED): it does not count');
    expect(applied.stdout).toContain('Probes passed: store, icmp://192.168.10.1.');
    expect(lastOf(a)).toMatchObject({ state: 'confirmed', why: 'the probes held' });
    expect(await a.routes()).toEqual(CHANGED);
  });

  labTest('rolls back when one stops working in that time', {}, async (lab) => {
    const a = lab.node();
    const before = await prepareChange(lab, a);
    await lab.wire.sh(`touch ${lab.dir}/alive`);
    const running = finished(
      startFlan(['apply', ...a.flags, '--yes', '--confirm', 'auto:10m', '--probe', `cmd:test -e ${lab.dir}/alive`]),
    );
    await untilState(a, 'pending');
    await lab.wire.sh(`rm ${lab.dir}/alive`);
    expect(await running).toMatchObject({ code: 4, stdout: expect.stringMatching(/^Rolled back \(probe cmd:/m) });
    expect(await stateOf(a)).toBe(before);
  });

  labTest('stops at Ctrl-C, and leaves it to people', {}, async (lab) => {
    const a = lab.node();
    await prepareChange(lab, a);
    const child = a.start(['apply', '--yes', '--confirm', 'auto:10m', '--probe', 'store']);
    const end = finished(child);
    await untilState(a, 'pending');
    child.kill('SIGINT');
    const { id } = lastOf(a);
    expect(await end).toMatchObject({ code: 130, stdout: expect.stringContaining(`flan confirm ${id}`) });
    expect(lastOf(a)).toMatchObject({ state: 'pending', why: 'interrupted' });
    expect((await a.flan(['confirm'])).code).toBe(0);
    expect(await a.routes()).toEqual(CHANGED);
  });
});
