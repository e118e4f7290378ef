import { describe, expect, it } from 'vitest';
import { plan, type Step } from '../../src/planner/plan.js';
import { changeMade, driftOf } from '../../src/reconcile/drift.js';
import { appliedFact, type HistoryEntry, LISTED_CHANGES, parseEntry } from '../../src/report/history-entry.js';
import { toyKinds as kinds, nobody, seen, type Toy, wanted } from '../support/toy-kind.js';

const toy = (name: string, colour = 'red'): Toy => ({ kind: 'toy', name, colour, shape: 'round', mine: true });
const stepsFor = (want: readonly Toy[], have: readonly Toy[]): readonly Step[] =>
  plan({ desired: wanted(want), observed: seen(have), kinds, ownership: nobody }).steps;

let minute = 0;
/** As it comes out of the file. */
function entryOf(fact: object): HistoryEntry {
  const at = new Date(Date.UTC(2026, 10, 23, 1, minute++)).toISOString();
  const entry = parseEntry(JSON.stringify({ at, ...fact }));
  if (entry === undefined) throw new Error('not an entry');
  return entry;
}
const applied = (steps: readonly Step[]): HistoryEntry => {
  const changes = steps.map((step, i) => changeMade(step, i < LISTED_CHANGES ? kinds : undefined));
  return entryOf(appliedFact({ by: 'watch', changes, failed: 0 }));
};
const drifts = (want: readonly Toy[], have: readonly Toy[], history: readonly HistoryEntry[]): readonly string[] => [
  ...driftOf({ steps: stepsFor(want, have), history, kinds }).keys(),
];

describe('drift', () => {
  const [a, b] = [toy('a'), toy('b')];
  const made = applied(stepsFor([a, b], []));

  it('is what is gone, changed or back since flan did it', () => {
    expect(drifts([a, b], [b], [made])).toEqual(['toy/a']);
    expect(drifts([a, b], [toy('a', 'blue'), b], [made])).toEqual(['toy/a']);
    expect(drifts([b], [a, b], [made, applied(stepsFor([b], [a, b]))])).toEqual(['toy/a']);
  });

  it('is not what is wanted otherwise now, nor what nothing is known of', () => {
    expect(drifts([toy('a', 'blue'), b], [a, b], [made])).toEqual([]);
    expect(drifts([b], [a, b], [made])).toEqual([]);
    expect(drifts([a], [], [])).toEqual([]);
  });

  it('is told also of the last of very many that were made at once', () => {
    const all = Array.from({ length: LISTED_CHANGES + 7 }, (_, n) => toy(`t${String(n).padStart(4, '0')}`));
    const many = applied(stepsFor(all, []));
    const last = all.at(-1) as Toy;
    expect(drifts(all, all.slice(0, -1), [many])).toEqual([kinds.key(last)]);
    const blue = [...all.slice(0, -1), { ...last, colour: 'blue' }];
    // Whether it is the same as then was not written down: only watch can have seen it change.
    expect(drifts(all, blue, [many])).toEqual([]);
    const heard = entryOf({ kind: 'drift', key: kinds.key(last), what: 'changed' });
    expect(drifts(all, blue, [many, heard])).toEqual([kinds.key(last)]);
    expect(drifts(all.slice(1), all, [many, applied(stepsFor([], all)), heard])).toEqual([kinds.key(all[0] as Toy)]);
  });
});

it('an entry whose keys are not lists is none', () => {
  const fact = appliedFact({ by: 'apply', changes: [], failed: 0 });
  expect(parseEntry(JSON.stringify({ at: '2026-11-23T01:00:00Z', ...fact, others: { create: 3 } }))).toBeUndefined();
});
