import { expect } from 'vitest';
import type { Driver, Notice, Scope } from '../../src/drivers/driver.js';
import { offloadDriver } from '../../src/drivers/offload.js';
import { type Offload, offloadKey, offloadKind } from '../../src/kinds/offload.js';
import type { Step } from '../../src/planner/plan.js';
import { kernelTest } from '../support/kernel.js';
import { until } from './traffic-host.js';

const signal = new AbortController().signal;
const offload = (dev: string, state: Offload['state']): Offload => ({
  kind: 'offload',
  dev,
  feature: 'tx-checksum',
  state,
});
const scopeOf = (named: readonly Offload[]): Scope => ({
  ownership: { protocol: 70, networks: [] },
  ...{ families: [4, 6], tables: [254], wants: () => true, named },
});
const make = (after: Offload): Step => ({
  action: 'create',
  key: offloadKind.key(after),
  after,
  needs: [],
  reason: 'test',
});
const look = async (driver: Driver, dev: string) =>
  (await driver.observe(scopeOf([offload(dev, 'off')]), signal)).resources;

kernelTest(
  'transmit checksums are switched, read back, and heard of when others switch them',
  { needs: ['vxlan'] },
  async ({ netns, onEnd }) => {
    await netns.sh('ip link add x0 type vxlan id 1 dstport 4789');
    const driver = offloadDriver({ netns: netns.name });
    onEnd(() => driver.close());
    expect(await look(driver, 'x0')).toEqual([offload('x0', 'on')]);
    const heard: Notice[] = [];
    await driver.follow?.(scopeOf([offload('x0', 'off')]), (notice) => heard.push(notice), signal);
    expect(await driver.perform([make(offload('x0', 'off'))], signal)).toMatchObject([{ status: 'done' }]);
    expect(await netns.sh('ethtool -k x0')).toContain('tx-checksum-ip-generic: off');
    expect(await look(driver, 'x0')).toEqual([offload('x0', 'off')]);
    await netns.sh('ethtool -K x0 tx on');
    await until(() => heard.some((notice) => notice.type === 'seen'));
    expect(heard.at(-1)).toEqual({ type: 'seen', key: offloadKey('x0', 'tx-checksum'), resource: offload('x0', 'on') });
  },
);

kernelTest('a link that is not there has no offloads, and setting one says so', {}, async ({ netns, onEnd }) => {
  const driver = offloadDriver({ netns: netns.name });
  onEnd(() => driver.close());
  expect(await look(driver, 'x0')).toEqual([]);
  const [outcome] = await driver.perform([make(offload('x0', 'off'))], signal);
  expect(outcome).toMatchObject({ status: 'failed', error: { code: 'E_NETLINK' } });
});
