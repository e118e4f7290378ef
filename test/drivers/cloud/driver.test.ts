import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { awsClient } from '../../../src/drivers/cloud/aws/client.js';
import type { CloudClient } from '../../../src/drivers/cloud/client.js';
import { type CloudDriver, cloudDriver } from '../../../src/drivers/cloud/driver.js';
import type { Notice, Scope } from '../../../src/drivers/driver.js';
import { type CloudRoute, cloudRoute, cloudRouteKey } from '../../../src/kinds/cloud-route.js';
import { kinds } from '../../../src/kinds/index.js';
import { type Prefix, parsePrefix } from '../../../src/model/ip.js';
import type { Step } from '../../../src/planner/plan.js';
import { FakeAws } from '../../support/fake-cloud/aws.js';
import { type TestEdge, testEdge } from '../../support/fake-cloud/edge.js';

const never = new AbortController().signal;
const DST = parsePrefix('10.244.1.0/24');
const ROUTE = cloudRoute({ table: 'rtb-1', dst: DST, target: 'eni-0aaa' });
const KEY = cloudRouteKey(ROUTE);
const SCOPE: Scope = {
  ownership: { protocol: 70, networks: ['10.244.0.0/16'] },
  families: [4],
  tables: [254],
  wants: (key) => key === KEY,
  named: [],
};
const COMMON = { key: KEY, needs: [], reason: 'test' };

