import { describe, expect } from 'vitest';
import type { Outcome } from '../../src/drivers/driver.js';
import { FlanError } from '../../src/errors.js';
import type { Step } from '../../src/planner/plan.js';
import { applyOnce } from '../../src/reconcile/once.js';
import { preview } from '../../src/reconcile/preview.js';
import { type Lab, type LabNode, labTest, peerLease } from '../support/lab.js';
import { type Between, openLabSession } from '../support/lab-session.js';

const signal = new AbortController().signal;

async function withSession<T>(
  node: LabNode,
  between: Between,
  body: (session: Awaited<ReturnType<typeof openLabSession>>) => Promise<T>,
): Promise<T> {
  const session = await openLabSession(node.flags, between);
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}

const apply = (node: LabNode, between: Between = {}) =>
  withSession(node, between, (session) => applyOnce({ session, adopt: 'no', signal, approve: async () => 'yes' }));
const stepsLeft = (node: LabNode) =>
  withSession(node, {}, async (session) =>
    (await preview({ session, adopt: 'no', signal })).plan.steps.map(({ key }) => key),
  );

class Crash extends Error {}

/** Carries out `count` steps in all, then does nothing more for anybody. */
function crashAfter(count: number): Between {
  let left = count;
  return {
    perform: async (steps, go) => {
      if (steps.length <= left) {
        left -= steps.length;
        return go(steps);
      }
      await go(steps.slice(0, left));
      left = 0;
      throw new Crash();
    },
  };
}

/** From a network with three peers to another one with three others: everything is made, changed or deleted. */
function begin(lab: Lab): void {
  lab.put('network.yaml', {
    Network: '10.244.0.0/16',
    EnableIPv6: true,
    IPv6Network: 'fd00:10:244::/48',
    Backend: { Type: 'host-gw' },
  });
  for (const letter of ['b', 'c', 'd']) lab.put(`node-${letter}.yaml`, peerLease(letter, '46'));
}
function move(lab: Lab): void {
  lab.put('network.yaml', { Network: '10.245.0.0/16', Backend: { Type: 'host-gw' } });
  for (const [letter, n] of [
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ] as const) {
    lab.put(`node-${letter}.yaml`, { node: `node-${letter}`, subnet: `10.245.${n}.0/24`, publicIP: `192.168.10.${n}` });
  }
  lab.remove('node-d.yaml');
}

const settled = async (node: LabNode) => ({ routes: await node.routes(), env: node.subnetEnv() });

describe('apply that ends at any step', () => {
  labTest('is finished by the next one, also across a change of the network', { families: '46' }, async (lab) => {
    const node = lab.node();
    await node.netns.sh(
      'ip route add 10.244.9.0/24 via 192.168.10.99 proto static; ip route add 10.9.0.0/16 via 192.168.10.9 proto 70',
    );
    begin(lab);
    const foreign = await node.foreignRoutes();
    await apply(node);
    const first = await settled(node);
    move(lab);
    const { outcomes } = await apply(node);
    const second = await settled(node);
    expect(outcomes.length).toBeGreaterThan(8);
    for (let count = 0; count < outcomes.length; count++) {
      begin(lab);
      lab.put('node-a.yaml', peerLease('a', '46'));
      await apply(node);
      expect(await settled(node)).toEqual(first);
      move(lab);
      await apply(node, crashAfter(count));
      await apply(node);
      expect([count, await settled(node)]).toEqual([count, second]);
      expect(await stepsLeft(node)).toEqual([]);
    }
    expect(await node.foreignRoutes()).toBe(foreign);
  });
});

describe('a fault of a driver', () => {
  /** What one step can come to although the kernel is well, and whether the kernel did it. */
  const faults: Readonly<
    Record<string, (step: Step, go: (steps: readonly Step[]) => Promise<readonly Outcome[]>) => Promise<Outcome>>
  > = {
    'is refused': async (step) => ({
      step,
      status: 'failed',
      error: new FlanError('E_NETLINK', 'refused', { hint: 'h' }),
    }),
    'is raced': async (step) => ({ step, status: 'raced', error: new FlanError('E_RACE', 'raced', { retry: true }) }),
    'is done but its answer is lost': async (step, go) => {
      await go([step]);
      return { step, status: 'raced', error: new FlanError('E_RACE', 'lost', { retry: true }) };
    },
    'makes the driver throw': async () => {
      throw new Error('what nobody thought of');
    },
  };

  for (const [what, fault] of Object.entries(faults)) {
    labTest(
      `hits one step, which ${what}: it is told, the others are made, and the next run mends it`,
      {},
      async (lab) => {
        const node = lab.node();
        for (const letter of ['b', 'c', 'd']) lab.put(`node-${letter}.yaml`, peerLease(letter));
        const keys = await stepsLeft(node);
        expect(keys.length).toBe(4);
        for (const target of keys) {
          let injected = 0;
          const { outcomes, left } = await apply(node, {
            perform: async (steps, go) => {
              const hit = steps.find(({ key }) => key === target);
              if (hit === undefined) return go(steps);
              injected++;
              const others = await go(steps.filter((step) => step !== hit));
              return [...others, await fault(hit, go)];
            },
          });
          expect(injected).toBe(1);
          expect(outcomes.filter(({ status }) => status !== 'done').map(({ step }) => step.key)).toContain(target);
          expect(left.map(({ key }) => key)).toEqual(what.includes('lost') ? [] : [target]);
          await apply(node);
          expect(await stepsLeft(node)).toEqual([]);
          await node.flan(['destroy', '--yes']);
        }
      },
    );
  }
});
