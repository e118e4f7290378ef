import type { WatchEvent } from '../reconcile/events.js';

/** An event and when it was told, in milliseconds since 1970. */
export interface Moment {
  readonly atMs: number;
  readonly event: WatchEvent;
}

export interface Timeline {
  tell(event: WatchEvent): void;
  /** The oldest first. */
  moments(): readonly Moment[];
}

/** Enough for an hour of a busy node; a moment is a few hundred bytes. */
const LONGEST = 1000;

/** The last things that happened, whatever runs they belong to. */
export function timeline(wallMs: () => number): Timeline {
  const ring: Moment[] = [];
  return {
    tell(event) {
      ring.push({ atMs: wallMs(), event });
      if (ring.length > LONGEST) ring.splice(0, ring.length - LONGEST);
    },
    moments: () => ring,
  };
}
