/** What `flan wireguard …` runs on, imported lazily as src/commands/engine.ts is. */

import { FlanError } from '../../errors.js';
import { type HostLockInput, lockHost } from '../../reconcile/lock.js';
import type { Lock } from '../../sys/flock.js';

export { systemClock } from '../../reconcile/clock.js';
export { handOverKey, rotateKey } from '../../reconcile/rotate-key.js';
export { openSession } from '../session.js';

/** @returns undefined when another flan serves this host */
export function lockIfFree(input: HostLockInput): Lock | undefined {
  try {
    return lockHost(input);
  } catch (error) {
    if (error instanceof FlanError && error.code === 'E_LOCKED') return undefined;
    throw error;
  }
}
