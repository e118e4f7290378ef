import { describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import type { LeaseEvent } from '../../src/leases/store.js';
import type { Lease } from '../../src/model/lease.js';
import { systemClock } from '../../src/reconcile/clock.js';
import { OwnLeaseMinder } from '../../src/reconcile/own-lease-minder.js';
import { Timers } from '../../src/reconcile/timers.js';
import { ip, lease } from '../leases/support.js';

const own = lease({ v4: '10.3.1.0/24', ip: '192.168.10.1', node: 'node-a', nodeId: 'id-a' });
const peer = lease({ v4: '10.3.2.0/24', ip: '192.168.10.2', nodeId: 'id-b' });
const moved: Lease = { ...own, ipv4: { subnet: own.ipv4?.subnet as never, publicIp: ip('192.168.10.77') } };
const snapshot = (...leases: readonly Lease[]): LeaseEvent => ({ type: 'snapshot', leases, rejected: [] });
const put = (one: Lease): LeaseEvent => ({ type: 'put', lease: one });
const gone: LeaseEvent = { type: 'delete', key: own.key };
const error = new FlanError('E_LEASE', 'no JSON');
const rejected = (entry: string): LeaseEvent => ({ type: 'reject', rejected: { entry, error } });

const unreadable: LeaseEvent = {
  ...{ type: 'snapshot', leases: [peer] },
  rejected: [{ entry: `/coreos.com/network/subnets/${own.key}`, error }],
};

function bed() {
  let nowMs = 0;
  let due: { atMs: number; run: () => void }[] = [];
  const codes: string[] = [];
  let renewals = 0;
  let current = own;
  const clock = {
    ...systemClock,
    nowMs: () => nowMs,
    after: (delayMs: number, run: () => void) => {
      const one = { atMs: nowMs + delayMs, run };
      due.push(one);
      return () => {
        due = due.filter((other) => other !== one);
      };
    },
  };
  const minder = new OwnLeaseMinder({
    ...{ clock, timers: new Timers(clock), lease: () => current, renew: () => renewals++ },
    warn: ({ code }) => codes.push(code),
  });
  const pass = (ms: number): void => {
    nowMs += ms;
    for (const one of due.splice(0)) one.atMs <= nowMs ? one.run() : due.push(one);
  };
  const publish = (lease: Lease): void => {
    current = lease;
    minder.renewed(lease);
  };
  return { minder, pass, codes, renewals: () => renewals, publish };
}

describe('the own lease', () => {
  it.each([
    ['is not in a snapshot, whether that is believed or not', snapshot(peer), 'W_LEASE_GONE'],
    ['is deleted', gone, 'W_LEASE_GONE'],
    ['cannot be read in a snapshot', unreadable, 'W_LEASE_OVERWRITTEN'],
    ['is written over', put(moved), 'W_LEASE_OVERWRITTEN'],
    ['is another in a snapshot', snapshot(peer, moved), 'W_LEASE_OVERWRITTEN'],
    ['cannot be read any more as a Node', rejected('Node node-a'), 'W_LEASE_OVERWRITTEN'],
    ['cannot be read any more', rejected(`/coreos.com/network/subnets/${own.key}`), 'W_LEASE_OVERWRITTEN'],
  ])('that %s is published anew', (_, event, code) => {
    const { minder, pass, codes, renewals, publish } = bed();
    minder.hear(event);
    pass(1000);
    expect(renewals()).toBe(1);
    publish(own);
    expect(codes).toEqual([code]);
  });

  it.each([
    ['as it was published, with a later end', put({ ...own, expiresAtMs: 7 })],
    ['among others', snapshot(peer, own)],
    ['and somebody else’s is not', put({ ...peer, backendType: 'x' })],
    ['and an entry of somebody else cannot be read', rejected('/coreos.com/network/subnets/10.3.2.0-24')],
  ])('that is there %s is left alone', (_, event) => {
    const { minder, pass, codes, renewals } = bed();
    minder.hear(event);
    pass(10_000);
    expect([codes, renewals()]).toEqual([[], 0]);
  });

  it('that somebody changed on purpose, as the store says when it is asked, is no cause for a warning', () => {
    const { minder, pass, codes, renewals, publish } = bed();
    minder.hear(put(moved));
    pass(1000);
    publish(moved);
    expect([codes, renewals()]).toEqual([[], 1]);
  });

  it('that the store tells of late is not taken for written over', () => {
    const { minder, pass, renewals, publish } = bed();
    publish(moved);
    minder.hear(put(own));
    pass(100);
    minder.hear(put(moved));
    pass(10_000);
    expect(renewals()).toBe(0);
  });

  it('that another with the same identity writes over again and again is written every few seconds, and no faster', () => {
    const { minder, pass, renewals } = bed();
    for (let ms = 0; ms < 60_000; ms += 100) {
      minder.hear(put(moved));
      pass(100);
      minder.hear(put(own));
    }
    expect(renewals()).toBeLessThanOrEqual(13);
    expect(renewals()).toBeGreaterThan(5);
  });
});
