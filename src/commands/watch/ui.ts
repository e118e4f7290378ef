import type { Clock } from '../../reconcile/clock.js';
import type { WatchEvent } from '../../reconcile/events.js';
import type { WatchView } from '../../reconcile/view.js';
import { type LiveMark, type LiveRow, liveRows, reasonOf } from '../../report/live-rows.js';
import { type LiveEvent, liveFrame } from '../../report/live-table.js';
import { levelOf, logRecord } from '../../report/log-record.js';
import type { Paint } from '../../report/paint.js';
import type { WatchStatus } from '../../report/watch-status.js';
import { openScreen, type Terminal, type TerminalScreen } from './screen.js';
import type { Sink } from './telemetry.js';

export interface LiveUiInit extends Terminal {
  readonly clock: Clock;
  readonly paint: Paint;
  readonly onQuit: () => void;
}

/** `watch` as a table that is always up to date, in place of lines. */
export interface LiveUi extends Sink {
  /** Takes the terminal: from now on there is something to show. */
  show(status: () => WatchStatus): void;
  /** Gives the terminal back, with the last word on it. */
  close(): void;
}

/** News is shown this soon, ages this often. */
const NEWS_MS = 150;
const TICK_MS = 1000;
/** Looking at very many objects takes no more than this share of the time. */
const SHARE = 20;
const KEPT_EVENTS = 200;
const FEW = 16;

export function liveUi({ clock, paint, onQuit, ...terminal }: LiveUiInit): LiveUi {
  const events: LiveEvent[] = [];
  const marks = new Map<string, LiveMark>();
  let screen: TerminalScreen | undefined;
  let view: WatchView | undefined;
  let status: (() => WatchStatus) | undefined;
  let rows: readonly LiveRow[] = [];
  let mode: 'live' | 'paused' = 'live';
  let help: 'shown' | 'hidden' = 'hidden';
  let skipped = 0;
  let frozen:
    | { readonly status: WatchStatus; readonly events: readonly LiveEvent[]; readonly nowMs: number }
    | undefined;
  let cancel: (() => void) | undefined;
  let dueMs = Number.POSITIVE_INFINITY;
  let tookMs = 0;

  const markOf = (reason: string): LiveMark => {
    const known = marks.get(reason) ?? { drifts: 0, sinceMs: clock.wallMs() };
    marks.set(reason, known);
    return known;
  };
  const noteChange = (key: string, drifts: 0 | 1): void => {
    const reason = view?.desired().get(key as never)?.because;
    if (reason === undefined) return;
    const mark = markOf(reason);
    marks.set(reason, { ...mark, drifts: mark.drifts + drifts, changedMs: clock.wallMs() });
  };

  /** Peers come and go for months. */
  const forgetGone = (): void => {
    if (marks.size <= 2 * rows.length + FEW) return;
    const there = new Set(rows.map(({ name }) => reasonOf(name)));
    for (const reason of marks.keys()) if (!there.has(reason)) marks.delete(reason);
  };

  const draw = (): void => {
    cancel = undefined;
    dueMs = Number.POSITIVE_INFINITY;
    const startedMs = clock.nowMs();
    if (mode === 'live') {
      rows = view === undefined ? [] : liveRows(view, markOf);
      forgetGone();
      frozen = status && { status: status(), events: [...events], nowMs: clock.wallMs() };
    }
    if (screen !== undefined && frozen !== undefined) {
      screen.draw(liveFrame({ ...frozen, rows, mode, help, skipped }, { ...screen.size(), paint }));
    }
    tookMs = clock.nowMs() - startedMs;
    soon(TICK_MS);
  };
  const soon = (delayMs: number): void => {
    const waitMs = Math.max(delayMs, tookMs * SHARE);
    if (clock.nowMs() + waitMs >= dueMs) return;
    cancel?.();
    dueMs = clock.nowMs() + waitMs;
    cancel = clock.after(waitMs, draw);
  };

  const press: Readonly<Record<string, () => void>> = {
    q: onQuit,
    '\x03': onQuit,
    p: () => {
      mode = mode === 'live' ? 'paused' : 'live';
    },
    r: () => view?.resync('asked for at the terminal'),
    '?': () => {
      help = help === 'shown' ? 'hidden' : 'shown';
    },
    '\x1b[A': () => {
      skipped = Math.max(0, skipped - 1);
    },
    '\x1b[B': () => {
      skipped = Math.min(Math.max(0, rows.length - 1), skipped + 1);
    },
  };
  const onKey = (key: string): void => {
    press[key]?.();
    soon(0);
  };
  return {
    show(read) {
      status = read;
      screen = openScreen({ ...terminal, onKey, onResize: () => soon(0) });
      soon(0);
    },
    look(next) {
      view = next;
    },
    tell(event: WatchEvent) {
      if (event.type === 'drift') noteChange(event.drift.key, 1);
      if (event.type === 'applied') for (const { key } of event.changes) noteChange(key, 0);
      // Settings that are read again may have been complained about on this very terminal.
      if (event.type === 'reload') screen?.invalidate();
      const level = levelOf(event);
      if (level !== 'debug') events.push({ atMs: clock.wallMs(), level, words: logRecord(event).message });
      if (events.length > KEPT_EVENTS) events.splice(0, events.length - KEPT_EVENTS);
      soon(NEWS_MS);
    },
    close() {
      cancel?.();
      dueMs = Number.NEGATIVE_INFINITY;
      if (screen === undefined) return;
      screen.leave();
      const last = events.at(-1);
      if (last !== undefined) terminal.output.write(`${last.words}\n`);
    },
  };
}
