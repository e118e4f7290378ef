import { describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { applyEvents } from '../../src/report/apply-events.js';
import { applyText } from '../../src/report/apply-text.js';
import { change, create, remove, someFile, someLink, someRoute } from './fixtures.js';

const made = create(someRoute());

describe('applyText', () => {
  it('says of each object how it does not read back as applied', () => {
    const left = [
      made,
      remove(someRoute('10.244.3.0/24')),
      change(someRoute('10.244.4.0/24', '192.168.10.66'), someRoute('10.244.4.0/24', '192.168.10.4')),
      change(someFile('A=1\nB=2\n'), someFile('A=1\nB=3\n')),
    ].map((step) => ('fields' in step && step.key.startsWith('file') ? { ...step, fields: ['content'] } : step));
    const text = applyText({ outcomes: [{ step: made, status: 'done' }], left, untried: 0 });
    expect(text.split('\n')).toEqual([
      '  ! route/main/10.244.2.0/24  was created, and is not there',
      '  ! route/main/10.244.3.0/24  was deleted, and is still there',
      '  ! route/main/10.244.4.0/24  does not read back as applied; is → should be: via 192.168.10.66 → 192.168.10.4',
      '  ! file/run/flannel/subnet.env  does not read back as applied; is → should be: - B=2, + B=3',
      'Applied: 1 created; not verified.',
      '',
    ]);
  });

  it('tells a failure once, with its own words', () => {
    const error = new FlanError('E_NETLINK', 'ENETUNREACH');
    const text = applyText({ outcomes: [{ step: made, status: 'failed', error }], left: [made], untried: 0 });
    expect(text).toBe('  ! route/main/10.244.2.0/24  ENETUNREACH\nApplied: nothing changed; 1 failed.\n');
  });

  it('tells once what to do about failures, and which module a device needs', () => {
    const hint = 'Bring the link up first.';
    const down = new FlanError('E_NETLINK', 'ENETDOWN', { hint });
    const other = create(someRoute('10.244.3.0/24'));
    const without = create(someLink());
    const unknown = new FlanError('E_NETLINK', 'ip link add: EOPNOTSUPP: Unknown device type', { hint: 'Look.' });
    const outcomes = [
      { step: made, status: 'failed', error: down },
      { step: other, status: 'failed', error: down },
      { step: without, status: 'failed', error: unknown },
    ] as const;
    expect(applyText({ outcomes, left: [], untried: 0 }).split('\n').slice(3)).toEqual([
      '  hint:  Bring the link up first.',
      '  hint:  Load the kernel module with `modprobe ipip`; where there is none, choose another backend.',
      'Applied: nothing changed; 3 failed.',
      '',
    ]);
  });

  it('names no part that is empty on both sides', () => {
    const ours = someLink();
    const theirs = { ...ours, type: 'other', fixed: { infoKind: 'dummy' } } as const;
    const step = { ...change(theirs, ours), fields: ['fixed'] };
    expect(applyText({ outcomes: [], left: [step], untried: 0 }).split('\n')[0]).toMatch(
      /: remote \(none\) → any, infoKind dummy → \(none\)$|: infoKind dummy → \(none\), remote \(none\) → any$/,
    );
  });

  it('counts what was never tried instead of listing it', () => {
    const text = applyText({ outcomes: [], left: [made, made], untried: 2 });
    expect(text).toBe('Applied: nothing changed; interrupted, 2 not tried.\n');
  });
});

describe('applyEvents', () => {
  it('hold the totals on every line', () => {
    const error = new FlanError('E_NETLINK', 'ENETUNREACH');
    const outcomes = [
      { step: made, status: 'done' },
      { step: made, status: 'failed', error },
      { step: made, status: 'done' },
    ] as const;
    const told = applyEvents(outcomes, { node: 'node-a', done: 4, failed: 1, of: 9 });
    expect(told.map(({ type }) => type)).toEqual(['apply_complete', 'apply_errored', 'apply_complete']);
    expect(told).toMatchObject([
      { done: 5, failed: 1, of: 9, key: made.key, action: 'create' },
      { done: 5, failed: 2, of: 9, status: 'failed', error: { code: 'E_NETLINK', message: 'ENETUNREACH' } },
      { done: 6, failed: 2, of: 9 },
    ]);
  });
});
