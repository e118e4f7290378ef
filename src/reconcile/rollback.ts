import type { Outcome, Scope } from '../drivers/driver.js';
import { MAIN_TABLE } from '../kinds/route.js';
import { FAMILIES } from '../model/ip.js';
import { type Image, type Undo, undo } from '../planner/inverse.js';
import type { Key } from '../planner/kind.js';
import type { Step } from '../planner/plan.js';
import { apply } from './apply.js';
import type { Checkpoint, CheckpointState, Checkpoints } from './checkpoint.js';
import { type NoteRun, noteRun } from './history-run.js';
import { addToHold } from './rollback-hold.js';
import type { Session } from './session.js';

export interface RollbackPreviewInput {
  readonly checkpoint: Checkpoint;
  readonly images: ReadonlyMap<Key, Image>;
  readonly session: Pick<Session, 'drivers' | 'kinds'>;
  readonly signal: AbortSignal;
}

/** What would have to be done now to have all as it was before. Changes nothing. */
export async function previewRollback(input: RollbackPreviewInput): Promise<Undo> {
  const { checkpoint, images, session, signal } = input;
  const { observed } = await session.drivers.observe(scopeOf(input), session.kinds, signal);
  return undo({ images, observed, kinds: session.kinds, ownership: checkpoint.ownership });
}

function scopeOf({ checkpoint: { ownership }, images, session }: RollbackPreviewInput): Scope {
  const resources = [...images.values()].flatMap(({ before, after }) => after ?? before ?? []);
  const tables = resources.flatMap((one) => ('table' in one && typeof one.table === 'number' ? [one.table] : []));
  return {
    ownership,
    families: FAMILIES,
    tables: [...new Set([MAIN_TABLE, ...tables])],
    wants: (key) => images.has(key),
    named: resources.filter((resource) => session.kinds.of(resource).readByName),
  };
}

export interface RollbackInput {
  readonly checkpoints: Checkpoints;
  readonly id: string;
  /** For people: who or what asked for it. */
  readonly why: string;
  readonly runtimeDir: string;
  readonly session: Pick<Session, 'drivers' | 'kinds'>;
  readonly signal: AbortSignal;
  readonly nowMs: number;
  /** Whether `watch` is to be kept from making it again. */
  readonly hold: 'yes' | 'no';
}

export interface RollbackReport {
  readonly checkpoint: Checkpoint;
  readonly outcomes: readonly Outcome[];
  /** What a second look still found to be done; empty means the rollback is verified. */
  readonly left: readonly Step[];
  /** What others have changed since, and was left alone. */
  readonly moved: readonly Key[];
}

const ANY: readonly CheckpointState[] = [
  'applying',
  'pending',
  'applied',
  'confirmed',
  'superseded',
  'rolling-back',
  'rolled-back',
  'not-rolled-back',
];

/** What may still be rolled back though nobody asks for it: what waits to be confirmed, and what was under way. */
export const UNSETTLED: readonly CheckpointState[] = ['applying', 'pending', 'rolling-back'];

/**
 * Brings back what was there before an apply, and verifies it by looking again. The caller holds the host's lock. Killed
 * anywhere it is finished by whoever calls next.
 * @returns undefined when the checkpoint is in none of the states `from` any more: somebody has confirmed it
 * @throws {FlanError} E_CHECKPOINT; what a driver throws when the host cannot be read
 */
export async function rollBack(
  input: RollbackInput,
  from: readonly CheckpointState[] = ANY,
): Promise<RollbackReport | undefined> {
  const { checkpoints, id, why, session, signal, runtimeDir, nowMs, hold } = input;
  const checkpoint = await checkpoints.change(id, { from, to: { state: 'rolling-back', why } });
  if (checkpoint === undefined) return undefined;
  const images = checkpoints.images(id);
  // First of all: whoever goes on after a kill must not make it again.
  if (hold === 'yes') addToHold({ runtimeDir, place: checkpoint.place }, id, images.values(), nowMs);
  const look = () => previewRollback({ checkpoint, images, session, signal });
  const { steps, moved } = await look();
  const outcomes: Outcome[] = [];
  for await (const some of apply({ steps, drivers: session.drivers, signal })) outcomes.push(...some);
  const { steps: left } = await look();
  const state = left.length === 0 ? 'rolled-back' : 'not-rolled-back';
  const settled = await checkpoints.change(id, { from: ['rolling-back'], to: { state, why } });
  await remember(checkpoint, { why, outcomes, nowMs });
  return { checkpoint: settled ?? checkpoint, outcomes, left, moved };
}

type Remembered = Pick<NoteRun, 'outcomes' | 'nowMs'> & Pick<RollbackInput, 'why'>;

/** In the history that the apply is in. What was undone is undone: that it cannot be written stops nothing. */
async function remember({ id, settings }: Checkpoint, { why, outcomes, nowMs }: Remembered): Promise<void> {
  const { stateDir, netns } = settings;
  if (typeof stateDir !== 'string') return;
  const place = { stateDir, ...(typeof netns === 'string' && { netns }) };
  await noteRun({ place, by: `${ROLLBACK_OF}${id} (${why})`, outcomes, nowMs });
}

const ROLLBACK_OF = 'rollback of ';

/** Whether an entry of the history is of a rollback, by who made its changes. */
export const isByRollback = (by: string): boolean => by.startsWith(ROLLBACK_OF);
