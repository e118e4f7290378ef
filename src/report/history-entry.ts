import { kinds } from '../kinds/index.js';
import type { Action } from '../planner/plan.js';
import type { AppliedChange, WatchEvent } from '../reconcile/events.js';
import { HISTORY_KINDS, type HistoryKind } from './history-kinds.js';

/** One line of the history: plain data, readable by every later version. */
export type HistoryEntry = { readonly at: string } & HistoryFact;

export type HistoryFact =
  /** Changes that were made because something was asked for; of very many only the first with their reasons. */
  | {
      readonly kind: 'apply';
      /** The command that made them. */
      readonly by: string;
      readonly counts: Readonly<Partial<Record<Action, number>>>;
      readonly changes: readonly AppliedChange[];
      /** The keys of those that are not listed, by what was done. */
      readonly others?: Readonly<Partial<Record<Action, readonly string[]>>>;
      readonly failed: number;
      readonly tookMs?: number;
    }
  /** Somebody else changed what flan had made. `now` is what stood there then, in words. */
  | {
      readonly kind: 'drift';
      readonly key: string;
      readonly what: 'deleted' | 'changed';
      readonly now?: string;
      readonly by?: string;
    }
  | { readonly kind: 'repair'; readonly key: string; readonly tookMs: number }
  | { readonly kind: 'fight'; readonly key: string; readonly times: number; readonly by?: string }
  | {
      readonly kind: 'failure';
      readonly key: string;
      readonly code: string;
      readonly message: string;
      /** Others that failed with it. */
      readonly more: number;
    }
  /** So many more of a kind were not written one by one. */
  | { readonly kind: 'left out'; readonly of: HistoryKind; readonly count: number };

type ApplyFact = Extract<HistoryFact, { kind: 'apply' }>;

export type NotedChange = Pick<AppliedChange, 'action' | 'key' | 'made'>;

/** So many changes of one apply are listed. */
export const LISTED_CHANGES = 500;

interface Applied {
  readonly by: string;
  readonly changes: readonly AppliedChange[];
  readonly failed: number;
  readonly tookMs?: number;
}

export function appliedFact({ by, changes, failed, tookMs }: Applied): HistoryFact {
  const counts: Partial<Record<Action, number>> = {};
  for (const { action } of changes) counts[action] = (counts[action] ?? 0) + 1;
  const others = keysByAction(changes.slice(LISTED_CHANGES));
  const took = tookMs === undefined ? {} : { tookMs: round(tookMs) };
  const listed = changes.slice(0, LISTED_CHANGES);
  return { kind: 'apply', by, counts, changes: listed, ...(others && { others }), failed, ...took };
}

function keysByAction(changes: readonly AppliedChange[]): ApplyFact['others'] {
  if (changes.length === 0) return undefined;
  const actions = [...new Set(changes.map(({ action }) => action))];
  return Object.fromEntries(
    actions.map((action) => [action, changes.filter((change) => change.action === action).map(({ key }) => key)]),
  );
}

/** Every change of an apply; of those that are not listed there is no reason. */
export function changesOf({ changes, others = {} }: Pick<ApplyFact, 'changes' | 'others'>): readonly NotedChange[] {
  const named = Object.entries(others) as [Action, readonly string[]][];
  return [...changes, ...named.flatMap(([action, keys]) => keys.map((key) => ({ action, key })))];
}

/** Whether a fact names the key. */
export const tellsOf = (fact: HistoryFact, key: string): boolean =>
  fact.kind === 'apply' ? changesOf(fact).some((change) => change.key === key) : 'key' in fact && fact.key === key;

/** What of the event stream of `watch` is history; undefined for the rest. Applied changes are told by `appliedFact`. */
export function factOf(event: WatchEvent): HistoryFact | undefined {
  switch (event.type) {
    case 'drift': {
      const { key, what, now, by } = event.drift;
      const words = now === undefined ? {} : { now: kinds.of(now).describe(now) };
      return { kind: 'drift', key, what, ...words, ...(by !== undefined && { by }) };
    }
    case 'healed':
      return { kind: 'repair', key: event.key, tookMs: round(event.tookMs) };
    case 'fight':
      return { kind: 'fight', key: event.key, times: event.times, ...(event.by !== undefined && { by: event.by }) };
    case 'failed': {
      const { key, error, more } = event;
      return { kind: 'failure', key, code: error.code, message: error.message, more };
    }
    default:
      return undefined;
  }
}

/** Tenths of a millisecond. */
const round = (ms: number): number => Math.round(ms * 10) / 10;

/** An entry out of a line; undefined for one that was cut off, or that another version wrote and we do not know. */
export function parseEntry(line: string): HistoryEntry | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const { at, kind } = value as { readonly at?: unknown; readonly kind?: unknown };
  if (typeof at !== 'string' || Number.isNaN(Date.parse(at))) return undefined;
  const isKnown = kind === 'left out' || HISTORY_KINDS.some((known) => known === kind);
  return isKnown && hasMembers(value as HistoryEntry) ? (value as HistoryEntry) : undefined;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const areLists = (value: unknown): boolean => isObject(value) && Object.values(value).every(Array.isArray);

/** What is read of an entry is there. */
function hasMembers(entry: HistoryEntry): boolean {
  switch (entry.kind) {
    case 'apply':
      return Array.isArray(entry.changes) && isObject(entry.counts) && areLists(entry.others ?? {});
    case 'left out':
      return typeof entry.count === 'number';
    default:
      return typeof entry.key === 'string';
  }
}
