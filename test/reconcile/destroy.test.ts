import { readdirSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { destroy, previewDestroy } from '../../src/reconcile/destroy.js';
import { labTest, peerLease } from '../support/lab.js';
import { type Between, openLabSession } from '../support/lab-session.js';

const signal = new AbortController().signal;
const B = 'route/main/10.244.2.0/24';

async function destroyed(flags: readonly string[], lease: 'keep' | 'release', between: Between = {}) {
  const session = await openLabSession(flags, between);
  try {
    const input = { session, signal, lease };
    const outcomes = await destroy(await previewDestroy(input), input);
    return outcomes.map(({ step, status }) => `${status} ${step.key.split('/')[0]}`);
  } finally {
    await session.close();
  }
}

describe('destroy', () => {
  labTest('keeps the lease unless told to release it, and releases it last', { subnets: 'drawn' }, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    await node.flan(['apply', '--yes']);
    const own = () => readdirSync(lab.leases).filter((name) => name.endsWith('.json'));
    expect(own()).toHaveLength(1);
    // subnet.env says what network our routes lie in, so it goes after them.
    expect(await destroyed(node.flags, 'keep')).toEqual(['done route', 'done file']);
    expect(own()).toHaveLength(1);
    await node.flan(['apply', '--yes']);
    expect(await destroyed(node.flags, 'release')).toEqual(['done route', 'done file', 'done lease']);
    expect(own()).toEqual([]);
  });

  labTest(
    'does not give the subnet to others while something that uses it is left',
    { subnets: 'drawn' },
    async (lab) => {
      const node = lab.node();
      lab.put('node-b.yaml', peerLease('b'));
      await node.flan(['apply', '--yes']);
      const between: Between = {
        perform: async (steps, go) => {
          const [step] = steps;
          if (step?.key !== B) return go(steps);
          return [{ step, status: 'failed', error: new FlanError('E_NETLINK', 'refused', { hint: 'Wait.' }) }];
        },
      };
      expect(await destroyed(node.flags, 'release', between)).toEqual(['failed route', 'blocked file']);
      expect(readdirSync(lab.leases).filter((name) => name.endsWith('.json'))).toHaveLength(1);
      expect(await node.routes()).toHaveLength(1);
      expect(await destroyed(node.flags, 'release')).toEqual(['done route', 'done file', 'done lease']);
    },
  );
});
