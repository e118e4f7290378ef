import { asFlanError, FlanError } from '../errors.js';
import type { Key, Kinds, Resource } from '../planner/kind.js';
import { type Step, subjectOf } from '../planner/step.js';
import type { Driver, Notice, Observation, Outcome, Scope } from './driver.js';

/** All drivers of one host as one: each step and each kind goes to the driver that serves it. */
export class Drivers {
  readonly #all: readonly Driver[];
  readonly #byKind: ReadonlyMap<string, Driver>;

  constructor(drivers: readonly Driver[]) {
    this.#all = drivers;
    this.#byKind = new Map(drivers.flatMap((driver) => driver.kinds.map((kind) => [kind, driver] as const)));
  }

  for(resource: Resource): Driver {
    const driver = this.#byKind.get(resource.kind);
    if (driver === undefined) throw new Error(`no driver serves '${resource.kind}'`);
    return driver;
  }

  /** What every driver sees, keyed. @throws {FlanError} why one of them cannot be read */
  async observe(scope: Scope, kinds: Kinds, signal: AbortSignal): Promise<ObservedWorld> {
    const { unread, ...world } = await this.look(scope, kinds, signal);
    for (const { error } of unread) throw error;
    return world;
  }

  /** The same for a daemon: a driver that cannot be read is told of, and the others are read all the same. */
  async look(scope: Scope, kinds: Kinds, signal: AbortSignal): Promise<PartialWorld> {
    const observed = new Map<Key, Resource>();
    const foreign: Record<string, number> = {};
    const absorb = (seen: Observation): void => {
      for (const resource of seen.resources) {
        const key = kinds.key(resource);
        // IPv4 routes may be appended under one key: the first is the one that packets follow.
        if (!observed.has(key)) observed.set(key, resource);
      }
      for (const [kind, count] of Object.entries(seen.foreign)) foreign[kind] = (foreign[kind] ?? 0) + count;
    };
    // All at once: those that ask another process let the others read meanwhile.
    const looks = await Promise.allSettled(this.#all.map(async (one) => one.observe(scopeFor(one, scope), signal)));
    signal.throwIfAborted();
    const unread = looks.flatMap((look, i): Unread[] => {
      const driver = this.#all[i];
      if (look.status === 'rejected' && driver) return [{ driver, error: asFlanError(look.reason) }];
      if (look.status === 'fulfilled') absorb(look.value);
      return [];
    });
    return { observed, foreign, unread };
  }

  /** Steps of one driver. Whatever a driver throws becomes the outcome of its steps. */
  async perform(steps: readonly Step[], signal: AbortSignal): Promise<readonly Outcome[]> {
    const [first] = steps;
    if (first === undefined) return [];
    try {
      return await this.for(subjectOf(first)).perform(steps, signal);
    } catch (cause) {
      const error = asFlanError(cause);
      return steps.map((step) => ({ step, status: 'failed', error }));
    }
  }

  async follow(scope: Scope, tell: (notice: Notice) => void, signal: AbortSignal): Promise<void> {
    for (const driver of this.#all) await driver.follow?.(scopeFor(driver, scope), tell, signal);
  }

  /** Resolves when all that can be asked were heard. Rejects with the signal's reason when it aborts first. */
  async echo(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    });
    await Promise.race([Promise.all(this.#all.map((driver) => driver.echo?.())), aborted]);
  }

  close(): void {
    for (const driver of this.#all) driver.close();
  }
}

/** A driver that could not be read, and why. */
export interface Unread {
  readonly driver: Pick<Driver, 'name' | 'kinds'>;
  readonly error: FlanError;
}

/** Of the kinds of an unread driver nothing is known. */
export interface PartialWorld extends ObservedWorld {
  readonly unread: readonly Unread[];
}

export interface ObservedWorld {
  readonly observed: Map<Key, Resource>;
  readonly foreign: Readonly<Record<string, number>>;
}

const scopeFor = (driver: Driver, scope: Scope): Scope => ({
  ...scope,
  named: scope.named.filter((resource) => driver.kinds.includes(resource.kind)),
});

/** The outcome of a step whose turn never came because something it needs is not there. */
export const blocked = (step: Step, by: Key): Outcome => ({
  step,
  status: 'blocked',
  error: new FlanError('E_BLOCKED', `${step.key}: not tried because ${by} failed`, { retry: true }),
});
