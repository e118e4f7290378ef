import { describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { kinds } from '../../src/kinds/index.js';
import { linkKey } from '../../src/kinds/link.js';
import { routeKey } from '../../src/kinds/route.js';
import type { Resource } from '../../src/planner/kind.js';
import type { Step } from '../../src/planner/plan.js';
import { Backoff } from '../../src/reconcile/backoff.js';
import { inputs } from '../../src/reconcile/inputs.js';
import { State } from '../../src/reconcile/state.js';
import { ip, lease, network, prefix } from '../leases/support.js';

const key = routeKey({ dst: prefix('10.3.2.0/24'), table: 254, metric: 0 });
const peer = (address: string) => lease({ v4: '10.3.2.0/24', ip: address, node: 'node-b' });
const other = lease({ v4: '10.3.3.0/24', ip: '192.168.10.3', node: 'node-c' });

/** A run whose every try fails. */
function failing() {
  const external = {
    ...{ family: 4 as const, dev: 'eth0', index: 2, mtu: 1500, address: ip('192.168.10.1') },
    ...{ publicIp: ip('192.168.10.1'), onLink: [prefix('192.168.10.0/24')] },
  };
  const made = inputs({
    ...{ network: network(), identity: { node: 'node-a', nodeId: 'id-a' }, external: { 4: external }, own: undefined },
    options: { subnetFile: '/run/none', protocol: 70, masquerade: false, blackhole: false, filter: undefined },
    ...{ links: [], lookup: () => undefined, previous: [] },
  });
  const state = new State({ kinds, inputs: made, backoff: new Backoff() });
  state.replaceObserved({ observed: new Map(), foreign: {}, unread: [] });
  const attempt = (nowMs: number): readonly Step[] => {
    const { steps } = state.takePlan({ nowMs, adopt: 'no' });
    const error = new FlanError('E_NETLINK', 'no');
    state.settle(
      steps.map((step) => ({ step, status: 'failed', error })),
      nowMs,
    );
    return steps;
  };
  return { state, attempt };
}

describe('a lease whose objects cannot be made', () => {
  it('is tried at once when it changes, and the wait of the others goes on', () => {
    const { state, attempt } = failing();
    for (const each of [peer('192.168.10.2'), other]) state.putPeer(each);
    expect(attempt(0)).toHaveLength(2);
    state.putPeer(peer('192.168.10.22'));
    expect(attempt(1)).toMatchObject([{ action: 'create', key, after: { via: '192.168.10.22' } }]);
    // The count starts over too: half a second after the first failure of the new one, not a whole one.
    expect(state.nextRetryMs()).toBe(500);
    expect(attempt(500).map((step) => step.key)).toEqual([
      routeKey({ dst: prefix('10.3.3.0/24'), table: 254, metric: 0 }),
    ]);
    expect(attempt(501)).toMatchObject([{ key, after: { via: '192.168.10.22' } }]);
  });

  it('waits on when it is told again as it was', () => {
    const { state, attempt } = failing();
    state.putPeer(peer('192.168.10.2'));
    expect(attempt(0)).toHaveLength(1);
    state.putPeer(peer('192.168.10.2'));
    expect(attempt(1)).toEqual([]);
    expect(attempt(500)).toMatchObject([{ key }]);
  });

  it('is forgotten with the lease: there is nothing to try any more', () => {
    const { state, attempt } = failing();
    state.putPeer(peer('192.168.10.2'));
    expect(attempt(0)).toHaveLength(1);
    state.deletePeer(peer('192.168.10.2').key);
    expect(attempt(1)).toEqual([]);
    expect(state.nextRetryMs()).toBeUndefined();
  });
});

it('what needs a link that is made at last is tried at once, however often it failed', () => {
  const { state, attempt } = failing();
  state.putPeer(peer('192.168.10.2'));
  for (const nowMs of [0, 500, 1500]) expect(attempt(nowMs)).toHaveLength(1);
  expect(attempt(1501)).toEqual([]);
  const link: Step = {
    ...{ action: 'create', key: linkKey('eth0'), needs: [], reason: 'the test says so' },
    after: { kind: 'link' } as Resource & object,
  };
  state.settle([{ step: link, status: 'done' }], 1502);
  expect(attempt(1503)).toMatchObject([{ key }]);
});
