import { kinds } from '../kinds/index.js';
import type { Resource } from '../planner/kind.js';
import { printable } from './printable.js';
import { table } from './table.js';

export interface ResourceRow {
  readonly resource: Resource;
  /** Why it is desired, or whose it is. */
  readonly note: string;
}

/** Resources in the order of creation, one per line: key, value, note. */
export function resourcesText(rows: readonly ResourceRow[]): string {
  if (rows.length === 0) return 'None.\n';
  const rank = ({ resource }: ResourceRow): number => kinds.of(resource).rank;
  const sorted = [...rows].sort((a, b) => rank(a) - rank(b));
  return table(
    sorted.map(({ resource, note }) => [
      kinds.key(resource),
      printable(kinds.of(resource).describe(resource)),
      printable(note),
    ]),
  );
}
