import type { Settings } from '../../config/settings.js';
import { asFlanError, type FlanError } from '../../errors.js';
import { networksOf } from '../../model/network.js';
import { placeOf } from '../../reconcile/checkpoint.js';
import type { Session } from '../../reconcile/session.js';
import type { WatchView } from '../../reconcile/view.js';
import type { WatchStart } from '../../reconcile/watch.js';
import { sieve } from '../../reconcile/watch-sieve.js';
import type { Lock } from '../../sys/flock.js';
import { hostWarnings, lockHost, openPatiently, survey, systemClock, watch } from '../engine.js';
import { changedSettings, needsNewRun, refuseFixed } from './changes.js';
import type { HangUps } from './hang-ups.js';
import { settlePending } from './pending.js';
import type { Telemetry } from './telemetry.js';

export interface RunsInput {
  readonly settings: Settings;
  /** Reads every source of settings again. @throws {FlanError} what `loadSettings` throws */
  readonly load: () => Promise<Settings>;
  readonly signal: AbortSignal;
  readonly hangUps: HangUps;
  readonly telemetry: Telemetry;
}

/** One run of `watch` with what it stands on. */
interface Run {
  readonly settings: Settings;
  readonly session: Session;
  readonly lock: Lock;
}

/** A store that does not answer in this time leaves everything as it is. */
const RELOAD_TIMEOUT_MS = 30_000;

/**
 * Runs `watch` until the signal aborts, one run after the other: each SIGHUP reads settings and network config again,
 * and when they differ the next run is made ready beside the one that goes on, and takes over from it. It finds what is
 * in place as any start does, so the new is made before the old is deleted, and no packet is lost to the change.
 */
export async function runWatch(input: RunsInput): Promise<void> {
  let run = await firstRun(input);
  try {
    await settlePending({ ...input, ...run });
    let start: WatchStart = 'cold';
    for (let next: Run | undefined = run; next !== undefined; start = 'takes over') {
      run = next;
      next = await follow(run, input, start);
    }
  } finally {
    try {
      await input.telemetry.flush();
      await run.session.close();
    } finally {
      // Last: whoever waits for it finds nothing half done.
      run.lock.release();
    }
  }
}

async function firstRun({ settings, load, signal, hangUps, telemetry }: RunsInput): Promise<Run> {
  for (let current = settings; ; ) {
    const again = new AbortController();
    const stopListening = hangUps.listen(() => again.abort());
    try {
      const session = await openPatiently({
        settings: current,
        signal: AbortSignal.any([signal, again.signal]),
        onWait: (error, retryInMs) => telemetry.tell(waiting(error, retryInMs)),
      });
      return { settings: current, session, lock: lock(current, session) };
    } catch (error) {
      if (!again.signal.aborted || signal.aborted) throw error;
      current = await reread({ current, load, telemetry });
    } finally {
      stopListening();
    }
  }
}

interface Rereading extends Pick<RunsInput, 'load' | 'telemetry'> {
  readonly current: Settings;
}

/** While nothing runs yet any setting may change. */
async function reread({ current, load, telemetry }: Rereading): Promise<Settings> {
  telemetry.reloading();
  try {
    const settings = await load();
    await telemetry.change(settings);
    const changed = changedSettings(current, settings);
    telemetry.tell({ type: 'reload', result: changed.length === 0 ? 'unchanged' : 'taken', changed });
    return settings;
  } catch (cause) {
    telemetry.tell({ type: 'reload', result: 'refused', error: asFlanError(cause) });
    return current;
  }
}

