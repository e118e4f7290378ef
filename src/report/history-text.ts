import { duration } from './duration-words.js';
import type { HistoryEntry } from './history-entry.js';
import { type Paint, plain, READING_ORDER, VERBS } from './paint.js';
import { guarded, printable } from './printable.js';

/** So many changes of one apply are shown each on its line. */
const LISTED = 10;

const COLOUR: Readonly<Record<HistoryEntry['kind'], keyof Paint>> = {
  apply: 'cyan',
  drift: 'yellow',
  repair: 'green',
  fight: 'red',
  failure: 'red',
  'left out': 'dim',
};

/** What happened, the oldest first: time, kind, words. */
export function historyText(entries: readonly HistoryEntry[], paint: Paint = plain): string {
  const safe = guarded(paint);
  return entries
    .map((entry) => {
      const [first = '', ...below] = historyWords(entry);
      const head = `${safe.dim(entry.at)}  ${safe[COLOUR[entry.kind]](entry.kind.padEnd('left out'.length))}`;
      const indent = ' '.repeat(entry.at.length + 2 + 'left out'.length + 2);
      return [`${head}  ${printable(first)}`, ...below.map((line) => `${indent}${safe.dim(line)}`)].join('\n');
    })
    .map((line) => `${line}\n`)
    .join('');
}

/** The first line, and what stands under it. */
export function historyWords(entry: HistoryEntry): readonly string[] {
  switch (entry.kind) {
    case 'apply': {
      const counts = READING_ORDER.filter((action) => entry.counts[action]).map(
        (action) => `${entry.counts[action]} × ${action}`,
      );
      const took = entry.tookMs === undefined ? '' : ` in ${duration(entry.tookMs)}`;
      const failed = entry.failed > 0 ? [`${entry.failed} failed`] : [];
      const total = Object.values(entry.counts).reduce((sum, count) => sum + count, 0);
      const shown = entry.changes.slice(0, LISTED);
      const more = total > shown.length ? [`… and ${total - shown.length} more`] : [];
      return [
        `${entry.by}: ${[...counts, ...failed].join(', ')}${took}`,
        ...shown.map(({ action, key, reason }) => `${VERBS[action].symbol} ${action} ${key} (${reason})`),
        ...more,
      ];
    }
    case 'drift': {
      const now = entry.now === undefined ? '' : ` to ${entry.now}`;
      return [`${entry.key} was ${entry.what}${now}${byWhom(entry)}`];
    }
    case 'repair':
      return [`${entry.key} in ${duration(entry.tookMs)}`];
    case 'fight':
      return [`${entry.key} was changed back ${entry.times} times${byWhom(entry)}`];
    case 'failure':
      return [`${entry.key}: ${entry.message} (${entry.code})${entry.more > 0 ? ` and ${entry.more} more` : ''}`];
    case 'left out':
      return [`${entry.count} more of ${entry.of} in that second`];
  }
}

const byWhom = ({ by }: { readonly by?: string }): string => (by === undefined ? '' : ` by ${by}`);
