import { afterEach, beforeEach, describe, expect } from 'vitest';
import type { CloudBed } from '../support/fake-cloud/bed.js';
import { type Lab, labTest, peerLease } from '../support/lab.js';
import { faultsOf } from '../support/schemas.js';

const OWN = '10.244.1.0/24';
const PEER = '10.244.2.0/24';

export interface SuiteInput {
  readonly name: string;
  readonly makeBed: () => Promise<CloudBed>;
}

/** The whole command line against a cloud: what all four have in common. */
export function cloudSuite({ name, makeBed }: SuiteInput): void {
  describe(`${name} by the command line`, () => {
    let bed: CloudBed;
    const before = { ...process.env };
    beforeEach(async () => {
      bed = await makeBed();
      for (const [variable, value] of Object.entries(bed.env)) {
        if (value === undefined) delete process.env[variable];
        else process.env[variable] = value;
      }
    });
    afterEach(async () => {
      process.env = { ...before };
      await bed.close();
    });

    const test = (title: string, action: (lab: Lab) => Promise<void>): void =>
      labTest(title, { timeoutMs: 60_000 }, async (lab) => {
        lab.put('network.yaml', {
          Network: '10.244.0.0/16',
          Backend: { Type: name, PollSeconds: 1, ...bed.options },
        });
        await action(lab);
      });
    const key = () => `cloud-route/${bed.table}/${OWN}`;
    const noSecret = (...texts: readonly string[]) => {
      for (const secret of bed.secrets()) for (const text of texts) expect(text).not.toContain(secret);
    };

    test('plan shows the route, apply makes it, a second plan has nothing to say, destroy takes it away', async (lab) => {
      const a = lab.node();
      lab.put('node-b.yaml', peerLease('b'));
      bed.put(PEER, bed.other);
      const plan = await a.flan(['plan']);
      expect(plan.stderr).toBe('');
      expect(plan.stdout).toContain(`create   ${key()}`);
      expect(plan.stdout).toContain(`to ${bed.self}`);
      expect(bed.writes()).toEqual([]);
      const apply = await a.flan(['apply', '--yes']);
      expect(apply).toMatchObject({ code: 0, stderr: '' });
      expect(bed.routes()).toEqual([`${OWN} ${bed.self}`, `${PEER} ${bed.other}`]);
      const again = await a.flan(['plan', '--detailed-exitcode']);
      expect(again.stdout).toContain('No changes');
      expect(again).toMatchObject({ code: 0, stderr: '' });
      // The cloud carries packets to peers: the kernel gets no routes.
      expect(await a.routes()).toEqual([]);
      expect(a.subnetEnv()).toContain('FLANNEL_SUBNET=10.244.1.1/24');
      const destroy = await a.flan(['destroy', '--yes']);
      expect(destroy).toMatchObject({ code: 0, stderr: '' });
      expect(bed.routes()).toEqual([`${PEER} ${bed.other}`]);
      noSecret(plan.stdout, apply.stdout, destroy.stdout);
    });

    test('the route of a node that is gone is changed in place, and what nobody leases is removed', async (lab) => {
      if (bed.dead === undefined) return;
      const a = lab.node();
      lab.put('node-c.yaml', peerLease('c'));
      bed.put(OWN, bed.dead);
      bed.put('10.244.3.0/24', bed.dead);
      bed.put('10.244.9.0/24', bed.dead);
      const plan = await a.flan(['plan']);
      expect(plan.stdout).toContain(`update   ${key()}`);
      expect(plan.stdout).toContain(`delete   cloud-route/${bed.table}/10.244.9.0/24`);
      expect(await a.flan(['apply', '--yes'])).toMatchObject({ code: 0, stderr: '' });
      // node-c holds its lease and is only away.
      expect(bed.routes()).toEqual([`${OWN} ${bed.self}`, `10.244.3.0/24 ${bed.dead}`]);
    });

    test("another's route is a conflict, and taken over only with --adopt", async (lab) => {
      const a = lab.node();
      bed.put(OWN, bed.other);
      const plan = await a.flan(['plan']);
      expect(plan.stdout).toContain(key());
      const refused = await a.flan(['apply', '--yes']);
      expect(refused.stderr).toContain('E_CONFLICT');
      expect(refused.code).toBe(1);
      expect(bed.routes()).toEqual([`${OWN} ${bed.other}`]);
      expect(await a.flan(['apply', '--yes', '--adopt'])).toMatchObject({ code: 0, stderr: '' });
      expect(bed.routes()).toEqual([`${OWN} ${bed.self}`]);
    });

    test('watch puts right what somebody changes, and leaves everything when it ends', async (lab) => {
      const a = lab.node();
      const daemon = await a.watch(['--resync-interval', '10h']);
      expect(bed.routes()).toEqual([`${OWN} ${bed.self}`]);
      let mark = daemon.mark();
      bed.drop(OWN);
      await daemon.until('healed', (event) => event.key === key(), mark);
      expect(bed.routes()).toEqual([`${OWN} ${bed.self}`]);
      mark = daemon.mark();
      bed.drop(OWN);
      bed.put(OWN, bed.other);
      await daemon.until('healed', (event) => event.key === key(), mark);
      expect(bed.routes()).toEqual([`${OWN} ${bed.self}`]);
      const end = await daemon.stop();
      expect(end).toMatchObject({ code: 0, stderr: '' });
      expect(bed.routes()).toEqual([`${OWN} ${bed.self}`]);
      noSecret(end.stdout);
    });

    test('watch goes on with what it knows while the cloud does not answer', async (lab) => {
      const a = lab.node();
      const daemon = await a.watch(['--resync-interval', '10h']);
      let mark = daemon.mark();
      bed.faults.broken.set(bed.actions.list, 1000);
      await daemon.until('resync', ({ why }) => why.includes('the cloud cannot be asked'), mark);
      bed.drop(OWN);
      mark = daemon.mark();
      bed.faults.broken.clear();
      await daemon.until('healed', (event) => event.key === key(), mark);
      expect(bed.routes()).toEqual([`${OWN} ${bed.self}`]);
    });

    test('what is throttled works all the same', async (lab) => {
      bed.faults.throttled.set(bed.actions.create, 2);
      bed.faults.throttled.set(bed.actions.list, 2);
      bed.faults.broken.set(bed.actions.create, 1);
      expect(await lab.node().flan(['apply', '--yes'])).toMatchObject({ code: 0, stderr: '' });
      expect(bed.routes()).toEqual([`${OWN} ${bed.self}`]);
    });

    test('an apply can be rolled back', async (lab) => {
      const a = lab.node();
      expect(await a.flan(['apply', '--yes'])).toMatchObject({ code: 0, stderr: '' });
      expect(await a.flan(['rollback', '--yes'])).toMatchObject({ code: 0, stderr: '' });
      expect(bed.routes()).toEqual([]);
      expect((await a.flan(['plan'])).stdout).toContain(`create   ${key()}`);
    });

    test('copies of the cloud that lag are waited for', async (lab) => {
      bed.faults.lagReads = 2;
      const apply = await lab.node().flan(['apply', '--yes']);
      expect(apply).toMatchObject({ code: 0, stderr: '' });
      expect(bed.routes()).toEqual([`${OWN} ${bed.self}`]);
    });

    test('a permission that is missing is named', async (lab) => {
      bed.faults.denied.add(bed.actions.create);
      const apply = await lab.node().flan(['apply', '--yes', '--no-atomic', '--json']);
      expect(apply.stdout).toContain('E_CLOUD_PERMISSION');
      expect(apply.stdout).toContain(bed.permission);
      expect(apply.code).toBe(7);
      expect(bed.routes()).toEqual([]);
      noSecret(apply.stdout, apply.stderr);
    });

    test('reading may not be permitted either', async (lab) => {
      bed.faults.denied.add(bed.actions.list);
      const plan = await lab.node().flan(['plan']);
      expect(plan.stderr).toContain('E_CLOUD_PERMISSION');
      expect(plan.code).toBe(77);
    });

    test('a table that is full is told as such', async (lab) => {
      bed.fill();
      const apply = await lab.node().flan(['apply', '--yes', '--no-atomic', '--json']);
      expect(apply.stdout).toContain('E_CLOUD_QUOTA');
      expect(apply.code).toBe(7);
    });

    test('a snapshot plans without the cloud, and holds no secret', async (lab) => {
      const a = lab.node();
      const snapshot = await a.flan(['snapshot']);
      expect(snapshot).toMatchObject({ code: 0, stderr: '' });
      noSecret(snapshot.stdout);
      expect(faultsOf('snapshot', JSON.parse(snapshot.stdout))).toEqual([]);
      lab.put('host.json', JSON.parse(snapshot.stdout));
      await bed.close();
      const plan = await a.flan(['plan', '--snapshot', `${lab.leases}/host.json`]);
      expect(plan.stdout).toContain(`create   ${key()}`);
    });
  });
}
