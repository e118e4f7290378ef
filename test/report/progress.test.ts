import { expect, it } from 'vitest';
import { checkpointsText, checkpointText } from '../../src/report/checkpoints-text.js';
import { progressLine } from '../../src/report/progress.js';
import { someRoute } from './fixtures.js';

const base = { done: 12, failed: 0, of: 340, tookMs: 1000, key: 'route/main/10.244.3.0/24' };

it.each([
  [base, '[ 12/340] 12/s, 28 s left  route/main/10.244.3.0/24'],
  [{ ...base, done: 340, tookMs: 170_000 }, '[340/340] 2.0/s  route/main/10.244.3.0/24'],
  [{ ...base, failed: 2, tookMs: 12_000 }, '[ 12/340] 1.0/s, 5 min 28 s left, 2 failed  route/main/10.244.3.0/24'],
  [{ ...base, done: 0, tookMs: 0, key: 'a\x1b[31mb\n' }, '[  0/340] 0.0/s  a\\u{1b}[31mb\\u{a}'],
])('a line of progress %#', (progress, line) => expect(progressLine(progress, 200)).toBe(line));

it('a line of progress never wraps', () => {
  for (const columns of [1, 10, 40, 80]) expect(progressLine(base, columns).length).toBeLessThan(columns);
});

const row = { id: '20261123T012345678-ab12', createdAtMs: 0, state: 'applied', why: 'verified' };

it('checkpoints are a table, one line each', () => {
  expect(checkpointsText([])).toBe('No checkpoints.\n');
  expect(checkpointsText([row, { ...row, state: 'pending', why: 'waits', deadlineMs: 60_000 }])).toBe(
    [
      '  ID                       MADE                  STATE    DEADLINE              WHY',
      '  20261123T012345678-ab12  1970-01-01T00:00:00Z  applied  -                     verified',
      '  20261123T012345678-ab12  1970-01-01T00:00:00Z  pending  1970-01-01T00:01:00Z  waits',
      '',
    ].join('\n'),
  );
});

it('a checkpoint lists what its apply changed', () => {
  const [key, other] = ['route/main/10.244.2.0/24' as never, 'link/x' as never];
  const [before, after] = [someRoute(), someRoute('10.244.2.0/24', '192.168.10.9')];
  const images = [
    { key, after },
    { key, before },
    { key, before, after },
    { key: other, before, after: before },
  ];
  expect(checkpointText(row, images)).toBe(
    `${row.id}  made 1970-01-01T00:00:00Z: applied (verified)
  + create route/main/10.244.2.0/24  via 192.168.10.9 dev eth0
  - delete route/main/10.244.2.0/24  via 192.168.10.2 dev eth0
  ~ update route/main/10.244.2.0/24  via 192.168.10.2 → 192.168.10.9
  ~ update link/x
`,
  );
  expect(checkpointText({ ...row, deadlineMs: 0 }, [])).toBe(
    `${row.id}  made 1970-01-01T00:00:00Z: applied (verified), deadline 1970-01-01T00:00:00Z\n  Nothing was changed.\n`,
  );
});
