import { expect, it } from 'vitest';
import { kinds } from '../../src/kinds/index.js';
import { type Route, route, routeKey } from '../../src/kinds/route.js';
import { Backoff } from '../../src/reconcile/backoff.js';
import { inputs } from '../../src/reconcile/inputs.js';
import { State } from '../../src/reconcile/state.js';
import { ip, lease, network, prefix } from '../leases/support.js';

const right: Route = route({ dst: prefix('10.3.2.0/24'), via: ip('192.168.10.2'), dev: 'eth0' });
const key = routeKey(right);
/** As `ip route replace` leaves it: another gateway, and no mark of ours. */
const byHand: Route = { ...right, via: ip('192.168.10.99'), proto: 3 };

const peer = lease({ v4: '10.3.2.0/24', ip: '192.168.10.2', node: 'node-b' });

/** A run that has just started, on a host where an earlier run has left this. */
function started(left: Route): State {
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
  state.putPeer(peer);
  state.replaceObserved({ observed: new Map([[key, left]]), foreign: {}, unread: [] });
  return state;
}

it('what was found with our mark stays ours when somebody takes the mark off', () => {
  const state = started(right);
  expect(state.takePlan({ nowMs: 0, adopt: 'no' }).steps).toEqual([]);
  expect(state.absorb({ type: 'seen', key, resource: byHand })).toMatchObject({ what: 'changed' });
  const { steps, conflicts } = state.takePlan({ nowMs: 1, adopt: 'no' });
  expect(conflicts).toEqual([]);
  expect(steps).toMatchObject([{ action: 'update', key, fields: ['via', 'proto'] }]);
});

it('what was found without our mark is a conflict, and stays one', () => {
  const state = started(byHand);
  expect(state.takePlan({ nowMs: 0, adopt: 'no' })).toMatchObject({ steps: [], conflicts: [{ key }] });
  state.absorb({ type: 'seen', key, resource: { ...byHand, via: ip('192.168.10.98') } as Route });
  expect(state.takePlan({ nowMs: 1, adopt: 'no' })).toMatchObject({ steps: [], conflicts: [{ key }] });
});

it('what is neither wanted nor there any more is nobody’s: a route that comes back is a conflict', () => {
  const state = started(right);
  expect(state.takePlan({ nowMs: 0, adopt: 'no' }).steps).toEqual([]);
  state.absorb({ type: 'gone', key });
  state.deletePeer(peer.key);
  expect(state.takePlan({ nowMs: 1, adopt: 'no' }).steps).toEqual([]);
  state.absorb({ type: 'seen', key, resource: byHand });
  state.putPeer(peer);
  expect(state.takePlan({ nowMs: 2, adopt: 'no' })).toMatchObject({ steps: [], conflicts: [{ key }] });
});
