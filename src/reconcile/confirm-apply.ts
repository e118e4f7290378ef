import { imager } from '../planner/inverse.js';
import type { Checkpoint, Checkpoints, NewCheckpoint, TimerOwner } from './checkpoint.js';
import { type Clock, sleep } from './clock.js';
import { confirm } from './confirm.js';
import type { Journal } from './journal.js';
import { type ApplyOnceInput, type ApplyReport, applyOnce } from './once.js';
import type { Preview } from './preview.js';
import { type Probe, type ProbeEdge, type ProbeResult, runProbes, waitForProbes } from './probes.js';
import { type RollbackReport, rollBack, UNSETTLED } from './rollback.js';
import { endHold } from './rollback-hold.js';

/** How an apply is kept: by whoever confirms in time, by itself when the probes hold that long, or at once. */
export type Confirmation =
  | { readonly by: 'nobody' }
  | { readonly by: 'people'; readonly withinMs: number }
  | { readonly by: 'probes'; readonly holdMs: number };

export interface SafeApplyInput extends ApplyOnceInput {
  readonly clock: Clock;
  readonly runtimeDir: string;
  readonly checkpoints: Checkpoints;
  /** What a checkpoint says besides how it stands. */
  readonly about: (preview: Preview) => Omit<NewCheckpoint, 'deadlineMs' | 'owner'>;
  readonly confirmation: Confirmation;
  readonly probes: readonly Probe[];
  readonly edge: ProbeEdge;
  /** Whether to undo all when one step fails, given how many steps there are. */
  readonly isAtomic: (steps: number) => boolean;
  /** Starts somebody who rolls back when time is over, whatever becomes of this process. @throws {FlanError} E_TIMER */
  readonly arm: (checkpoint: Checkpoint) => Promise<TimerOwner>;
  readonly onNews?: (line: string) => void;
}

export interface SafeApplyReport extends ApplyReport {
  /** Absent when nothing was changed, or when it was too much to write down unasked. */
  readonly checkpoint?: Checkpoint;
  /** Why it was undone, and what that came to. */
  readonly undone?: { readonly why: string; readonly report: RollbackReport };
  /** Those that passed before, as they were at the end. */
  readonly probes: readonly ProbeResult[];
}

/** A device that comes up has a second or two before it counts as broken, where nobody said how long. */
const PROBE_PATIENCE_MS = 10_000;
/** `--confirm auto` looks this often. */
const HOLD_LOOK_MS = 1_000;

/**
 * As `applyOnce`, with the way back written down before each slice, and taken when a step, the verification or a probe
 * fails. The caller holds the host's lock.
 */
export async function applySafely(input: SafeApplyInput): Promise<SafeApplyReport> {
  const { checkpoints, confirmation, signal, onNews } = input;
  const before = await runProbes(input.probes, input.edge, signal);
  for (const { probe, failure } of before) {
    if (failure !== undefined) onNews?.(`probe ${probe.text} fails already (${failure}): it does not count`);
  }
  const probes = before.filter(({ failure }) => failure === undefined).map(({ probe }) => probe);
  let checkpoint: Checkpoint | undefined;
  let journal: Journal | undefined;
  let isAtomic = false;
  try {
    const applied = await applyOnce({
      ...input,
      begin: async (chosen, steps) => {
        if (steps.length === 0) return undefined;
        // Somebody asks for it anew: what was rolled back before may be made again.
        endHold({ ...input, ...input.about(chosen) });
        isAtomic = input.isAtomic(steps.length);
        await input.begin?.(chosen, steps);
        const isKept = isAtomic || confirmation.by !== 'nobody' || probes.length > 0;
        if (!isKept) return undefined;
        checkpoint = await arm(input, chosen);
        journal = checkpoints.journal(checkpoint.id);
        const { write } = journal;
        const imagesOf = imager({ observed: chosen.observed, kinds: input.session.kinds });
        return (slice) => write(imagesOf(slice));
      },
    });
    if (checkpoint === undefined) return { ...applied, probes: [] };
    return await settle({ ...input, probes }, { applied, checkpoint, isAtomic });
  } catch (error) {
    // Half done and not to be looked at: what was done is undone. An interruption leaves it to the deadline.
    if (checkpoint !== undefined && !signal.aborted) await undoAfter(input, checkpoint);
    throw error;
  } finally {
    journal?.close();
  }
}

async function undoAfter(input: SafeApplyInput, { id }: Checkpoint): Promise<void> {
  const hold = input.confirmation.by === 'nobody' ? 'no' : 'yes';
  const nowMs = input.clock.wallMs();
  await rollBack({ ...input, ...{ id, hold, nowMs, why: 'the apply failed midway', signal: NEVER } }, UNSETTLED);
}

