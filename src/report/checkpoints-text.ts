import { kinds } from '../kinds/index.js';
import type { Image } from '../planner/inverse.js';
import type { Action } from '../planner/plan.js';
import { fieldChanges } from './changes.js';
import { type Paint, plain, VERBS } from './paint.js';
import { guarded, printable } from './printable.js';
import { table } from './table.js';

/** What of a checkpoint is shown. */
export interface CheckpointRow {
  readonly id: string;
  readonly createdAtMs: number;
  readonly state: string;
  readonly why: string;
  readonly deadlineMs?: number;
}

const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');

/** One line each, the newest last. */
export function checkpointsText(rows: readonly CheckpointRow[], unguarded: Paint = plain): string {
  if (rows.length === 0) return 'No checkpoints.\n';
  const paint = guarded(unguarded);
  return table([
    ['ID', 'MADE', 'STATE', 'DEADLINE', 'WHY'].map((head) => paint.bold(head)),
    ...rows.map(({ id, createdAtMs, state, deadlineMs, why }) => [
      ...[id, time(createdAtMs), state],
      state === 'pending' || state === 'applying' ? (deadlineMs === undefined ? '-' : time(deadlineMs)) : '-',
      why,
    ]),
  ]);
}

const actionOf = ({ before, after }: Image): Action =>
  before === undefined ? 'create' : after === undefined ? 'delete' : 'update';

/** In words: what was made, what was removed, or what of it was changed to what. */
function wordsOf({ before, after }: Image): string {
  if (before !== undefined && after !== undefined) return fieldChanges(before, after, kinds.differing(before, after));
  const one = after ?? before;
  return one === undefined ? '' : kinds.of(one).describe(one);
}

/** A checkpoint with what its apply changed, each as it was before and after. */
export function checkpointText(row: CheckpointRow, images: Iterable<Image>, unguarded: Paint = plain): string {
  const paint = guarded(unguarded);
  const all = [...images];
  const width = Math.max(0, ...all.map(({ key }) => key.length));
  const changes = all.map((image) => {
    const action = actionOf(image);
    const { symbol, colour } = VERBS[action];
    const words = printable(wordsOf(image));
    const space = words === '' ? '' : ' '.repeat(width - image.key.length + 2);
    return `  ${paint[colour](`${symbol} ${action}`)} ${paint.bold(image.key)}${space}${words}`;
  });
  const deadline = row.deadlineMs === undefined ? '' : `, deadline ${time(row.deadlineMs)}`;
  const head = `${paint.bold(row.id)}  made ${time(row.createdAtMs)}: ${row.state} (${row.why})${deadline}`;
  return `${[head, ...changes, changes.length === 0 ? '  Nothing was changed.' : ''].filter((line) => line !== '').join('\n')}\n`;
}
