import { describe, expect } from 'vitest';
import { systemClock } from '../../src/reconcile/clock.js';
import { applyOnce } from '../../src/reconcile/once.js';
import { type LabNode, labTest, peerLease } from '../support/lab.js';
import { type Between, openLabSession } from '../support/lab-session.js';

const signal = new AbortController().signal;

async function apply(node: LabNode, between: Between, timeoutMs: number | undefined) {
  const session = await openLabSession(node.flags, between);
  const verify = timeoutMs === undefined ? {} : { verify: { clock: systemClock, timeoutMs } };
  try {
    return await applyOnce({ session, adopt: 'no', signal, approve: async () => 'yes', ...verify });
  } finally {
    await session.close();
  }
}

/** A kernel that says that a route is made, and makes it when it has been looked at so often. */
function makesRoutesAfter(looks: number): Between {
  let isToldDone = false;
  let seen = 0;
  let make: (() => void) | undefined;
  return {
    perform: async (steps, go) => {
      if (!steps.some(({ key }) => key.startsWith('route/'))) return go(steps);
      isToldDone = true;
      make = () => void go(steps);
      return steps.map((step) => ({ step, status: 'done' }));
    },
    observe: () => {
      if (!isToldDone) return;
      seen += 1;
      if (seen > looks) make?.();
    },
  };
}

describe('verification', () => {
  labTest('looks again while something settles late', {}, async ({ node, put }) => {
    put('node-b.yaml', peerLease('b'));
    const { left } = await apply(node(), makesRoutesAfter(3), 20_000);
    expect(left).toEqual([]);
    expect(await node().routes()).toHaveLength(1);
  });

  labTest('looks once where no time is given, and says what is not there', {}, async ({ node, put }) => {
    put('node-b.yaml', peerLease('b'));
    const { left } = await apply(node(), makesRoutesAfter(3), undefined);
    expect(left).toMatchObject([{ action: 'create', key: 'route/main/10.244.2.0/24' }]);
  });

  labTest('gives up when the time is over', {}, async ({ node, put }) => {
    put('node-b.yaml', peerLease('b'));
    const { left } = await apply(node(), makesRoutesAfter(Number.POSITIVE_INFINITY), 100);
    expect(left).toHaveLength(1);
  });

  labTest('does not wait for what failed', {}, async ({ node, put }) => {
    // No subnet of eth0 covers it.
    put('node-b.yaml', { ...peerLease('b'), publicIP: '203.0.113.8' });
    const { outcomes, left } = await apply(node(), {}, 3_600_000);
    expect(outcomes.filter(({ status }) => status !== 'done')).toHaveLength(1);
    expect(left).toHaveLength(1);
  });
});
