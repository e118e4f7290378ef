import type { Lock } from '../sys/flock.js';
import { type Checkpoint, type Checkpoints, isWaiting } from './checkpoint.js';
import { type Clock, sleep } from './clock.js';
import { type RollbackReport, UNSETTLED } from './rollback.js';

export interface AttendInput {
  readonly checkpoints: Checkpoints;
  readonly id: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** The host's lock, or undefined while another flan has it: an apply that is still at work, or `watch`. */
  readonly tryLock: () => Lock | undefined;
  /** Rolls back if the checkpoint is still in one of these states. The lock is held. */
  readonly rollBack: (why: string, from: typeof UNSETTLED) => Promise<RollbackReport | undefined>;
}

/** How soon a confirmation is noticed: somebody else's timer may end then. */
const LOOK_MS = 500;

/**
 * Waits until a checkpoint is confirmed, or rolls it back when its time is over. Several may attend to one checkpoint:
 * the first that gets the lock does the work, and the others see that it is done.
 * @returns the checkpoint in its final state, and what a rollback by this one came to
 */
export async function attend(
  input: AttendInput,
): Promise<{ readonly checkpoint: Checkpoint; readonly report?: RollbackReport }> {
  const { checkpoints, id, clock, signal, tryLock, rollBack } = input;
  for (;;) {
    const checkpoint = checkpoints.get(id);
    if (!isWaiting(checkpoint)) return { checkpoint };
    const leftMs = leftOf(checkpoint, clock.wallMs());
    if (leftMs > 0) {
      await sleep(clock, Math.min(leftMs, LOOK_MS), signal);
      continue;
    }
    const lock = tryLock();
    if (lock === undefined) {
      await sleep(clock, LOOK_MS, signal);
      continue;
    }
    try {
      // An apply that ended between the look and the lock may have put the deadline off.
      if (leftOf(checkpoints.get(id), clock.wallMs()) > 0) continue;
      const report = await rollBack(whyOf(checkpoint), UNSETTLED);
      if (report !== undefined) return { checkpoint: report.checkpoint, report };
    } finally {
      lock.release();
    }
  }
}

/** A rollback that was begun is due at once. */
const leftOf = ({ state, deadlineMs = 0 }: Checkpoint, nowMs: number): number =>
  state === 'rolling-back' ? 0 : Math.max(0, deadlineMs - nowMs);

const whyOf = ({ state, why }: Checkpoint): string => {
  if (state === 'rolling-back') return why;
  return state === 'applying' ? 'the apply ended early, and its time is over' : 'nobody confirmed it in time';
};
