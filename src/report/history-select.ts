import type { HistoryEntry } from './history-entry.js';
import type { HistoryKind } from './history-kinds.js';

export interface HistorySelection {
  /** Milliseconds since 1970. */
  readonly sinceMs?: number | undefined;
  /** All when absent or empty. */
  readonly kinds?: readonly HistoryKind[] | undefined;
  /** The newest so many; 0 for all. */
  readonly last: number;
}

/** What was left out of a kind goes with the kind. */
export function selectHistory(
  entries: readonly HistoryEntry[],
  { sinceMs = Number.NEGATIVE_INFINITY, kinds = [], last }: HistorySelection,
): readonly HistoryEntry[] {
  const isWanted = (entry: HistoryEntry): boolean =>
    Date.parse(entry.at) >= sinceMs &&
    (kinds.length === 0 || kinds.includes(entry.kind === 'left out' ? entry.of : entry.kind));
  const found = entries.filter(isWanted);
  return last === 0 ? found : found.slice(-last);
}
