/** What the commands about checkpoints run on; loaded when one of them is. */
import type { Settings } from '../../config/settings.js';
import { networksOf } from '../../model/network.js';
import type { Checkpoint } from '../../reconcile/checkpoint.js';
import { lockHost } from '../../reconcile/lock.js';
import { type Lock, orUndefined } from './lock.js';

export { Checkpoints, isIn, isWaiting, placeOf } from '../../reconcile/checkpoint.js';
export { sleep, systemClock } from '../../reconcile/clock.js';
export { confirm, expired, refuseWhileWaiting, supersede, toConfirm } from '../../reconcile/confirm.js';
export { announce, rollbackWords } from '../../reconcile/confirm-announce.js';
export { applySafely } from '../../reconcile/confirm-apply.js';
export { attend } from '../../reconcile/confirm-timer.js';
export { readHistory } from '../../reconcile/history-file.js';
export { previewRollback, rollBack } from '../../reconcile/rollback.js';
export { endHold, listHolds } from '../../reconcile/rollback-hold.js';
export { lastStanding, waitingOf } from '../../reconcile/rollback-last.js';
export { applyText } from '../../report/apply-text.js';
export { checkpointsText, checkpointText } from '../../report/checkpoints-text.js';
export { changesText } from '../../report/text.js';
export { writeFileAtomic } from '../../sys/atomic-file.js';
export { arm } from './arm.js';
export { openRecorded, recordedNetwork, recordedSettings, withheldFromStore, withheldOptions } from './recorded.js';

/** The lock of the host that a checkpoint is about. @throws {FlanError} E_LOCKED while another flan has it */
export function lockOf({ settings, network }: Checkpoint, holder = 'flan rollback'): Lock {
  const { runtimeDir, netns } = settings as unknown as Settings;
  return lockHost({ runtimeDir, netns, networks: networksOf(network), holder });
}

/** The same, or undefined. */
export const lockForRollback = (checkpoint: Checkpoint, holder: string): Lock | undefined =>
  orUndefined(() => lockOf(checkpoint, holder));