/** Follows until there is something else to follow. @returns undefined when the signal aborted */
async function follow(run: Run, input: RunsInput, start: WatchStart): Promise<Run | undefined> {
  const { signal, telemetry, hangUps } = input;
  const handOver = new AbortController();
  const { settings, session } = run;
  telemetry.through(session.store);
  let view: WatchView | undefined;
  const held = sieve({
    ...{ session, runtimeDir: settings.runtimeDir, place: placeOf({ ...settings, network: session.network }) },
    ...{ protect: settings.protect, mode: settings.mode, tell: telemetry.tell, onFree: (why) => view?.resync(why) },
  });
  const ended = watch({
    sieve: held,
    start,
    session,
    signal,
    handOver: handOver.signal,
    tell: telemetry.tell,
    onView: (seen) => {
      view = seen;
      telemetry.look(seen);
    },
    onRound: telemetry.round,
    clock: systemClock,
    adopt: settings.adopt ? 'yes' : 'no',
    resyncIntervalMs: settings.resyncInterval,
    renewMarginMs: settings.leaseRenewMargin,
    guardFraction: settings.deleteGuard === 'off' ? 1 : settings.deleteGuard,
  });
  let live = settings;
  let next: Run | undefined;
  let isOver = false;
  let busy: Promise<void> = Promise.resolve();
  const stopListening = hangUps.listen(() => {
    // One at a time; what changed meanwhile is read by the one that waits.
    busy = busy.then(async () => {
      if (next !== undefined || isOver) return;
      const read = await reload({ run, live, input });
      live = read.settings;
      if (read.run === undefined) return;
      // Ended in the middle of the reload: nobody takes over.
      if (isOver) return discard(read.run, run);
      next = read.run;
      handOver.abort();
    });
  });
  try {
    await ended;
  } catch (error) {
    if (!handOver.signal.aborted) throw error;
  } finally {
    isOver = true;
    held.close();
    stopListening();
    await busy;
  }
  if (next === undefined) return undefined;
  if (signal.aborted) {
    await discard(next, run);
    return undefined;
  }
  await session.close();
  if (next.lock !== run.lock) run.lock.release();
  return next;
}

interface Reloading {
  readonly run: Run;
  /** The settings as the last reload left them. */
  readonly live: Settings;
  readonly input: RunsInput;
}

interface Reloaded {
  readonly settings: Settings;
  /** What is to take over, where more changed than can be changed in place. */
  readonly run?: Run;
}

async function reload({ run, live, input }: Reloading): Promise<Reloaded> {
  const { telemetry, load } = input;
  telemetry.reloading();
  try {
    const settings = await load();
    const changed = changedSettings(live, settings);
    refuseFixed(changed);
    const session = await openBeside(settings, input);
    try {
      const isNewNetwork = JSON.stringify(session.network) !== JSON.stringify(run.session.network);
      const names = [...changed, ...(isNewNetwork ? ['network config'] : [])];
      if (!needsNewRun(names)) {
        await session.close();
        await telemetry.change(settings);
        telemetry.tell({
          type: 'reload',
          result: names.length === 0 ? 'unchanged' : 'changed in place',
          changed: names,
        });
        return { settings };
      }
      // What cannot work is found out before anything is given up.
      const seen = survey(session);
      hostWarnings(seen.inputs, seen.facts);
      const isSamePlace = networksOf(session.network).join() === networksOf(run.session.network).join();
      const next = { settings, session, lock: isSamePlace ? run.lock : lock(settings, session) };
      try {
        await telemetry.change(settings);
      } catch (error) {
        if (!isSamePlace) next.lock.release();
        throw error;
      }
      telemetry.tell({ type: 'reload', result: 'taken', changed: names });
      return { settings, run: next };
    } catch (error) {
      await session.close();
      throw error;
    }
  } catch (cause) {
    telemetry.tell({ type: 'reload', result: 'refused', error: asFlanError(cause) });
    return { settings: live };
  }
}

/** A session beside the one in use. Waits for nothing: what would have to be waited for is refused. */
async function openBeside(settings: Settings, { signal, telemetry }: RunsInput): Promise<Session> {
  const giveUp = new AbortController();
  let isOpen = false;
  const session = await openPatiently({
    settings,
    signal: AbortSignal.any([signal, giveUp.signal, AbortSignal.timeout(RELOAD_TIMEOUT_MS)]),
    onWait: (error, retryInMs) => {
      if (isOpen) telemetry.tell(waiting(error, retryInMs));
      else giveUp.abort(error);
    },
  });
  isOpen = true;
  return session;
}

const lock = (settings: Settings, session: Session): Lock =>
  lockHost({ ...settings, networks: networksOf(session.network), holder: 'flan watch' });

async function discard(next: Run, run: Run): Promise<void> {
  if (next.lock !== run.lock) next.lock.release();
  await next.session.close();
}

const waiting = (error: FlanError, retryInMs: number | undefined) =>
  ({ type: 'waiting', error, ...(retryInMs !== undefined && { retryInMs }) }) as const;
