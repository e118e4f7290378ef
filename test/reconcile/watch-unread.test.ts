import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { Driver } from '../../src/drivers/driver.js';
import { FlanError } from '../../src/errors.js';
import { labTest, peerLease } from '../support/lab.js';
import { watching } from './watching.js';

const B = 'route/main/10.244.2.0/24';
const ROUTE = '10.244.2.0/24 via 192.168.10.2 dev eth0';

/** A driver of another transport that cannot be read while it says so. */
function broken(): { readonly driver: Driver; isBroken: boolean; looks: number } {
  const state = {
    isBroken: true,
    looks: 0,
    driver: {
      ...{ name: 'rules of the packet filter', kinds: ['rule-set'], close: () => {} },
      observe: async () => {
        state.looks++;
        if (state.isBroken) throw new FlanError('E_TOOL', 'nft does not answer', { retry: true });
        return { resources: [], foreign: {} };
      },
      perform: async () => [],
    } satisfies Driver,
  };
  return state;
}

describe('a driver that cannot be read', () => {
  labTest('at the start lets the others work, and keeps the node from being ready', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const other = broken();
    await watching(node, { others: [other.driver] }, async ({ events, until, view }) => {
      await until((event) => event.type === 'failed' && event.key === 'observe');
      for (let i = 0; (await node.routes()).length === 0; i++) {
        expect(i).toBeLessThan(100);
        await sleep(10);
      }
      expect(await node.routes()).toEqual([ROUTE]);
      // The record that tells of all that is there is not written before all of it can be seen.
      expect(node.subnetEnv()).toBeUndefined();
      expect(view()?.condition().state).toBe('broken');
      expect(events.map(({ type }) => type)).not.toContain('ready');
      other.isBroken = false;
      await until(({ type }) => type === 'ready');
      expect(view()?.condition()).toEqual({ state: 'works' });
      expect(node.subnetEnv()).toContain('FLANNEL_SUBNET');
    });
  });

  labTest('later keeps nobody from repairing the rest, and is told of once', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const other = broken();
    other.isBroken = false;
    await watching(node, { others: [other.driver] }, async ({ events, until, view }) => {
      await until(({ type }) => type === 'ready');
      other.isBroken = true;
      view()?.resync('the test asks for it');
      await until((event) => event.type === 'failed' && event.key === 'observe');
      expect(view()?.condition()).toEqual({
        state: 'broken',
        why: 'rules of the packet filter cannot be read: nft does not answer',
      });
      for (let n = 0; n < 3; n++) {
        const healed = () => events.filter((event) => event.type === 'healed' && event.key === B).length;
        const before = healed();
        await node.netns.ip('route del 10.244.2.0/24');
        await until(() => healed() > before);
      }
      const looks = other.looks;
      await until(() => other.looks > looks);
      expect(events.filter((event) => event.type === 'failed')).toHaveLength(1);
      other.isBroken = false;
      await until(() => view()?.condition().state === 'works');
      expect(await node.routes()).toEqual([ROUTE]);
    });
  });
});
