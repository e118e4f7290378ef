import { closeSync, fsyncSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { FlanError } from '../errors.js';
import { isJsonObject } from '../model/json.js';
import type { SavedPlan } from '../report/saved-plan.js';
import { makeFolder } from '../sys/make-folder.js';

/** Which saved plans have been applied here: one small file each, until the plan expires. */
const folderIn = (runtimeDir: string): string => join(runtimeDir, 'applied-plans');

const fileOf = (runtimeDir: string, digest: string): string => join(folderIn(runtimeDir), `${digest}.json`);

/** When a plan was applied on this host, in RFC 3339; undefined when it was not. */
export function appliedAt(runtimeDir: string, { digest }: SavedPlan): string | undefined {
  return read(fileOf(runtimeDir, digest))?.appliedAt;
}

/** @throws {FlanError} E_PLAN_STALE for what was applied before, and for what is too old */
export function refuseUsed(runtimeDir: string, saved: SavedPlan, nowMs: number): void {
  const at = appliedAt(runtimeDir, saved);
  if (at !== undefined) throw usedError(at);
  if (Date.parse(saved.expires_at) > nowMs) return;
  throw new FlanError('E_PLAN_STALE', `the plan expired at ${saved.expires_at}`, {
    hint: 'Make a new plan; `flan plan --out FILE --valid-for TIME` sets how long it may be applied.',
  });
}

/**
 * Notes that a plan is being applied, before its first change: whatever becomes of it, it is not applied again.
 * @throws {FlanError} E_PLAN_STALE when somebody else noted it first, E_FILE
 */
export function noteApplied(runtimeDir: string, saved: SavedPlan, nowMs: number): void {
  const entry = { applied_at: new Date(nowMs).toISOString(), expires_at: saved.expires_at, pid: process.pid };
  try {
    makeFolder(folderIn(runtimeDir), 0o755);
    forgetExpired(runtimeDir, nowMs);
    const fd = openSync(fileOf(runtimeDir, saved.digest), 'wx', 0o644);
    try {
      writeSync(fd, `${JSON.stringify(entry)}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST')
      throw usedError(appliedAt(runtimeDir, saved) ?? 'some time');
    throw new FlanError('E_FILE', `cannot note that the plan is applied: ${(cause as Error).message}`, {
      where: folderIn(runtimeDir),
      hint: 'Give a directory that you may write to with --runtime-dir.',
      cause,
    });
  }
}

const usedError = (at: string): FlanError =>
  new FlanError('E_PLAN_STALE', `the plan was applied already, at ${at}: a plan is applied once`, {
    hint: 'Make a new plan with `flan plan --out FILE`.',
  });

interface Entry {
  readonly appliedAt: string;
  readonly expiresAtMs: number;
}

/** An entry that was cut short by a crash counts: its plan may have been applied. */
function read(path: string): Entry | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new FlanError('E_FILE', `cannot read ${path}: ${(cause as Error).message}`, {
      where: path,
      hint: 'Run as the user that applied plans on this host before.',
      cause,
    });
  }
  try {
    const value: unknown = JSON.parse(text);
    if (isJsonObject(value) && typeof value.applied_at === 'string')
      return { appliedAt: value.applied_at, expiresAtMs: Date.parse(String(value.expires_at)) };
  } catch {
    // Said below.
  }
  return { appliedAt: 'a time that was not written down', expiresAtMs: Number.POSITIVE_INFINITY };
}

/** An expired plan is refused for that; its entry has nothing more to say. */
function forgetExpired(runtimeDir: string, nowMs: number): void {
  for (const name of readdirSync(folderIn(runtimeDir))) {
    const path = join(folderIn(runtimeDir), name);
    if ((read(path)?.expiresAtMs ?? 0) <= nowMs) rmSync(path, { force: true });
  }
}
