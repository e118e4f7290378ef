import { describe, expect, it } from 'vitest';
import type { LeaseKey } from '../../src/model/lease.js';
import { DEFAULT_GUARD, HeldSnapshot, isMassDeletion } from '../../src/reconcile/guard.js';

const keys = (count: number, from = 0): Set<LeaseKey> =>
  new Set(Array.from({ length: count }, (_, i) => `10.244.${from + i}.0-24` as LeaseKey));

describe('isMassDeletion', () => {
  it.each([
    ['a fresh start', keys(0), keys(5), false],
    ['nothing gone', keys(20), keys(20), false],
    ['half of twenty', keys(20), keys(10), false],
    ['more than half of twenty', keys(20), keys(9), true],
    ['more than half of nine', keys(9), keys(2), false],
    ['all of nine', keys(9), keys(0), true],
    ['all of twenty, others came', keys(20), keys(20, 100), true],
    ['the only peer', keys(1), keys(0), false],
  ])('%s', (_title, had, has, expected) => {
    expect(isMassDeletion(had, has, DEFAULT_GUARD)).toBe(expected);
  });

  it('can be switched off', () => {
    expect(isMassDeletion(keys(20), keys(0), { ...DEFAULT_GUARD, fraction: 1 })).toBe(false);
  });
});

describe('HeldSnapshot', () => {
  it('is kept up to date by the events that follow', () => {
    const lease = (key: string) => ({ key: key as LeaseKey, backendType: 'host-gw' });
    const held = new HeldSnapshot({ leases: [lease('10.244.1.0-24')], rejected: [] });
    held.absorb({ type: 'put', lease: lease('10.244.2.0-24') });
    held.absorb({ type: 'delete', key: '10.244.1.0-24' as LeaseKey });
    expect([...held.keys]).toEqual(['10.244.2.0-24']);
    expect(held.listing.leases).toEqual([lease('10.244.2.0-24')]);
  });
});