describe('the driver of clouds', () => {
  let fake: FakeAws;
  let edge: TestEdge;
  let driver: CloudDriver;
  let leased: Prefix[];
  let asked = 0;
  beforeEach(async () => {
    fake = await FakeAws.start();
    edge = testEdge(fake.env);
    [leased, asked] = [[], 0];
    const client = awsClient({ edge, tables: [] });
    driver = cloudDriver({
      ...{ client, edge, facts: await client.locate('locate', never), pollMs: 20 },
      self: () => ({ interface: 'eni-0aaa', target: 'eni-0aaa', tables: ['rtb-1'] }),
      network: parsePrefix('10.244.0.0/16'),
      leased: async () => {
        asked++;
        return leased;
      },
    });
  });
  afterEach(async () => {
    driver.close();
    await fake.close();
  });
  const perform = async (step: Step) => (await driver.perform([step], never))[0];
  const observed = async () => (await driver.observe(SCOPE, never)).resources as readonly CloudRoute[];

  it('asks for the leases only when it matters', async () => {
    fake.put('rtb-1', '10.244.2.0/24', 'eni-0bbb');
    fake.put('rtb-1', DST, 'eni-0dead');
    expect(await observed()).toMatchObject([{ dst: DST, maker: 'ours', state: 'blackhole' }]);
    expect(asked).toBe(0);
    fake.put('rtb-1', '10.244.3.0/24', 'eni-0dead');
    fake.put('rtb-1', '10.244.4.0/24', 'eni-0dead');
    leased = [parsePrefix('10.244.3.0/24')];
    expect((await observed()).map(({ dst }) => dst).sort()).toEqual([DST, '10.244.4.0/24']);
    expect(asked).toBe(1);
  });

  it('takes a route to itself for one that leads somewhere, whatever the cloud says', async () => {
    fake.put('rtb-1', DST, 'eni-0aaa');
    fake.enis.delete('eni-0aaa');
    expect(await observed()).toMatchObject([{ target: 'eni-0aaa', state: 'active', maker: 'ours' }]);
    expect(await perform({ ...COMMON, action: 'create', after: ROUTE })).toMatchObject({ status: 'done' });
    expect(fake.writes()).toEqual([]);
  });

  it('leaves alone what leads nowhere in a network that was served before: others may serve it now', async () => {
    fake.put('rtb-1', '10.9.4.0/24', 'eni-0dead');
    fake.put('rtb-1', '10.9.5.0/24', 'eni-0aaa');
    const scope = { ...SCOPE, ownership: { protocol: 70, networks: ['10.244.0.0/16', '10.9.0.0/16'] } };
    const { resources, foreign } = await driver.observe(scope, never);
    expect(resources).toMatchObject([{ dst: '10.9.5.0/24', maker: 'ours' }]);
    expect(foreign).toEqual({ 'cloud-route': 1 });
  });

  it('counts what is of others', async () => {
    fake.put('rtb-1', '10.244.2.0/24', 'eni-0bbb');
    fake.put('rtb-1', '10.244.0.0/16', 'eni-0aaa');
    expect(await driver.observe(SCOPE, never)).toEqual({ resources: [], foreign: { 'cloud-route': 1 } });
  });

  it('counts as done what stands there already', async () => {
    fake.put('rtb-1', DST, 'eni-0aaa');
    expect(await perform({ ...COMMON, action: 'create', after: ROUTE })).toMatchObject({ status: 'done' });
    expect(fake.writes()).toEqual([]);
  });

  it('does not put its route over one that somebody has made since', async () => {
    fake.put('rtb-1', DST, 'eni-0bbb');
    expect(await perform({ ...COMMON, action: 'create', after: ROUTE })).toMatchObject({ status: 'raced' });
    const before: CloudRoute = { ...ROUTE, target: 'eni-0old', state: 'blackhole' };
    const update = { ...COMMON, action: 'update', before, after: ROUTE, fields: ['target'] } as const;
    expect(await perform(update)).toMatchObject({ status: 'raced' });
    expect(fake.routes()).toEqual([`${DST} eni-0bbb`]);
  });

  it('removes what the plan has shown and nothing that came since', async () => {
    fake.put('rtb-1', DST, 'eni-0bbb');
    expect(await perform({ ...COMMON, action: 'delete', before: ROUTE })).toMatchObject({ status: 'done' });
    expect(fake.routes()).toEqual([`${DST} eni-0bbb`]);
    fake.put('rtb-1', DST, 'eni-0aaa');
    expect(await perform({ ...COMMON, action: 'delete', before: ROUTE })).toMatchObject({ status: 'done' });
    expect(fake.routes()).toEqual([]);
    expect(await perform({ ...COMMON, action: 'delete', before: ROUTE })).toMatchObject({ status: 'done' });
  });

  it.each([
    ['to what is no node', { target: 'something else' }],
    ['to several', { target: 'eni-0aaa, eni-0bbb' }],
    ['that is switched off', { target: 'eni-0bbb', state: 'disabled' }],
  ] as const)('puts back no route %s, says so and leaves what is there', async (_, rest) => {
    fake.put('rtb-1', DST, 'eni-0aaa');
    const after: CloudRoute = { ...ROUTE, ...rest };
    const update = { ...COMMON, action: 'update', before: ROUTE, after, fields: ['target'] } as const;
    expect(await perform(update)).toMatchObject({ status: 'failed', error: { code: 'E_CLOUD_REFUSED' } });
    expect([fake.writes(), edge.pausesMs]).toEqual([[], []]);
  });

  it('puts back a route that led nowhere, and is content when it leads somewhere now', async () => {
    fake.put('rtb-1', DST, 'eni-0aaa');
    const after: CloudRoute = { ...ROUTE, target: 'eni-0bbb', state: 'blackhole' };
    const update = { ...COMMON, action: 'update', before: ROUTE, after, fields: ['target'] } as const;
    expect(await perform(update)).toMatchObject({ status: 'done' });
    expect(fake.routes()).toEqual([`${DST} eni-0bbb`]);
  });

  it('does not remove what leads somewhere again', async () => {
    const dead: CloudRoute = { ...ROUTE, dst: parsePrefix('10.244.9.0/24'), target: 'eni-0bbb', state: 'blackhole' };
    fake.put('rtb-1', dead.dst, 'eni-0bbb');
    expect(await perform({ ...COMMON, action: 'delete', before: dead })).toMatchObject({ status: 'done' });
    expect(fake.writes()).toEqual([]);
  });

  it('leaves alone what leads nowhere if somebody has a lease for a part of it', async () => {
    fake.put('rtb-1', '10.244.16.0/20', 'eni-0dead');
    leased = [parsePrefix('10.244.17.0/24')];
    expect(await observed()).toEqual([]);
    leased = [parsePrefix('10.244.32.0/24')];
    expect(await observed()).toMatchObject([{ dst: '10.244.16.0/20', maker: 'ours' }]);
  });

  it('learns while it follows what a step found, and asks for no step twice', async () => {
    const stop = new AbortController();
    await driver.follow?.(SCOPE, () => undefined, stop.signal);
    expect(await observed()).toEqual([]);
    fake.put('rtb-1', DST, 'eni-0aaa');
    await perform({ ...COMMON, action: 'create', after: ROUTE });
    expect(await observed()).toMatchObject([{ target: 'eni-0aaa' }]);
    fake.put('rtb-1', DST, 'eni-0bbb');
    await perform({ ...COMMON, action: 'delete', before: ROUTE });
    expect(await observed()).toMatchObject([{ target: 'eni-0bbb', maker: 'others' }]);
    stop.abort();
  });

  it('waits until the cloud shows what it has taken', async () => {
    fake.faults.lagReads = 3;
    expect(await perform({ ...COMMON, action: 'create', after: ROUTE })).toMatchObject({ status: 'done' });
    fake.faults.lagReads = 0;
    expect(await observed()).toMatchObject([{ target: 'eni-0aaa' }]);
  });

  it('says so when it never does', async () => {
    fake.faults.lagReads = 1000;
    expect(await perform({ ...COMMON, action: 'create', after: ROUTE })).toMatchObject({
      status: 'failed',
      error: { code: 'E_CLOUD_LAG' },
    });
  });

  it('tells what others change, once, and not what it has changed itself', async () => {
    const notices: Notice[] = [];
    const next = async (count: number) => {
      while (notices.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
      return notices[count - 1];
    };
    const stop = new AbortController();
    await driver.follow?.(SCOPE, (notice) => notices.push(notice), stop.signal);
    await driver.observe(SCOPE, never);
    await perform({ ...COMMON, action: 'create', after: ROUTE });
    fake.put('rtb-1', DST, 'eni-0bbb');
    expect(await next(1)).toMatchObject({ type: 'seen', key: KEY, resource: { target: 'eni-0bbb', maker: 'others' } });
    fake.drop('rtb-1', DST);
    expect(await next(2)).toEqual({ type: 'gone', key: KEY });
    fake.faults.broken.set('DescribeRouteTables', 5);
    expect(await next(3)).toMatchObject({ type: 'doubt', why: expect.stringContaining('cannot be asked') });
    // What was read last stands, and no error keeps the rest of the host from being looked after.
    fake.faults.broken.set('DescribeRouteTables', 5);
    expect(await observed()).toEqual([]);
    stop.abort();
  });

  /** A driver that follows, looks only when it is asked to, and waits for the cloud while `hold` says so. */
  const following = async () => {
    const client = awsClient({ edge, tables: [] });
    let held: Promise<void> | undefined;
    const routes: CloudClient['routes'] = async (query, signal) => {
      const [found, wait] = [await client.routes(query, signal), held];
      held = undefined;
      await wait;
      return found;
    };
    const one = cloudDriver({
      ...{ client: { ...client, routes }, edge, facts: await client.locate('locate', never), pollMs: 3_600_000 },
      self: () => ({ interface: 'eni-0aaa', target: 'eni-0aaa', tables: ['rtb-1'] }),
      ...{ network: parsePrefix('10.244.0.0/16'), leased: async () => leased },
    });
    onTestFinished(() => one.close());
    const notices: Notice[] = [];
    await one.follow?.(SCOPE, (notice) => notices.push(notice), never);
    const seen = async (scope = SCOPE) => (await one.observe(scope, never)).resources as readonly CloudRoute[];
    expect(await seen()).toEqual([]);
    // The look that it has is an old one from now on.
    await edge.sleep(31_000, never);
    /** The next listing arrives as it was when it was made, once it is let go. */
    const hold = (): (() => void) => {
      let letGo = (): void => undefined;
      held = new Promise((resolve) => {
        letGo = resolve;
      });
      return letGo;
    };
    return { driver: one, notices, seen, hold, isHeld: () => held === undefined };
  };

  it('does not keep others waiting for a slow cloud while it follows, and tells what a look found then', async () => {
    const { notices, seen, hold } = await following();
    const letGo = hold();
    fake.put('rtb-1', DST, 'eni-0bbb');
    expect(await seen()).toEqual([]);
    expect(await seen()).toEqual([]);
    letGo();
    await vi.waitFor(() =>
      expect(notices).toMatchObject([{ type: 'seen', key: KEY, resource: { target: 'eni-0bbb' } }]),
    );
    expect(await seen()).toMatchObject([{ target: 'eni-0bbb', maker: 'others' }]);
  });

  it('takes no look for news that began before a step, and looks again', async () => {
    const { driver, notices, seen, hold, isHeld } = await following();
    const letGo = hold();
    expect(await seen()).toEqual([]);
    await vi.waitFor(() => expect(isHeld()).toBe(true));
    const outcomes = await driver.perform([{ ...COMMON, action: 'create', after: ROUTE }], never);
    expect(outcomes).toMatchObject([{ status: 'done' }]);
    letGo();
    expect(await seen()).toMatchObject([{ target: 'eni-0aaa' }]);
    fake.put('rtb-1', DST, 'eni-0bbb');
    await vi.waitFor(() => expect(notices).toHaveLength(1), { timeout: 10_000 });
    expect(notices).toMatchObject([{ type: 'seen', key: KEY, resource: { target: 'eni-0bbb' } }]);
  });

  it('leaves alone what leads nowhere while it has not asked for the leases', async () => {
    fake.put('rtb-1', DST, 'eni-0dead');
    await driver.follow?.(SCOPE, () => undefined, never);
    expect(await observed()).toMatchObject([{ state: 'blackhole', maker: 'ours' }]);
    expect(asked).toBe(0);
    leased = [DST];
    expect((await driver.observe({ ...SCOPE, wants: () => false }, never)).resources).toEqual([]);
  });

  it('waits no longer for a change when the clock of the host is set back', async () => {
    fake.faults.lagReads = 1000;
    let wallMs = Date.now();
    const client = awsClient({ edge, tables: [] });
    const setBack: TestEdge = {
      ...edge,
      sleep: (delayMs, signal) => {
        wallMs -= 3_600_000;
        return edge.sleep(delayMs, signal);
      },
      wallMs: () => wallMs,
    };
    const one = cloudDriver({
      ...{ client, edge: setBack, facts: await client.locate('locate', never), pollMs: 20 },
      self: () => ({ interface: 'eni-0aaa', target: 'eni-0aaa', tables: ['rtb-1'] }),
      ...{ network: parsePrefix('10.244.0.0/16'), leased: async () => leased },
    });
    onTestFinished(() => one.close());
    const [outcome] = await one.perform([{ ...COMMON, action: 'create', after: ROUTE }], never);
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'E_CLOUD_LAG' } });
  });

  it('knows its kinds', () => {
    expect(driver.kinds.map((kind) => kinds.of({ kind }).kind)).toEqual(['cloud-route', 'cloud-forwarding']);
  });
});
