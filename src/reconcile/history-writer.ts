import { asFlanError, type FlanError } from '../errors.js';
import { appliedFact, factOf, type HistoryEntry, type HistoryFact } from '../report/history-entry.js';
import type { HistoryKind } from '../report/history-kinds.js';
import type { Clock } from './clock.js';
import type { AppliedChange, WatchEvent } from './events.js';
import { appendHistory, type HistoryPlace } from './history-file.js';

export interface HistoryWriterInit {
  readonly place: HistoryPlace;
  readonly clock: Pick<Clock, 'wallMs' | 'after'>;
  /** Told once that nothing can be written; it is tried again all the same. */
  readonly onRefused: (error: FlanError) => void;
}

/** Writes down what `watch` tells. */
export interface HistoryWriter {
  tell(event: WatchEvent): void;
  /** From now on. */
  change(place: HistoryPlace): void;
  /** Writes what is not written yet. */
  close(): Promise<void>;
}

/** What happens within it is written at once. */
const BATCH_MS = 1000;
/** A device with a thousand peers that goes takes thousands of objects along: so many of a kind are told one by one. */
const MOST_OF_A_KIND = 200;

export function historyWriter(init: HistoryWriterInit): HistoryWriter {
  const { clock, onRefused } = init;
  let { place } = init;
  let waiting: HistoryEntry[] = [];
  let counts = new Map<HistoryKind, number>();
  /** Repaired since changes were told the last time: those are told as repairs. */
  let repaired = new Set<string>();
  let cancel: (() => void) | undefined;
  let writing: Promise<void> = Promise.resolve();
  let wasRefused = false;

  const stamp = (fact: HistoryFact): HistoryEntry => ({ at: new Date(clock.wallMs()).toISOString(), ...fact });

  const write = (): void => {
    cancel?.();
    cancel = undefined;
    const left = [...counts].filter(([, count]) => count > MOST_OF_A_KIND);
    const entries = [...waiting, ...left.map(([of, count]) => stamp(leftOut(of, count - MOST_OF_A_KIND)))];
    waiting = [];
    counts = new Map();
    if (entries.length === 0) return;
    const into = place;
    // One after the other: entries stay in their order.
    writing = writing.then(async () => {
      try {
        await appendHistory({ place: into, entries });
        wasRefused = false;
      } catch (cause) {
        if (!wasRefused) onRefused(asFlanError(cause));
        wasRefused = true;
      }
    });
  };

  const note = (fact: HistoryFact | undefined): void => {
    if (fact === undefined || fact.kind === 'left out') return;
    const count = (counts.get(fact.kind) ?? 0) + 1;
    counts.set(fact.kind, count);
    if (count <= MOST_OF_A_KIND) waiting.push(stamp(fact));
    cancel ??= clock.after(BATCH_MS, write);
  };

  const applied = (changes: readonly AppliedChange[], tookMs: number): void => {
    const asked = changes.filter(({ key }) => !repaired.has(key));
    repaired = new Set();
    if (asked.length > 0) note(appliedFact({ by: 'watch', changes: asked, failed: 0, tookMs }));
  };

  return {
    tell(event) {
      if (event.type === 'applied') applied(event.changes, event.tookMs);
      else note(factOf(event));
      if (event.type === 'healed') repaired.add(event.key);
    },
    change(next) {
      if (next.stateDir === place.stateDir && next.netns === place.netns) return;
      write();
      place = next;
    },
    close: () => {
      write();
      return writing;
    },
  };
}

const leftOut = (of: HistoryKind, count: number): HistoryFact => ({ kind: 'left out', of, count });
