import { describe, expect } from 'vitest';
import { Checkpoints } from '../../src/reconcile/checkpoint.js';
import { rollBack } from '../../src/reconcile/rollback.js';
import { FLAN, finished, startFlan } from '../support/cli.js';
import { labTest, peerLease } from '../support/lab.js';
import { openLabSession } from '../support/lab-session.js';
import { signalProcess } from '../support/signal.js';
import {
  buildDieInApply,
  CHANGED,
  isAlive,
  lastOf,
  prepareChange,
  stateOf,
  timerPid,
  until,
  untilState,
} from './support.js';

describe('kill -9', () => {
  labTest('of apply at every stage: the timer rolls back what has happened', { timeoutMs: 90_000 }, async (lab) => {
    const a = lab.node();
    const dieInApply = await buildDieInApply(lab);
    const before = await prepareChange(lab, a);
    // Armed and nothing done; after each of the changes, the last one before the verification; waiting.
    for (const [outcomes, routes] of [
      [-1, 2],
      [1, 2],
      [2, 3],
      [3, 2],
      [9, 2],
    ] as const) {
      expect(await dieInApply(a, outcomes, '2s')).toMatchObject({ signal: 'SIGKILL' });
      expect(await a.routes()).toHaveLength(routes);
      expect(lastOf(a).state).toBe(outcomes === 9 ? 'pending' : 'applying');
      await untilState(a, 'rolled-back');
      expect(await stateOf(a)).toBe(before);
    }
  });

  labTest('of the whole process group and a hang-up: the timer goes on', { timeoutMs: 60_000 }, async (lab) => {
    const a = lab.node();
    const before = await prepareChange(lab, a);
    const child = startFlan([FLAN, 'apply', ...a.flags, '--yes', '--confirm', '3s', '--wait'], {
      command: 'setsid',
    });
    const end = finished(child);
    await untilState(a, 'pending');
    const pid = timerPid(a);
    // setsid(1) has made a process group of it.
    process.kill(-(child.pid ?? Number.NaN), 'SIGKILL');
    signalProcess(pid, 'SIGHUP');
    await end;
    expect(isAlive(pid)).toBe(true);
    expect(await a.routes()).toEqual(CHANGED);
    await untilState(a, 'rolled-back');
    expect(await stateOf(a)).toBe(before);
  });

  labTest('of the timer: nobody may go on over it, and watch does its work', { timeoutMs: 90_000 }, async (lab) => {
    const a = lab.node();
    await prepareChange(lab, a);
    expect((await a.flan(['apply', '--yes', '--confirm', '3s'])).code).toBe(0);
    signalProcess(timerPid(a), 'SIGKILL');
    const { id, deadlineMs = 0 } = lastOf(a);
    await until('its time to be over', () => Date.now() > deadlineMs);
    expect(await a.flan(['apply', '--yes'])).toMatchObject({
      code: 75,
      stderr: expect.stringMatching(/its time is over/),
    });
    expect(await a.routes()).toEqual(CHANGED);
    const daemon = await a.watch();
    expect(await daemon.until('rolled-back')).toMatchObject({ checkpoint: id, left: 0, undone: 3 });
    // What was rolled back stays so, although the leases ask for it.
    expect(await daemon.until('on-hold')).toMatchObject({ checkpoint: id, keys: 3 });
    expect(await a.routes()).toEqual([
      '10.244.2.0/24 via 192.168.10.2 dev eth0',
      '10.244.3.0/24 via 192.168.10.3 dev eth0',
    ]);
    lab.put('node-e.yaml', peerLease('e'));
    await daemon.until('peer', ({ lease }) => lease === 'node-e');
    await until('the new peer', async () => (await a.routes()).length === 3);
    // One of them is wanted otherwise now: it is held no more.
    lab.put('node-b.yaml', { ...peerLease('b'), publicIP: '192.168.10.23' });
    await until('the other gateway', async () => (await a.routes()).some((line) => line.includes('192.168.10.23')));
    // Another watch holds it as the first did.
    await daemon.kill();
    const second = await a.watch();
    expect(await second.until('on-hold')).toMatchObject({ checkpoint: id, keys: 2 });
    expect(await a.flan(['resume'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^No longer on hold: /) });
    await second.until('resumed');
    await until(
      'all of it',
      async () =>
        (await a.routes()).join() ===
        [
          '10.244.2.0/24 via 192.168.10.23 dev eth0',
          '10.244.4.0/24 via 192.168.10.4 dev eth0',
          '10.244.5.0/24 via 192.168.10.5 dev eth0',
        ].join(),
    );
    expect((await a.flan(['resume'])).stdout).toBe('Nothing is on hold.\n');
  });

  labTest('of watch while it waits for a confirmation: the timer does it', { timeoutMs: 60_000 }, async (lab) => {
    const a = lab.node();
    const before = await prepareChange(lab, a);
    expect((await a.flan(['apply', '--yes', '--confirm', '4s'])).code).toBe(0);
    const timer = timerPid(a);
    const watch = startFlan(['watch', '--json', ...a.flags]);
    const end = finished(watch);
    await until('watch to wait', () => lastOf(a).owner?.by === 'watch');
    expect(await a.routes()).toEqual(CHANGED);
    watch.kill('SIGKILL');
    await end;
    expect(isAlive(timer)).toBe(true);
    await untilState(a, 'rolled-back');
    expect(await stateOf(a)).toBe(before);
  });

  labTest(
    'of everybody, as a reboot does: rollback by hand works, and another host is not kept waiting',
    {},
    async (lab) => {
      const a = lab.node();
      const before = await prepareChange(lab, a);
      expect((await a.flan(['apply', '--yes', '--confirm', '10m'])).code).toBe(0);
      signalProcess(timerPid(a), 'SIGKILL');
      // The same runtime directory, another namespace: what waits there is none of its business.
      const other = lab.makeNetns('other');
      const replaced = { [a.netns.name]: other.name, [a.subnetFile]: `${lab.dir}/other.env` };
      const flags = a.flags.map((flag) => replaced[flag] ?? flag);
      await other.sh(
        'ip link add eth0 type veth peer name p0; ip addr add 192.168.10.9/24 dev eth0; ip link set p0 up',
      );
      await other.sh('ip link set eth0 up; ip route add default via 192.168.10.254');
      const elsewhere = await finished(startFlan(['checkpoint', 'ls', ...flags]));
      expect(elsewhere).toMatchObject({ code: 0, stdout: 'No checkpoints.\n' });
      expect((await finished(startFlan(['apply', '--yes', ...flags]))).code).toBe(0);
      expect((await a.flan(['rollback', '--yes'])).code).toBe(0);
      expect(await stateOf(a)).toBe(before);
    },
  );

  labTest('in the middle of a rollback: whoever comes next finishes it', { timeoutMs: 60_000 }, async (lab) => {
    const a = lab.node();
    const before = await prepareChange(lab, a);
    const checkpoints = new Checkpoints(a.runtimeDir);
    const signal = new AbortController().signal;
    class Killed extends Error {}
    for (const done of [0, 1, 2]) {
      expect((await a.flan(['apply', '--yes'])).code).toBe(0);
      const { id } = lastOf(a);
      let left = done;
      const session = await openLabSession(a.flags, {
        perform: async (steps, go) => {
          await go(steps.slice(0, left));
          left -= steps.length;
          return left >= 0 ? steps.map((step) => ({ step, status: 'done' })) : Promise.reject(new Killed());
        },
        // A process that is gone looks at nothing.
        observe: () => {
          if (left < 0) throw new Killed();
        },
      });
      const why = 'the test says so';
      const dying = rollBack({
        checkpoints,
        id,
        why,
        runtimeDir: a.runtimeDir,
        session,
        signal,
        nowMs: 0,
        hold: 'yes',
      });
      await expect(dying).rejects.toMatchObject({ cause: expect.any(Killed) });
      await session.close();
      expect(lastOf(a).state).toBe('rolling-back');
      expect(await a.flan(['apply', '--yes'])).toMatchObject({ code: 75 });
      if (done === 1) {
        const daemon = await a.watch();
        await daemon.until('rolled-back');
        await daemon.stop();
      } else expect((await a.flan(['rollback', '--yes'])).code).toBe(0);
      expect(lastOf(a).state).toBe('rolled-back');
      expect(await stateOf(a)).toBe(before);
    }
  });
});
