import { type Key, type Kinds, type Ownership, type Resource, sameValue } from './kind.js';
import { type Observed, plan, type Step, type Wanted } from './plan.js';

/** What stood on a key before a step, and what the step puts there; absent for nothing. */
export interface Image {
  readonly key: Key;
  readonly before?: Resource;
  readonly after?: Resource;
}

/**
 * Takes the images of steps before they are carried out: each thing as it was and as it will be, and what goes down with
 * something that is replaced or deleted, whoever put it there.
 */
export function imager({ observed, kinds }: { readonly observed: Observed; readonly kinds: Kinds }) {
  let children: ReadonlyMap<Key, readonly Key[]> | undefined;
  const takenAlong = (gone: Key, found: Map<Key, Image>): void => {
    children ??= childrenOf(observed, kinds);
    for (const key of children.get(gone) ?? []) {
      if (found.has(key)) continue;
      found.set(key, imageOf(key, observed.get(key), undefined));
      takenAlong(key, found);
    }
  };
  return (steps: readonly Step[]): readonly Image[] => {
    const found = new Map<Key, Image>();
    for (const step of steps) {
      const before = step.action === 'create' ? observed.get(step.key) : step.before;
      found.set(step.key, imageOf(step.key, before, step.action === 'delete' ? undefined : step.after));
    }
    for (const { action, key } of steps) if (action === 'replace' || action === 'delete') takenAlong(key, found);
    return [...found.values()];
  };
}

/** What is not ours and goes down with what the steps replace or delete: nobody makes it again. */
export function takenAlong(
  steps: readonly Step[],
  { observed, kinds, ownership }: Omit<UndoInput, 'images'>,
): readonly Key[] {
  if (!steps.some(({ action }) => action === 'replace' || action === 'delete')) return [];
  const planned = new Set(steps.map(({ key }) => key));
  return imager({ observed, kinds })(steps).flatMap(({ key, before }) =>
    planned.has(key) || before === undefined || kinds.of(before).owns(before, ownership) ? [] : [key],
  );
}

const imageOf = (key: Key, before: Resource | undefined, after: Resource | undefined): Image => ({
  key,
  ...(before !== undefined && { before }),
  ...(after !== undefined && { after }),
});

function childrenOf(observed: Observed, kinds: Kinds): ReadonlyMap<Key, readonly Key[]> {
  const children = new Map<Key, Key[]>();
  for (const [key, resource] of observed) {
    for (const need of kinds.of(resource).needs(resource)) {
      const list = children.get(need);
      if (list === undefined) children.set(need, [key]);
      else list.push(key);
    }
  }
  return children;
}

/** One image per key: the oldest state before, the newest after. */
export function mergedImages(images: Iterable<Image>): ReadonlyMap<Key, Image> {
  const merged = new Map<Key, Image>();
  for (const image of images) {
    const first = merged.get(image.key);
    if (first === undefined) {
      merged.set(image.key, image);
      continue;
    }
    // What went down with another thing was put back by a step of its own, earlier or later.
    merged.set(image.key, imageOf(image.key, first.before, image.after ?? first.after));
  }
  return merged;
}

export interface UndoInput {
  readonly images: ReadonlyMap<Key, Image>;
  /** What stands on those keys now. */
  readonly observed: Observed;
  readonly kinds: Kinds;
  readonly ownership: Ownership;
}

export interface Undo {
  /** What brings back the state before, in order. Empty when all is as it was. */
  readonly steps: readonly Step[];
  /** Keys that somebody else has put something on since: theirs is left alone. */
  readonly moved: readonly Key[];
}

/**
 * The way back: from whatever part of the changes has happened to what was there before them. For all plans
 * (test/planner/inverse.test.ts): after any number of their steps, carrying this out restores the state before.
 */
export function undo({ images, observed, kinds, ownership }: UndoInput): Undo {
  const isMoved = ({ key, before, after }: Image): boolean => {
    const now = observed.get(key);
    if (now === undefined || kinds.of(now).owns(now, ownership)) return false;
    const fits = (wanted: Resource | undefined): boolean =>
      wanted !== undefined && kinds.differing(now, wanted).length === 0;
    return !sameValue(now, before) && !fits(before) && !fits(after);
  };
  const moved = new Set<Key>();
  const desired = new Map<Key, Wanted>();
  const keys: Key[] = [];
  for (const [key, image] of images) {
    if (isMoved(image)) {
      moved.add(key);
      continue;
    }
    keys.push(key);
    if (image.before !== undefined) desired.set(key, { resource: image.before, because: 'so it was before' });
  }
  const { steps } = plan({
    ...{ desired, observed, kinds, ownership, keys },
    // Written by the apply that is undone, whatever mark it carries.
    written: images,
    whyGone: () => 'it was not there before',
  });
  // Nor is anything put on what is theirs.
  const isOnTheirs = (step: Step): boolean => step.action !== 'delete' && step.needs.some((need) => moved.has(need));
  const theirs = steps.filter(isOnTheirs).map(({ key }) => key);
  return { steps: steps.filter((step) => !isOnTheirs(step)), moved: [...moved, ...theirs] };
}
