import { createHash } from 'node:crypto';
import { type FSWatcher, readdirSync, readFileSync, rmSync, watch } from 'node:fs';
import { join } from 'node:path';
import type { Image } from '../planner/inverse.js';
import { type Key, type Kinds, type Resource, sameValue } from '../planner/kind.js';
import type { Step } from '../planner/plan.js';
import { writeFileAtomic } from '../sys/atomic-file.js';
import { makeFolder } from '../sys/make-folder.js';
import { FORMAT_VERSION } from '../version.js';

/** What was rolled back on this host and must not be made again until it is wanted otherwise. */
export interface Hold {
  readonly format_version: string;
  readonly kind: 'flan.hold';
  readonly place: string;
  /** The last one that was rolled back. */
  readonly checkpoint: string;
  readonly sinceMs: number;
  /** What the apply had put on each key; null where it had deleted. */
  readonly keys: Readonly<Record<Key, Resource | null>>;
}

interface HoldPlace {
  readonly runtimeDir: string;
  readonly place: string;
}

const fileOf = ({ runtimeDir, place }: HoldPlace): string =>
  join(runtimeDir, 'holds', `${createHash('sha256').update(place).digest('hex').slice(0, 16)}.json`);

export function readHold(at: HoldPlace): Hold | undefined {
  try {
    const hold = JSON.parse(readFileSync(fileOf(at), 'utf8')) as Hold;
    return hold.kind === 'flan.hold' && hold.place === at.place ? hold : undefined;
  } catch {
    return undefined; // there is none
  }
}

/** The holds of a runtime directory, of every place. */
export function listHolds(runtimeDir: string): readonly Hold[] {
  let names: string[];
  try {
    names = readdirSync(join(runtimeDir, 'holds'));
  } catch {
    return []; // nothing was ever held
  }
  return names.flatMap((name): Hold[] => {
    try {
      const hold = JSON.parse(readFileSync(join(runtimeDir, 'holds', name), 'utf8')) as Hold;
      return hold.kind === 'flan.hold' ? [hold] : [];
    } catch {
      return []; // being written
    }
  });
}

/** Adds what one checkpoint had changed to what is held. */
export function addToHold(at: HoldPlace, checkpoint: string, images: Iterable<Image>, nowMs: number): void {
  const keys: Record<Key, Resource | null> = { ...readHold(at)?.keys };
  for (const { key, before, after } of images) if (!sameValue(before, after)) keys[key] = after ?? null;
  write(at, { checkpoint, sinceMs: nowMs, keys });
}

/** @returns what was held, if anything was */
export function endHold(at: HoldPlace): Hold | undefined {
  const hold = readHold(at);
  rmSync(fileOf(at), { force: true });
  return hold;
}

function write(at: HoldPlace, { checkpoint, sinceMs, keys }: Pick<Hold, 'checkpoint' | 'sinceMs' | 'keys'>): void {
  makeFolder(join(at.runtimeDir, 'holds'), 0o700);
  const { place } = at;
  const hold: Hold = { format_version: FORMAT_VERSION, kind: 'flan.hold', place, checkpoint, sinceMs, keys };
  writeFileAtomic(fileOf(at), `${JSON.stringify(hold)}\n`, 0o600);
}

/** Whether a step would do again what was rolled back. */
export function isHeld({ keys }: Pick<Hold, 'keys'>, step: Step, kinds: Kinds): boolean {
  const after = keys[step.key];
  if (after === undefined) return false;
  if (step.action === 'delete') return after === null;
  return after !== null && after.kind === step.after.kind && kinds.differing(after, step.after).length === 0;
}

export interface HoldKeeper {
  /** The steps that may be done. A key that is wanted otherwise by now is held no more. */
  allowed(steps: readonly Step[]): readonly Step[];
  /** What is held now. */
  current(): Hold | undefined;
  close(): void;
}

export interface HoldKeeperInput extends HoldPlace {
  readonly kinds: Kinds;
  /** Something was held back for the first time since the hold began, or this process did. */
  readonly onHeld: (hold: Hold, keys: number) => void;
  /** Somebody ended the hold, or there is another one. */
  readonly onChange: () => void;
}

/** Keeps `watch` from making again what was rolled back. Follows the file, which `flan resume` deletes. */
export function holdKeeper({ kinds, onHeld, onChange, ...at }: HoldKeeperInput): HoldKeeper {
  let hold = readHold(at);
  let told: string | undefined;
  const watcher = followFolder(at, () => {
    const now = readHold(at);
    if (now?.sinceMs === hold?.sinceMs) return;
    hold = now;
    told = undefined;
    onChange();
  });
  const forget = (stale: readonly Key[]): void => {
    if (hold === undefined) return;
    const keys = { ...hold.keys };
    for (const key of stale) delete keys[key];
    hold = Object.keys(keys).length === 0 ? undefined : { ...hold, keys };
    if (hold === undefined) endHold(at);
    else write(at, hold);
  };
  return {
    allowed(steps) {
      const held = hold;
      if (held === undefined) return steps;
      const allowed = steps.filter((step) => !isHeld(held, step, kinds));
      const count = steps.length - allowed.length;
      if (count > 0 && told !== held.checkpoint) {
        told = held.checkpoint;
        onHeld(held, count);
      }
      const stale = allowed.map(({ key }) => key).filter((key) => key in held.keys);
      if (stale.length > 0) forget(stale);
      return allowed;
    },
    current: () => hold,
    close: () => watcher.close(),
  };
}

function followFolder({ runtimeDir }: HoldPlace, onEvent: () => void): FSWatcher {
  const folder = join(runtimeDir, 'holds');
  makeFolder(folder, 0o700);
  const watcher = watch(folder, onEvent);
  watcher.unref();
  // The folder went away with the runtime directory: nothing is held then, and nobody can tell otherwise.
  watcher.on('error', () => watcher.close());
  return watcher;
}
