import type { Settings } from '../../config/settings.js';
import { FlanError } from '../../errors.js';
import { networksOf } from '../../model/network.js';
import type { Warning } from '../../model/warning.js';
import type { Preview } from '../../reconcile/compute.js';
import type { SafeApplyReport } from '../../reconcile/confirm-apply.js';
import { narrowed } from '../../reconcile/narrow.js';
import type { ApplyOnceInput } from '../../reconcile/once.js';
import { parseProbe } from '../../reconcile/probes.js';
import { isRisk, refuseMassDelete, refuseProtected } from '../../reconcile/risk.js';
import * as engine from '../checkpoint/engine.js';
import { type Lock, lockWithin } from '../checkpoint/lock.js';
import { lockHost } from '../engine.js';
import { confirmationOf, lockTimeoutOf, targetsOf, verifyTimeoutOf } from './choices.js';
import { guardOf, withRisks } from './contacts.js';
import type { SafetyFlags, TargetFlags } from './flags.js';

export interface SafelyInput extends Omit<ApplyOnceInput, 'approve'> {
  readonly settings: Settings;
  readonly flags: SafetyFlags & { readonly yes: boolean };
  /** Shown the plan; asked unless --yes says it all. `risks` says what is to be agreed to beside the plan. */
  readonly approve: (preview: Preview, risks: readonly Warning[]) => Promise<'yes' | 'no'>;
  /** One line for people. */
  readonly note: (line: string) => void;
}

/** Fewer changes than this are undone when one fails, unless the flag says otherwise. */
const ATOMIC_BELOW = 100;

/** @throws {FlanError} E_LOCKED when another flan does not finish in time */
export function lockFor({
  settings,
  session,
  flags,
  signal,
}: Pick<SafelyInput, 'settings' | 'session' | 'flags' | 'signal'>) {
  const clock = engine.systemClock;
  const lock = (): Lock => lockHost({ ...settings, networks: networksOf(session.network), holder: 'flan apply' });
  return lockWithin({ lock, timeoutMs: lockTimeoutOf(flags['lock-timeout']), clock, signal });
}

/** The part that the flags ask for, with what it risks. */
export const inPart = (preview: Preview, flags: TargetFlags): Preview => narrowed(preview, targetsOf(flags));

/**
 * Applies as the flags say. The lock is held.
 * @throws {FlanError} E_USAGE, E_PENDING_CONFIRM, E_PROTECTED, E_MASS_DELETE, E_RISK with nothing changed
 */
export async function applySafely(input: SafelyInput): Promise<SafeApplyReport> {
  const { settings, session, flags, note, signal } = input;
  const { runtimeDir, netns } = settings;
  const { revise = (preview: Preview) => preview } = input;
  const targets = targetsOf(flags);
  const confirmation = confirmationOf(flags.confirm);
  const askedMs = verifyTimeoutOf(flags['verify-timeout']);
  // Well before the deadline: what is found wrong is undone by us, with the reason.
  const verifyMs = confirmation.by === 'people' ? Math.min(askedMs, confirmation.withinMs / 2) : askedMs;
  const given = (flags.probe ?? []).map(parseProbe);
  const probes = confirmation.by === 'probes' && given.length === 0 ? ['store', 'gateway'].map(parseProbe) : given;
  const clock = engine.systemClock;
  const checkpoints = new engine.Checkpoints(runtimeDir);
  const place = engine.placeOf({ netns, network: session.network });
  if (flags.supersede) {
    for (const { id } of await engine.supersede(checkpoints, place))
      note(`checkpoint ${id} is kept, and waits no more`);
  }
  engine.refuseWhileWaiting(checkpoints, place, clock.wallMs());
  const secrets = engine.withheldOptions(session.network);
  const fraction = guardOf(settings);
  const refuse = ({ plan }: Preview): void => {
    refuseProtected(plan, settings.protect);
    if (!flags['allow-mass-delete']) refuseMassDelete(plan, fraction);
  };
  return engine.applySafely({
    ...{ ...input, clock, runtimeDir, checkpoints, confirmation, probes, edge: { session, netns } },
    verify: { clock, timeoutMs: verifyMs },
    revise: (preview) => narrowed(revise(preview), targets),
    approve: async (preview) => {
      refuse(preview);
      const shown = await withRisks(preview, settings);
      const risks = shown.document.warnings.filter(isRisk);
      return input.approve(shown, flags['accept-risk'] ? [] : risks);
    },
    // With the lease held there may be more to do than was shown.
    begin: async (chosen, steps) => {
      refuse(chosen);
      return input.begin?.(chosen, steps);
    },
    about: ({ inputs }) => ({
      ...{ place, node: inputs.identity.node, ownership: inputs.ownership },
      network: engine.recordedNetwork(session.network),
      withheld: Object.keys(secrets),
      settings: engine.recordedSettings(settings),
    }),
    isAtomic: (steps) => flags.atomic ?? steps < ATOMIC_BELOW,
    arm: (checkpoint) => {
      const inMs = Math.max(0, (checkpoint.deadlineMs ?? 0) - clock.wallMs());
      return engine.arm({ checkpoints, runtimeDir, checkpoint, inMs, secrets });
    },
    onNews: note,
    signal,
  });
}

/** @throws {FlanError} E_RISK: --yes is for plans that risk nothing */
export function refuseRisks(risks: readonly Warning[]): void {
  const [first] = risks;
  if (first === undefined) return;
  throw new FlanError('E_RISK', first.message, {
    hint: 'Pass --accept-risk beside --yes, best with --confirm 2m; or leave the change out with --exclude.',
  });
}

/** Waits until somebody has confirmed or time is over, and rolls back then. The lock is not held. */
export async function waitForConfirmation({
  settings,
  session,
  report,
  signal,
}: {
  readonly settings: Settings;
  readonly session: SafelyInput['session'];
  readonly report: SafeApplyReport;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { checkpoint } = report;
  if (checkpoint === undefined) return;
  const { id } = checkpoint;
  const { runtimeDir } = settings;
  const checkpoints = new engine.Checkpoints(runtimeDir);
  const clock = engine.systemClock;
  const ended = await engine.attend({
    ...{ checkpoints, id, clock, signal },
    tryLock: () => engine.lockForRollback(checkpoint, 'flan apply --confirm'),
    rollBack: (why, from) => {
      const never = new AbortController().signal;
      const nowMs = clock.wallMs();
      return engine.rollBack(
        { ...{ checkpoints, id, why, runtimeDir, session, nowMs, signal: never }, hold: 'yes' },
        from,
      );
    },
  });
  if (ended.checkpoint.state === 'not-rolled-back') {
    throw new FlanError('E_VERIFY', `checkpoint ${id} could not be rolled back wholly`, {
      hint: 'See `flan plan`, and try `flan rollback` again.',
    });
  }
  if (ended.checkpoint.state === 'rolled-back') throw engine.expired(ended.checkpoint);
}
