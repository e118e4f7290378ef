import type { ExplainedObject, Since } from './explain-document.js';
import { type HistoryEntry, tellsOf } from './history-entry.js';
import { historyWords } from './history-text.js';

/** What the history knows of one object: when flan wrote it the last time, and who else changed it. */
export function pastOf(key: string, history: readonly HistoryEntry[]): Pick<ExplainedObject, 'since' | 'drift'> {
  const since = history.reduce<Since | undefined>((last, entry) => writtenBy(entry, key) ?? last, undefined);
  const drifts = history.filter((entry) => entry.kind === 'drift' && entry.key === key);
  const last = drifts.at(-1);
  return {
    ...(since && { since }),
    ...(last && { drift: { times: drifts.length, last: { at: last.at, words: historyWords(last)[0] ?? '' } } }),
  };
}

function writtenBy(entry: HistoryEntry, key: string): Since | undefined {
  const { at } = entry;
  if (entry.kind !== 'apply' && entry.kind !== 'repair') return undefined;
  if (!tellsOf(entry, key)) return undefined;
  return { at, by: entry.kind === 'apply' ? entry.by : 'a repair of watch' };
}
