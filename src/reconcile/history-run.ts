import type { Outcome } from '../drivers/driver.js';
import { asFlanError, type FlanError } from '../errors.js';
import { kinds } from '../kinds/index.js';
import { appliedFact, LISTED_CHANGES } from '../report/history-entry.js';
import { changeMade } from './drift.js';
import { appendHistory, type HistoryPlace } from './history-file.js';

export interface NoteRun {
  readonly place: HistoryPlace;
  /** The command, as people type it. */
  readonly by: string;
  readonly outcomes: readonly Outcome[];
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/**
 * Writes down what a command that ends changed; nothing when it changed nothing. What was done is done: that it cannot
 * be written is returned, not thrown.
 */
export async function noteRun({ place, by, outcomes, nowMs }: NoteRun): Promise<FlanError | undefined> {
  if (outcomes.length === 0) return undefined;
  const done = outcomes.filter(({ status }) => status === 'done');
  const failed = outcomes.length - done.length;
  const changes = done.map(({ step }, i) => changeMade(step, i < LISTED_CHANGES ? kinds : undefined));
  const fact = appliedFact({ by, changes, failed });
  try {
    await appendHistory({ place, entries: [{ at: new Date(nowMs).toISOString(), ...fact }] });
    return undefined;
  } catch (cause) {
    return asFlanError(cause);
  }
}
