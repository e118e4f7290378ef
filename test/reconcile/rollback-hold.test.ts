import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Image } from '../../src/planner/inverse.js';
import type { Key, Resource } from '../../src/planner/kind.js';
import type { Step } from '../../src/planner/plan.js';
import {
  addToHold,
  endHold,
  type HoldKeeper,
  holdKeeper,
  listHolds,
  readHold,
} from '../../src/reconcile/rollback-hold.js';
import { type Toy, toyKinds } from '../support/toy-kind.js';

const toy = (name: string, colour: string): Toy => ({ kind: 'toy', name, colour, shape: 'round', mine: true });
const image = (before: Toy | undefined, after: Toy | undefined): Image => ({
  key: `toy/${(after ?? before)?.name}` as Key,
  ...(before && { before: before as Resource }),
  ...(after && { after: after as Resource }),
});
const make = (after: Toy): Step => ({
  action: 'create',
  key: `toy/${after.name}` as Key,
  after,
  needs: [],
  reason: '',
});
const remove = (before: Toy): Step => ({
  ...{ action: 'delete', key: `toy/${before.name}` as Key, before },
  ...{ needs: [], reason: '' },
});

let runtimeDir: string;
const place = 'here';
const keepers: HoldKeeper[] = [];
beforeEach(() => {
  runtimeDir = mkdtempSync(join(tmpdir(), 'flan-hold-'));
});
afterEach(() => {
  for (const keeper of keepers.splice(0)) keeper.close();
  rmSync(runtimeDir, { recursive: true, force: true });
});

function keeper() {
  const told: string[] = [];
  const made = holdKeeper({
    ...{ runtimeDir, place, kinds: toyKinds },
    onHeld: ({ checkpoint }, keys) => told.push(`${checkpoint}: ${keys}`),
    onChange: () => told.push('changed'),
  });
  keepers.push(made);
  return { made, told };
}

const rolledBack = (checkpoint: string, ...images: readonly Image[]): void =>
  addToHold({ runtimeDir, place }, checkpoint, images, Date.now());

describe('a hold', () => {
  it('keeps what was made, changed and deleted from being so again, and nothing else', () => {
    rolledBack(
      'c1',
      image(undefined, toy('a', 'red')),
      image(toy('b', 'red'), toy('b', 'blue')),
      image(toy('c', 'red'), undefined),
    );
    const { made, told } = keeper();
    const steps = [make(toy('a', 'red')), make(toy('b', 'blue')), remove(toy('c', 'red')), make(toy('d', 'red'))];
    expect(made.allowed(steps).map(({ key }) => key)).toEqual(['toy/d']);
    expect(made.allowed(steps).map(({ key }) => key)).toEqual(['toy/d']);
    expect(told).toEqual(['c1: 3']);
  });

  it('lets a key go that is wanted otherwise, for good', () => {
    rolledBack('c1', image(undefined, toy('a', 'red')), image(undefined, toy('b', 'red')));
    const { made } = keeper();
    expect(made.allowed([make(toy('a', 'green'))])).toHaveLength(1);
    expect(made.allowed([make(toy('a', 'red'))])).toHaveLength(1);
    expect(made.allowed([make(toy('b', 'red'))])).toEqual([]);
    // Another process is told the same.
    expect(Object.keys(readHold({ runtimeDir, place })?.keys ?? {})).toEqual(['toy/b']);
    expect(made.allowed([remove(toy('b', 'red'))])).toHaveLength(1);
    expect(readHold({ runtimeDir, place })).toBeUndefined();
  });

  it('adds up over rollbacks, and is of one place', () => {
    rolledBack('c1', image(undefined, toy('a', 'red')));
    rolledBack('c2', image(undefined, toy('b', 'red')));
    addToHold({ runtimeDir, place: 'elsewhere' }, 'c3', [image(undefined, toy('c', 'red'))], 1);
    const { made, told } = keeper();
    const steps = [make(toy('a', 'red')), make(toy('b', 'red')), make(toy('c', 'red'))];
    expect(made.allowed(steps).map(({ key }) => key)).toEqual(['toy/c']);
    expect(told).toEqual(['c2: 2']);
    expect(
      listHolds(runtimeDir)
        .map((hold) => hold.place)
        .sort(),
    ).toEqual(['elsewhere', 'here']);
    expect(statSync(join(runtimeDir, 'holds')).mode & 0o777).toBe(0o700);
  });

  it('ends when somebody else ends it, and begins when somebody else begins it', async () => {
    rolledBack('c1', image(undefined, toy('a', 'red')));
    const { made, told } = keeper();
    expect(made.allowed([make(toy('a', 'red'))])).toEqual([]);
    const untilTold = async (count: number): Promise<void> => {
      while (told.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
    };
    expect(endHold({ runtimeDir, place })?.checkpoint).toBe('c1');
    await untilTold(2);
    expect(made.allowed([make(toy('a', 'red'))])).toHaveLength(1);
    rolledBack('c2', image(undefined, toy('a', 'red')));
    await untilTold(3);
    expect(made.allowed([make(toy('a', 'red'))])).toEqual([]);
    expect(told).toEqual(['c1: 1', 'changed', 'changed', 'c2: 1']);
  });

  it('holds nothing where nothing was rolled back', () => {
    const { made, told } = keeper();
    expect(made.allowed([make(toy('a', 'red'))])).toHaveLength(1);
    expect(told).toEqual([]);
    expect(endHold({ runtimeDir, place })).toBeUndefined();
  });
});