async function arm(input: SafeApplyInput, chosen: Preview): Promise<Checkpoint> {
  const { checkpoints, confirmation, clock, about } = input;
  const deadline = confirmation.by === 'nobody' ? {} : { deadlineMs: clock.wallMs() + waitMs(confirmation) };
  const made = checkpoints.create({ ...about(chosen), ...deadline }, clock.wallMs());
  if (confirmation.by === 'nobody') return made;
  try {
    const owner = await input.arm(made);
    return (await checkpoints.change(made.id, { from: ['applying'], to: { owner } })) ?? made;
  } catch (error) {
    const why = 'nobody could be found to roll back in time, so nothing was changed';
    await checkpoints.change(made.id, { from: ['applying'], to: { state: 'rolled-back', why } });
    throw error;
  }
}

const waitMs = (confirmation: Exclude<Confirmation, { by: 'nobody' }>): number =>
  confirmation.by === 'people' ? confirmation.withinMs : confirmation.holdMs + PROBE_PATIENCE_MS;

interface Settling {
  readonly applied: ApplyReport;
  readonly checkpoint: Checkpoint;
  readonly isAtomic: boolean;
}

async function settle(input: SafeApplyInput, settling: Settling): Promise<SafeApplyReport> {
  const { checkpoints, confirmation, signal } = input;
  const { applied, checkpoint } = settling;
  try {
    if (!signal.aborted) return await judge(input, settling);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  // What was done stays, until the deadline if there is one.
  const state = confirmation.by === 'nobody' ? 'applied' : 'pending';
  await checkpoints.change(checkpoint.id, { from: ['applying', 'pending'], to: { state, why: 'interrupted' } });
  return { ...applied, checkpoint: checkpoints.get(checkpoint.id), probes: [] };
}

/** Whether what was applied may stay. @throws the signal's reason */
async function judge(input: SafeApplyInput, { applied, checkpoint, isAtomic }: Settling): Promise<SafeApplyReport> {
  const { checkpoints, confirmation, clock, signal, probes } = input;
  const { id } = checkpoint;
  const isAsked = confirmation.by !== 'nobody' || probes.length > 0;
  const undo = async (why: string, results: readonly ProbeResult[] = []): Promise<SafeApplyReport> => {
    // Ctrl-C does not end this: half of a way back is worse than none.
    const hold = isAsked ? 'yes' : 'no';
    const report = await rollBack({ ...input, ...{ id, why, hold, nowMs: clock.wallMs(), signal: NEVER } }, UNSETTLED);
    if (report === undefined) return { ...applied, checkpoint: checkpoints.get(id), probes: results };
    return { ...applied, checkpoint: report.checkpoint, undone: { why, report }, probes: results };
  };
  const failed = applied.outcomes.filter(({ status }) => status !== 'done');
  const [first] = failed;
  if (first !== undefined && isAtomic) return undo(`${first.step.key} failed`);
  if (applied.left.length > 0 && (isAtomic || isAsked)) return undo('it did not read back as applied');
  const withinMs =
    confirmation.by === 'people' ? Math.min(PROBE_PATIENCE_MS, confirmation.withinMs / 2) : PROBE_PATIENCE_MS;
  const bad = await waitForProbes({ ...input.edge, probes, clock, signal, withinMs });
  if (bad.length > 0) return undo(probeWords(bad), bad);
  const passed = probes.map((probe): ProbeResult => ({ probe, failure: undefined }));
  if (confirmation.by === 'nobody') {
    const kept = await checkpoints.change(id, { from: ['applying'], to: { state: 'applied', why: 'verified' } });
    return { ...applied, ...(kept && { checkpoint: kept }), probes: passed };
  }
  const deadlineMs = clock.wallMs() + waitMs(confirmation);
  const to = { state: 'pending', why: 'waits to be confirmed', deadlineMs } as const;
  const pending = await checkpoints.change(id, { from: ['applying'], to });
  if (confirmation.by === 'people') return { ...applied, checkpoint: pending ?? checkpoints.get(id), probes: passed };
  const broken = await holds({ ...input, probes }, confirmation.holdMs);
  if (broken.length > 0) return undo(probeWords(broken), broken);
  const confirmed = await confirm(checkpoints, { id, why: 'the probes held' });
  return { ...applied, checkpoint: confirmed, probes: passed };
}

const NEVER = new AbortController().signal;

const probeWords = (failed: readonly ProbeResult[]): string =>
  `probe ${failed.map(({ probe, failure }) => `${probe.text} (${failure})`).join(', ')} failed`;

/** Looks again and again while the time runs. @returns the probes that failed */
async function holds({ clock, signal, probes, edge }: SafeApplyInput, holdMs: number): Promise<readonly ProbeResult[]> {
  const endMs = clock.nowMs() + holdMs;
  for (;;) {
    const failed = (await runProbes(probes, edge, signal)).filter(({ failure }) => failure !== undefined);
    const leftMs = endMs - clock.nowMs();
    if (failed.length > 0 || leftMs <= 0) return failed;
    await sleep(clock, Math.min(HOLD_LOOK_MS, leftMs), signal);
  }
}
