import type { Settings } from '../config/settings.js';
import { FlanError } from '../errors.js';
import { sleep, systemClock } from '../reconcile/clock.js';
import type { Session } from '../reconcile/session.js';
import { statusDocument } from '../reconcile/status.js';
import { failedLook, type Looked, takeLook } from '../reconcile/status-look.js';
import type { StatusDocument } from '../report/status-document.js';
import { identityFrom } from './identity-from.js';
import { openSession } from './session.js';

export { statusText } from '../report/status-text.js';

export interface StatusSource {
  now(signal: AbortSignal): Promise<StatusDocument>;
  close(): Promise<void>;
}

/** A store that does not answer in this time is away. */
const LOOK_TIMEOUT_MS = 10_000;
const POLL_MS = 500;

/** What cannot be asked, or opened, is part of the answer and asked again the next time. */
export function openStatus(settings: Settings): StatusSource {
  const { node } = identityFrom(settings);
  let session: Session | undefined;
  const look = async (signal: AbortSignal): Promise<Looked> => {
    const late = AbortSignal.timeout(LOOK_TIMEOUT_MS);
    const either = AbortSignal.any([signal, late]);
    try {
      session ??= await openSession(settings, either);
      return await takeLook(session, either);
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      // What a session learned when it was opened, of a cloud for example, may be what failed.
      await session?.close();
      session = undefined;
      return failedLook(late.aborted ? tooLate() : cause);
    }
  };
  return {
    now: async (signal) =>
      statusDocument({ place: settings, node, looked: await look(signal), nowMs: systemClock.wallMs() }),
    close: async () => session?.close(),
  };
}

const tooLate = (): FlanError =>
  new FlanError('E_STORE_UNREACHABLE', `the store gave no answer within ${LOOK_TIMEOUT_MS / 1000} s`, { retry: true });

export interface WaitInput {
  readonly source: StatusSource;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Looks again and again until all is in order. @throws {FlanError} E_TIMEOUT naming what is not */
export async function waitForOrder({ source, timeoutMs, signal }: WaitInput): Promise<StatusDocument> {
  const endMs = systemClock.nowMs() + timeoutMs;
  for (;;) {
    const found = await source.now(signal);
    if (found.state === 'in order') return found;
    const leftMs = endMs - systemClock.nowMs();
    if (leftMs <= 0) {
      throw new FlanError('E_TIMEOUT', `not in order in time: ${found.problems.join('; ')}`, {
        hint: 'Look at it with `flan status`, or wait longer with --timeout.',
        retry: true,
      });
    }
    await sleep(systemClock, Math.min(POLL_MS, leftMs), signal);
  }
}
