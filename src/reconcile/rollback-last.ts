import { FlanError } from '../errors.js';
import { isLeaseChange } from '../kinds/lease.js';
import type { Image } from '../planner/inverse.js';
import type { Key } from '../planner/kind.js';
import { changesOf, type HistoryEntry } from '../report/history-entry.js';
import { type Checkpoint, isWaiting } from './checkpoint.js';
import { isByRollback } from './rollback.js';

export interface LastInput {
  /** Of this host, the oldest first. */
  readonly all: readonly Checkpoint[];
  readonly imagesOf: (checkpoint: Checkpoint) => ReadonlyMap<Key, Image>;
  /** The oldest first. */
  readonly history: readonly HistoryEntry[];
}

/** The one that waits to be confirmed; undefined when none does. */
export const waitingOf = (all: readonly Checkpoint[]): Checkpoint | undefined => all.filter(isWaiting).at(-1);

/**
 * The last apply that still stands. Nobody who says "last" means one before it: when a command has changed something
 * since that no checkpoint holds, none is chosen.
 * @throws {FlanError} E_CHECKPOINT
 */
export function lastStanding({ all, imagesOf, history }: LastInput): Checkpoint {
  const last = all.filter(({ state }) => state !== 'rolled-back').at(-1);
  if (last === undefined) {
    throw new FlanError('E_CHECKPOINT', 'there is nothing to roll back', { hint: WRITTEN });
  }
  const since = history.filter((entry) => Date.parse(entry.at) >= last.createdAtMs);
  const isWritten = (entry: Applied): boolean => all.toReversed().some((one) => holds(imagesOf(one), entry));
  const lost = since.filter(isByCommand).findLast((entry) => !isWritten(entry));
  if (lost === undefined) return last;
  const { id, createdAtMs } = last;
  const what = `the last ${lost.by} (${told(lost.at, changesOf(lost).length)}) was not written down`;
  const newest = `the newest that was is ${id} (${told(createdAtMs, imagesOf(last).size)})`;
  throw new FlanError('E_CHECKPOINT', `${what}; ${newest}`, {
    hint: `Run \`flan rollback ${id}\` if it is that one that you mean. ${WRITTEN}`,
  });
}

const WRITTEN = 'See `flan checkpoint ls`. An apply of 100 changes or more writes one with --atomic or --confirm only.';

type Applied = Extract<HistoryEntry, { kind: 'apply' }>;

const isByCommand = (entry: HistoryEntry): entry is Applied =>
  entry.kind === 'apply' && entry.by !== 'watch' && !isByRollback(entry.by);

/** The lease is held before a checkpoint is made, and is in none. */
const holds = (images: ReadonlyMap<Key, Image>, entry: Applied): boolean =>
  changesOf(entry).every(({ key, action }) => {
    if (isLeaseChange({ key: key as Key })) return true;
    const image = images.get(key as Key);
    return image !== undefined && (image.after === undefined) === (action === 'delete');
  });

function told(at: string | number, count: number): string {
  const time = new Date(at).toISOString().replace(/\.\d+Z$/, 'Z');
  return `${time}, ${count} ${count === 1 ? 'change' : 'changes'}`;
}
