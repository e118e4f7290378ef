import { formatDuration } from '../config/duration.js';
import { FlanError } from '../errors.js';
import { type Checkpoint, type Checkpoints, isWaiting } from './checkpoint.js';

/**
 * Keeps what an apply has changed.
 * @returns the checkpoint as it is now
 * @throws {FlanError} E_CONFIRM_EXPIRED when it was rolled back, or is about to be; E_CHECKPOINT when nothing waits
 */
export async function confirm(checkpoints: Checkpoints, { id, why }: { readonly id: string; readonly why: string }) {
  const confirmed = await checkpoints.change(id, { from: ['pending'], to: { state: 'confirmed', why } });
  if (confirmed !== undefined) return confirmed;
  const now = checkpoints.get(id);
  switch (now.state) {
    case 'confirmed':
    case 'applied':
    case 'superseded':
      return now;
    case 'applying':
      throw new FlanError('E_PENDING_CONFIRM', `the apply of checkpoint ${id} has not ended`, {
        hint: 'Wait for it; if it was killed, roll back with `flan rollback`.',
        retry: true,
      });
    default:
      throw expired(now);
  }
}

export const expired = ({ id, why, state }: Checkpoint): FlanError =>
  new FlanError('E_CONFIRM_EXPIRED', `checkpoint ${id} is ${STATE_WORDS[state] ?? state}: ${why}`, {
    hint: 'Apply again, and confirm in time with `flan confirm`.',
  });

const STATE_WORDS: Readonly<Partial<Record<Checkpoint['state'], string>>> = {
  'rolling-back': 'being rolled back',
  'rolled-back': 'rolled back',
  'not-rolled-back': 'not rolled back wholly',
};

/**
 * Of the checkpoints of a host, the oldest first, the one that a confirmation without a name is for.
 * @throws {FlanError} E_CONFIRM_EXPIRED when none waits and the newest was rolled back; E_CHECKPOINT when nothing or
 * more than one waits
 */
export function toConfirm(all: readonly Checkpoint[]): Checkpoint {
  const waiting = all.filter(isWaiting);
  const [only] = waiting;
  if (only !== undefined && waiting.length === 1) return only;
  const newest = all.at(-1);
  const isLate = newest?.deadlineMs !== undefined && newest.state in STATE_WORDS;
  if (only === undefined && isLate) throw expired(newest);
  const which = waiting.map(({ id }) => id).join(', ');
  throw new FlanError('E_CHECKPOINT', only ? `several checkpoints wait: ${which}` : 'nothing waits to be confirmed', {
    hint: only ? 'Name one of them.' : 'See `flan checkpoint ls`.',
  });
}

/** @throws {FlanError} E_PENDING_CONFIRM when an earlier apply still waits */
export function refuseWhileWaiting(checkpoints: Checkpoints, place: string, nowMs: number): void {
  const [first] = checkpoints.waiting(place);
  if (first === undefined) return;
  const leftMs = Math.max(0, (first.deadlineMs ?? nowMs) - nowMs);
  const when = leftMs === 0 ? 'its time is over' : `${formatDuration(Math.ceil(leftMs / 1000) * 1000)} left`;
  throw new FlanError('E_PENDING_CONFIRM', `checkpoint ${first.id} waits to be confirmed, ${when}`, {
    hint: 'Run `flan confirm` or `flan rollback` first; `flan apply --supersede` keeps its changes and goes on.',
    where: checkpoints.folderOf(first.id),
  });
}

/** Keeps the changes of whatever waits: another apply goes on from there. */
export async function supersede(checkpoints: Checkpoints, place: string): Promise<readonly Checkpoint[]> {
  const to = { state: 'superseded', why: 'another apply went on from here' } as const;
  const changed = await Promise.all(
    checkpoints.waiting(place).map(({ id }) => checkpoints.change(id, { from: ['applying', 'pending'], to })),
  );
  return changed.filter((one) => one !== undefined);
}
