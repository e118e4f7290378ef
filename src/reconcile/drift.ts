import { fingerprint } from '../planner/fingerprint.js';
import type { Key, Kinds } from '../planner/kind.js';
import type { Step } from '../planner/plan.js';
import { changesOf, type HistoryEntry, type NotedChange } from '../report/history-entry.js';
import type { AppliedChange } from './events.js';

/** What the history says of one object. */
interface Known {
  /** The last change that flan made to it. */
  readonly made?: NotedChange & { readonly at: string; readonly by: string };
  /** What others did to it after that, where `watch` heard of it. */
  readonly drift?: { readonly at: string; readonly by?: string };
}

export interface DriftInput {
  readonly steps: readonly Step[];
  /** The oldest first. */
  readonly history: readonly HistoryEntry[];
  readonly kinds: Kinds;
}

/**
 * The steps that undo what others did since flan made or removed the object, each with how that is known; the others
 * are there because something else is wanted now. What the history does not tell of counts as wanted.
 */
export function driftOf({ steps, history, kinds }: DriftInput): ReadonlyMap<Key, string> {
  const records = recordsOf(history);
  return new Map(
    steps.flatMap((step): (readonly [Key, string])[] => {
      const record = records.get(step.key);
      const { made, drift } = record ?? {};
      if (made === undefined || !isDrift(step, { made, kinds, heard: drift !== undefined })) return [];
      const since = drift === undefined ? 'since' : `at ${drift.at}${drift.by === undefined ? '' : ` by ${drift.by}`}`;
      return [[step.key, `drift: ${MADE[made.action]} by ${made.by} at ${made.at}, ${BROKEN[step.action]} ${since}`]];
    }),
  );
}

const MADE: Readonly<Record<Step['action'], string>> = {
  ...{ create: 'made', update: 'changed', replace: 'made anew', adopt: 'taken over', delete: 'removed' },
};
const BROKEN: Readonly<Record<Step['action'], string>> = {
  ...{ create: 'gone', update: 'changed', replace: 'changed', adopt: 'replaced', delete: 'back' },
};

interface Judged {
  readonly made: NotedChange;
  readonly kinds: Kinds;
  readonly heard: boolean;
}

function isDrift(step: Step, { made, kinds, heard }: Judged): boolean {
  if (step.action === 'delete') return made.action === 'delete';
  if (made.action === 'delete') return false;
  // Whatever it is to be now: it was there, and flan did not remove it.
  if (step.action === 'create') return true;
  return made.made === undefined ? heard : made.made === madeMark(step, kinds);
}

function recordsOf(history: readonly HistoryEntry[]): ReadonlyMap<string, Known> {
  const records = new Map<string, Known>();
  for (const entry of history) {
    switch (entry.kind) {
      case 'apply':
        for (const change of changesOf(entry)) {
          records.set(change.key, { made: { ...change, at: entry.at, by: entry.by } });
        }
        break;
      case 'drift': {
        const { at, by } = entry;
        records.set(entry.key, { ...records.get(entry.key), drift: { at, ...(by !== undefined && { by }) } });
        break;
      }
      case 'repair': {
        const { made } = records.get(entry.key) ?? {};
        records.set(entry.key, { ...(made && { made }) });
        break;
      }
    }
  }
  return records;
}

/** So much of a fingerprint tells two states of one object apart. */
const MARK_LENGTH = 16;

const madeMark = (step: Step, kinds: Kinds): string | undefined =>
  step.action === 'delete' ? undefined : fingerprint(step.after, kinds).slice(0, MARK_LENGTH);

/** A step that was carried out, for the history; with the mark of what it made where `kinds` are given. */
export function changeMade(step: Step, kinds: Kinds | undefined): AppliedChange {
  const { action, key, reason } = step;
  const made = kinds && madeMark(step, kinds);
  return { action, key, reason, ...(made !== undefined && { made }) };
}
