import { afterEach, beforeEach, describe, expect } from 'vitest';
import { awsBed } from '../support/fake-cloud/aws.js';
import { type Lab, labTest } from '../support/lab.js';

const OWN = '10.244.1.0/24';

describe('aws-vpc, and no other', () => {
  let bed: Awaited<ReturnType<typeof awsBed>>;
  const before = { ...process.env };
  beforeEach(async () => {
    bed = await awsBed();
    for (const [name, value] of Object.entries(bed.env)) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  afterEach(async () => {
    process.env = { ...before };
    await bed.close();
  });
  const test = (title: string, backend: object, action: (lab: Lab) => Promise<void>): void =>
    labTest(title, { timeoutMs: 60_000 }, async (lab) => {
      lab.put('network.yaml', { Network: '10.244.0.0/16', Backend: { Type: 'aws-vpc', PollSeconds: 1, ...backend } });
      await action(lab);
    });

  test('several tables each get the route', { RouteTableID: ['rtb-1', 'rtb-main'] }, async (lab) => {
    expect(await lab.node().flan(['apply', '--yes'])).toMatchObject({ code: 0, stderr: '' });
    expect([bed.fake.routes('rtb-1'), bed.fake.routes('rtb-main')]).toEqual([[`${OWN} eni-0aaa`], [`${OWN} eni-0aaa`]]);
  });

  test('a table that is not there stops everything', { routetableid: 'rtb-nowhere' }, async (lab) => {
    const apply = await lab.node().flan(['apply', '--yes']);
    expect(apply).toMatchObject({ code: 1, stderr: expect.stringContaining('rtb-nowhere') });
    expect(bed.writes()).toEqual([]);
  });

  test('a network inside the VPC stops everything', {}, async (lab) => {
    lab.put('network.yaml', { Network: '100.64.0.0/17', Backend: { Type: 'aws-vpc' } });
    const apply = await lab.node().flan(['apply', '--yes']);
    expect(apply).toMatchObject({ code: 78, stderr: expect.stringContaining('E_NETWORK_OVERLAP') });
    expect(bed.writes()).toEqual([]);
  });

  test('the check of sources and destinations is switched off, and again when somebody switches it on', {}, async (lab) => {
    const daemon = await lab.node().watch(['--resync-interval', '10h']);
    const eni = bed.fake.enis.get('eni-0aaa');
    expect(eni?.isChecked).toBe(false);
    if (eni !== undefined) eni.isChecked = true;
    await daemon.until('healed', ({ key }) => key === 'cloud-forwarding/eni-0aaa');
    expect(eni?.isChecked).toBe(false);
  });

  test('what may not be done is told by plan, and an apply that fails is undone', {}, async (lab) => {
    const a = lab.node();
    bed.faults.denied.add('CreateRoute');
    const plan = await a.flan(['plan']);
    expect(plan.stdout).toContain('W_CLOUD_DENIED');
    expect(bed.writes()).toEqual([]);
    expect(await a.flan(['apply', '--yes'])).toMatchObject({ code: 4, stderr: '' });
    expect([bed.routes(), bed.fake.enis.get('eni-0aaa')?.isChecked, a.subnetEnv()]).toEqual([[], true, undefined]);
  });

  test('a daemon waits for a cloud that does not answer yet', {}, async (lab) => {
    bed.faults.broken.set('DescribeInstances', 7);
    const daemon = await lab.node().watch(['--resync-interval', '10h']);
    expect(daemon.events.map(({ type }) => type)).toContain('waiting');
    expect(bed.routes()).toEqual([`${OWN} eni-0aaa`]);
  });

  test('another interface of the instance carries the overlay from now on', {}, async (lab) => {
    const a = lab.node();
    const daemon = await a.watch(['--resync-interval', '10h']);
    expect(bed.routes()).toEqual([`${OWN} eni-0aaa`]);
    // The address moves to another interface of the instance, as it does when one is replaced.
    bed.fake.enis.delete('eni-0aaa');
    bed.fake.addEni({
      id: 'eni-0new',
      mac: '02:00:00:00:00:09',
      subnet: 'subnet-1',
      addresses: ['192.168.10.1'],
      instance: 'i-0aaa',
    });
    await daemon.until('applied', ({ changes }) =>
      changes.some(({ key }) => key === `cloud-route/rtb-1/${OWN}` && bed.routes()[0] === `${OWN} eni-0new`),
    );
    expect(bed.routes()).toEqual([`${OWN} eni-0new`]);
  });

  test('a plan and what only needs leases, where no cloud answers', {}, async (lab) => {
    const a = lab.node();
    await bed.close();
    expect(await a.flan(['plan'])).toMatchObject({ code: 69, stderr: expect.stringContaining('E_CLOUD_UNREACHABLE') });
    expect(await a.flan(['lease list'])).toMatchObject({ code: 0, stderr: '' });
  });
});
