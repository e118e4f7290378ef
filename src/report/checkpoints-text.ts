import type { Image } from '../planner/inverse.js';
import type { Action } from '../planner/plan.js';
import { type Paint, plain, VERBS } from './paint.js';
import { guarded } from './printable.js';
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

/** A checkpoint with what its apply changed. */
export function checkpointText(row: CheckpointRow, images: Iterable<Image>, unguarded: Paint = plain): string {
  const paint = guarded(unguarded);
  const changes = [...images].map((image) => {
    const action = actionOf(image);
    const { symbol, colour } = VERBS[action];
    return `  ${paint[colour](`${symbol} ${action}`)} ${paint.bold(image.key)}`;
  });
  const deadline = row.deadlineMs === undefined ? '' : `, deadline ${time(row.deadlineMs)}`;
  const head = `${paint.bold(row.id)}  made ${time(row.createdAtMs)}: ${row.state} (${row.why})${deadline}`;
  return `${[head, ...changes, changes.length === 0 ? '  Nothing was changed.' : ''].filter((line) => line !== '').join('\n')}\n`;
}
