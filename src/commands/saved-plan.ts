import { text } from 'node:stream/consumers';
import type { Settings } from '../config/settings.js';
import { kinds } from '../kinds/index.js';
import type { Preview } from '../reconcile/preview.js';
import { type AllowStale, followSavedPlan, movedSince, savePlan } from '../reconcile/saved-plan.js';
import { decodeSavedPlan } from '../reconcile/saved-plan-decode.js';
import {
  otherHost,
  planHost,
  readSavedPlan,
  refuseOtherHost,
  savedPlanText,
  writeSavedPlan,
} from '../reconcile/saved-plan-file.js';
import { appliedAt, noteApplied, refuseUsed } from '../reconcile/saved-plan-journal.js';
import type { PlanStatus, SavedPlan } from '../report/saved-plan.js';

export { savedLine } from '../report/saved-plan-text.js';

import { identityFrom } from './identity-from.js';
import { STDIO } from './stdio.js';

const here = (settings: Settings) => planHost({ identity: identityFrom(settings), netns: settings.netns });

export interface SaveInput {
  readonly path: string;
  readonly preview: Preview;
  readonly settings: Settings;
  readonly validMs: number;
}

/** Writes a plan to a file, or to stdout for `-`, to be applied later as it is or not at all. @throws {FlanError} E_FILE */
export function savePlanTo({ path, preview, settings, validMs }: SaveInput): SavedPlan {
  const adopt = settings.adopt ? 'yes' : 'no';
  const saved = savePlan({ preview, kinds, host: here(settings), adopt, nowMs: Date.now(), validMs });
  if (path === STDIO) process.stdout.write(savedPlanText(saved));
  else writeSavedPlan(path, saved);
  return saved;
}

/** A saved plan in the hands of `apply`. */
export interface PlanInUse {
  readonly saved: SavedPlan;
  readonly adopt: 'yes' | 'no';
  /** For `applyOnce`. */
  readonly revise: (preview: Preview) => Preview;
  /** Notes that it is being applied; after that nobody can apply it again. */
  readonly begin: () => void;
}

export interface UseInput {
  readonly path: string;
  readonly settings: Settings;
  readonly allowStale: AllowStale;
}

/** @throws {FlanError} E_PLAN_FILE for a file that is damaged or another host's, E_PLAN_STALE when it is used up or old */
export async function usePlan({ path, settings, allowStale }: UseInput): Promise<PlanInUse> {
  const saved = await openPlan(path);
  refuseOtherHost(saved, here(settings));
  refuseUsed(settings.runtimeDir, saved, Date.now());
  return {
    saved,
    adopt: saved.adopt,
    revise: followSavedPlan({ saved, kinds, allowStale }),
    begin: () => noteApplied(settings.runtimeDir, saved, Date.now()),
  };
}

/** @throws {FlanError} E_FILE when it cannot be read, E_PLAN_FILE when it is no plan */
export const openPlan = async (path: string): Promise<SavedPlan> =>
  path === STDIO
    ? decodeSavedPlan({ text: await text(process.stdin), where: 'stdin' }, kinds)
    : readSavedPlan(path, kinds);

export interface StatusInput {
  readonly saved: SavedPlan;
  readonly settings: Settings;
  /** Looks at this host and the leases; it may fail. */
  readonly look: () => Promise<Preview>;
}

/** Whether a plan can still be applied here. Never fails: what cannot be found out is `unknown`. */
export async function statusOf({ saved, settings, look }: StatusInput): Promise<PlanStatus> {
  try {
    const differs = otherHost(saved.host, here(settings));
    if (differs !== undefined) return { state: 'other host', why: differs, moved: [] };
    const at = appliedAt(settings.runtimeDir, saved);
    if (at !== undefined) return { state: 'applied', why: `it was applied at ${at}`, moved: [] };
    if (Date.parse(saved.expires_at) <= Date.now())
      return { state: 'expired', why: `it expired at ${saved.expires_at}`, moved: [] };
    const moved = movedSince(saved, await look(), kinds);
    return moved.length === 0
      ? { state: 'fresh', why: '', moved }
      : { state: 'stale', why: 'the host or the leases have moved since it was made', moved };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return { state: 'unknown', why: `this host could not be compared with it: ${why}`, moved: [] };
  }
}
