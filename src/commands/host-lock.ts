import { systemClock } from '../reconcile/clock.js';
import { lockHost, type HostLockInput as Place } from '../reconcile/lock.js';
import { lockTimeoutOf } from './apply/choices.js';
import { type Lock, lockWithin } from './checkpoint/lock.js';

export interface HostLockInput extends Place {
  /** `--lock-timeout`. */
  readonly within: string | undefined;
  readonly signal: AbortSignal;
}

/** @throws {FlanError} E_LOCKED when another flan does not finish in time, E_USAGE for a time that is none */
export const lockHostWithin = ({ within, signal, ...input }: HostLockInput): Promise<Lock> =>
  lockWithin({ lock: () => lockHost(input), timeoutMs: lockTimeoutOf(within), clock: systemClock, signal });
