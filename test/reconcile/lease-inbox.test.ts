import { describe, expect, it } from 'vitest';
import type { Lease } from '../../src/model/lease.js';
import { systemClock } from '../../src/reconcile/clock.js';
import { DEFAULT_GUARD } from '../../src/reconcile/guard.js';
import { LeaseInbox, type LeaseNews } from '../../src/reconcile/lease-inbox.js';
import { Timers } from '../../src/reconcile/timers.js';
import { lease } from '../leases/support.js';

const [b, c] = [2, 3].map((n) => lease({ v4: `10.3.${n}.0/24`, ip: `192.168.10.${n}`, nodeId: `id-${n}` })) as [
  Lease,
  Lease,
];
const snapshot = (leases: readonly Lease[], more: object = {}): LeaseNews => ({
  ...{ type: 'snapshot', leases, rejected: [] },
  ...more,
});

function bed(fraction = DEFAULT_GUARD.fraction) {
  const accepted: string[] = [];
  let peers: readonly Lease[] = [];
  const due: (() => void)[] = [];
  const after = (_: number, run: () => void) => {
    due.push(run);
    return () => {};
  };
  const clock = { ...systemClock, after };
  const inbox = new LeaseInbox({
    guard: { ...DEFAULT_GUARD, fraction },
    timers: new Timers(clock),
    peers: () => new Set(peers.map(({ key }) => key)),
    accept: (news) => {
      accepted.push(news.type === 'snapshot' ? `snapshot of ${news.leases.length}` : news.type);
      if (news.type === 'snapshot') peers = news.leases;
    },
    onHeld: (would, of) => accepted.push(`held ${would} of ${of}`),
  });
  inbox.put(snapshot([b, c]));
  return { inbox, accepted, pass: () => due.pop()?.() };
}

describe('a snapshot of a store that has forgotten what it told', () => {
  it('is held for a single peer that is missing, and dropped when all are back', () => {
    const { inbox, accepted } = bed();
    inbox.put(snapshot([b], { rewound: true }));
    expect(inbox.holds).toBe(true);
    inbox.put({ type: 'put', lease: c });
    expect([accepted, inbox.holds]).toEqual([['snapshot of 2', 'held 1 of 2', 'snapshot of 2'], false]);
  });

  it('is believed when it has stood for a while', () => {
    const { inbox, accepted, pass } = bed();
    inbox.put(snapshot([b], { rewound: true }));
    pass();
    expect(accepted).toEqual(['snapshot of 2', 'held 1 of 2', 'snapshot of 1']);
  });

  it.each([
    ['where nobody is missing', snapshot([b, c], { rewound: true }), 0.5],
    ['of a store that has forgotten nothing', snapshot([b]), 0.5],
    ['without a guard', snapshot([b], { rewound: true }), 1],
  ])('is believed at once %s', (_, news, fraction) => {
    const { inbox, accepted } = bed(fraction);
    inbox.put(news);
    expect([accepted.length, inbox.holds]).toEqual([2, false]);
  });
});
