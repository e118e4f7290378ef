import { describe, expect, it } from 'vitest';
import type { Image } from '../../src/planner/inverse.js';
import type { Key, Resource } from '../../src/planner/kind.js';
import type { Action } from '../../src/planner/plan.js';
import type { Checkpoint, CheckpointState } from '../../src/reconcile/checkpoint.js';
import { lastStanding, waitingOf } from '../../src/reconcile/rollback-last.js';
import type { HistoryEntry } from '../../src/report/history-entry.js';

const at = (minute: number): string => new Date(Date.UTC(2026, 10, 23, 1, minute)).toISOString();

const checkpoint = (minute: number, state: CheckpointState = 'applied'): Checkpoint => ({
  ...{ format_version: '1.0', kind: 'flan.checkpoint', id: `made-${minute}`, place: 'here', node: 'node-a' },
  ...{ createdAtMs: Date.parse(at(minute)), state, why: 'verified', ownership: { protocol: 70, networks: [] } },
  ...{ network: { nftables: false, backend: { type: 'host-gw', options: {} } }, settings: {} },
});

const entry = (minute: number, by: string, changes: readonly (readonly [Action, string])[]): HistoryEntry => ({
  ...{ at: at(minute), kind: 'apply', by, counts: {}, failed: 0 },
  changes: changes.map(([action, key]) => ({ action, key, reason: '' })),
});

const thing = { kind: 'toy' } as Resource;
const made = (key: string): Image => ({ key: key as Key, after: thing });

interface Written {
  readonly checkpoint: Checkpoint;
  readonly images: readonly Image[];
}

const last = (written: readonly Written[], history: readonly HistoryEntry[]): string =>
  lastStanding({
    all: written.map((one) => one.checkpoint),
    imagesOf: ({ id }) =>
      new Map(written.find((one) => one.checkpoint.id === id)?.images.map((image) => [image.key, image])),
    history,
  }).id;

const first: Written = { checkpoint: checkpoint(10), images: [made('toy/a')] };
const own = entry(10, 'apply', [
  ['create', 'lease/node-a'],
  ['create', 'toy/a'],
]);

describe('the last apply', () => {
  it.each<[string, readonly HistoryEntry[]]>([
    ['nothing is in the history', []],
    ['it is in the history itself', [own]],
    ['others are older', [entry(5, 'apply', [['create', 'toy/z']]), own]],
    ['watch has changed something since', [own, entry(11, 'watch', [['create', 'toy/z']])]],
    ['a rollback has', [own, entry(11, 'rollback of made-9 (asked for)', [['delete', 'toy/z']])]],
    ['a later one has only held the lease', [own, entry(11, 'apply', [['update', 'lease/node-a']])]],
  ])('is the newest that was written down when %s', (_, history) => {
    expect(last([first], history)).toBe('made-10');
  });

  it('is the one before when the newest was rolled back', () => {
    const second: Written = { checkpoint: checkpoint(20, 'rolled-back'), images: [made('toy/b')] };
    const history = [own, entry(20, 'apply', [['create', 'toy/b']])];
    expect(last([first, second], history)).toBe('made-10');
  });

  it.each<[string, HistoryEntry]>([
    ['the last apply', entry(12, 'apply', [['create', 'toy/b']])],
    ['the last destroy', entry(12, 'destroy', [['delete', 'toy/a']])],
    ['the last adopt', entry(12, 'adopt', [['adopt', 'toy/c']])],
  ])('is told and not guessed when %s was not written down', (what, lost) => {
    const call = (): string => last([first], [own, lost]);
    expect(call).toThrow(
      expect.objectContaining({
        code: 'E_CHECKPOINT',
        message: `${what} (2026-11-23T01:12:00Z, 1 change) was not written down; the newest that was is made-10 (2026-11-23T01:10:00Z, 1 change)`,
        hint: expect.stringContaining('flan rollback made-10'),
      }),
    );
  });

  it('counts all of very many changes', () => {
    const many: HistoryEntry = {
      ...{ at: at(12), kind: 'apply', by: 'apply', counts: {}, changes: [], failed: 0 },
      others: { create: Array.from({ length: 130 }, (_, i) => `toy/n${i}`) },
    };
    expect(() => last([first], [own, many])).toThrow(/the last apply \(\S+, 130 changes\)/);
  });

  it('is none when all are rolled back', () => {
    const undone: Written = { checkpoint: checkpoint(10, 'rolled-back'), images: [] };
    expect(() => last([undone], [])).toThrow(/nothing to roll back/);
  });
});

it('of several the newest waits', () => {
  const pending = { ...checkpoint(1, 'pending'), deadlineMs: 1 };
  expect(waitingOf([pending, checkpoint(2)])).toBe(pending);
  expect(waitingOf([checkpoint(2)])).toBeUndefined();
});
