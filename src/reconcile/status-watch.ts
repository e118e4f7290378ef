import { leaseName } from '../model/lease.js';
import type { DriftStatus, RunStatus, Some, StoreStatus, WatchStatus } from '../report/watch-status.js';
import { markOf } from '../sys/process-mark.js';
import { FORMAT_VERSION, VERSION } from '../version.js';
import type { Clock } from './clock.js';
import type { WatchEvent } from './events.js';
import { type StatusPlace, statusFile, sweepStatusFiles } from './status-file.js';
import { leaseStatus } from './status-look.js';
import type { WatchView } from './view.js';

export interface StatusTellerInit {
  readonly place: StatusPlace;
  readonly clock: Pick<Clock, 'nowMs' | 'wallMs' | 'after'>;
  readonly view: () => WatchView | undefined;
  /** Whether the node does its part, and why or why not. */
  readonly readiness: () => { readonly ready: boolean; readonly why: string };
}

/** Tells other processes how `watch` does: `flan status` reads it. */
export interface StatusTeller {
  tell(event: WatchEvent): void;
  /** Called every few seconds. */
  settle(): void;
  now(): WatchStatus;
  close(): void;
}

const INTERVAL_MS = 1000;
/** What follows soon is told with it: a drift with its repair. */
const SETTLE_MS = 100;
/** So many are named; all are counted. */
const NAMED = 20;

export function statusTeller({ place, clock, view, readiness }: StatusTellerInit): StatusTeller {
  const startedAtMs = clock.wallMs();
  const mark = markOf(process.pid) ?? { pid: process.pid, started: '' };
  const counts = statusCounts(clock.wallMs);
  const file = statusFile(place);
  let last = { text: '', why: '' };
  /** Something was told since the last look: only then can anything but readiness differ. */
  let isNews = true;
  let lastMs = Number.NEGATIVE_INFINITY;
  let cancel: (() => void) | undefined;

  const now = (): WatchStatus => {
    const run = view();
    return {
      format_version: FORMAT_VERSION,
      kind: 'flan.watch-status',
      flan: VERSION,
      ...{ process: mark, startedAtMs, ...readiness(), ...counts.now(run?.holdsSnapshot() ? 'held' : 'free') },
      ...(run !== undefined && { run: runStatus(run) }),
    };
  };
  const write = (): void => {
    cancel = undefined;
    lastMs = clock.nowMs();
    const wallMs = clock.wallMs();
    quietly(() => {
      const why = JSON.stringify(readiness());
      if (!isNews && why === last.why && file.touch(wallMs) === 'touched') return;
      isNews = false;
      const status = now();
      const text = JSON.stringify(status);
      if (text === last.text && file.touch(wallMs) === 'touched') return;
      file.write(status);
      last = { text, why };
    });
  };
  const soon = (): void => {
    cancel ??= clock.after(Math.max(SETTLE_MS, lastMs + INTERVAL_MS - clock.nowMs()), write);
  };
  quietly(() => sweepStatusFiles(place));
  soon();
  return {
    now,
    settle: soon,
    tell(event) {
      counts.tell(event);
      isNews = true;
      soon();
    },
    close() {
      cancel?.();
      quietly(file.remove);
    },
  };
}

/** What follows from events alone. */
function statusCounts(wallMs: () => number) {
  let store: StoreStatus = { state: 'unknown', sinceMs: wallMs() };
  let drift: DriftStatus = { detected: 0, repaired: 0 };
  let changed: WatchStatus['changed'];
  let guard: WatchStatus['guard'];
  const storeIs = (state: StoreStatus['state'], message?: string): void => {
    const sinceMs = store.state === state ? store.sinceMs : wallMs();
    store = { state, sinceMs, ...(message !== undefined && { message }) };
  };
  return {
    now: (snapshot: 'held' | 'free') => ({
      ...{ store, drift },
      ...(changed && { changed }),
      ...(guard && snapshot === 'held' && { guard }),
    }),
    tell(event: WatchEvent): void {
      switch (event.type) {
        case 'drift': {
          const { key, what, by } = event.drift;
          const last = { atMs: wallMs(), key, what, ...(by !== undefined && { by }) };
          drift = { ...drift, detected: drift.detected + 1, last };
          break;
        }
        case 'healed':
          drift = { ...drift, repaired: drift.repaired + 1 };
          break;
        case 'applied':
          changed = { atMs: wallMs(), count: event.changes.length };
          break;
        case 'held': {
          const { what, would, of, holdMs } = event;
          guard = { sinceMs: wallMs(), untilMs: wallMs() + holdMs, what, would, of };
          break;
        }
        case 'waiting':
          storeIs('disconnected', event.error.message);
          break;
        case 'ready':
          if (store.state === 'unknown') storeIs('connected');
          break;
        case 'store':
          if (event.state === 'connected') storeIs('connected');
          else storeIs('disconnected', event.error.message);
          break;
      }
    },
  };
}

export function runStatus(view: WatchView): RunStatus {
  const [own, desired, failing, leftOut] = [view.own(), view.desired(), view.failing(), view.leftOut()];
  const causes = new Set([...failing.keys()].map((key) => desired.get(key)?.because));
  const peers = view.peers();
  return {
    about: view.about,
    lease: leaseStatus(own, own.expiresAtMs),
    peers: {
      total: peers.length,
      failing: some(failing.size === 0 ? [] : peers.map(leaseName).filter((name) => causes.has(`lease of ${name}`))),
      leftOut: some(leftOut),
    },
    objects: desired.size,
    failing: some([...failing].map(([key, { code, message }]) => ({ key, code, message }))),
  };
}

const some = <T>(all: readonly T[]): Some<T> => ({ count: all.length, first: all.slice(0, NAMED) });

/** What others read about us is a courtesy. A runtime directory that is full or gone is found out by the lock. */
function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // As above.
  }
}
