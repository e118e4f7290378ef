import type { Settings } from '../../config/settings.js';
import type { Session } from '../../reconcile/session.js';
import {
  announce,
  attend,
  Checkpoints,
  isWaiting,
  placeOf,
  rollBack,
  rollbackWords,
  systemClock,
} from '../checkpoint/engine.js';
import type { Telemetry } from './telemetry.js';

export interface PendingInput {
  readonly settings: Settings;
  readonly session: Session;
  readonly signal: AbortSignal;
  readonly telemetry: Pick<Telemetry, 'tell'>;
}

/**
 * Before anything is changed: what an apply left to be confirmed is waited for, and rolled back when time is over, as
 * its own timer may be gone. The lock is held. @throws the signal's reason
 */
export async function settlePending({ settings, session, signal, telemetry }: PendingInput): Promise<void> {
  const { runtimeDir, netns } = settings;
  const checkpoints = new Checkpoints(runtimeDir);
  const place = placeOf({ netns, network: session.network });
  const clock = systemClock;
  for (const { id } of checkpoints.waiting(place)) {
    const owner = { by: 'watch', pid: process.pid } as const;
    const taken = await checkpoints.change(id, { from: ['applying', 'pending'], to: { owner } });
    if (taken !== undefined && isWaiting(taken)) {
      telemetry.tell({ type: 'pending-confirm', checkpoint: id, deadlineMs: taken.deadlineMs ?? 0 });
    }
    const { checkpoint, report } = await attend({
      ...{ checkpoints, id, clock, signal },
      tryLock: () => ({ release: () => undefined }),
      rollBack: (why, from) => {
        const never = new AbortController().signal;
        const nowMs = clock.wallMs();
        return rollBack({ ...{ checkpoints, id, why, runtimeDir, session, signal: never, nowMs }, hold: 'yes' }, from);
      },
    });
    if (report === undefined) {
      telemetry.tell({ type: 'resumed', why: `checkpoint ${id} is ${checkpoint.state}` });
      continue;
    }
    const { outcomes, left } = report;
    const undone = outcomes.filter(({ status }) => status === 'done').length;
    telemetry.tell({ type: 'rolled-back', checkpoint: id, why: checkpoint.why, undone, left: left.length });
    await announce(rollbackWords(report));
  }
}
