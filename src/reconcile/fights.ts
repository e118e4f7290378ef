import type { Key } from '../planner/kind.js';

export interface FightSettings {
  /** This many drifts of one key… */
  readonly times: number;
  /** …within this time are a second writer, not an accident. */
  readonly withinMs: number;
}

export const DEFAULT_FIGHT: FightSettings = { times: 8, withinMs: 10_000 };

/** Finds keys that somebody keeps changing back. Remembers only the last few times of keys that drifted lately. */
export class Fights {
  readonly #settings: FightSettings;
  readonly #times = new Map<Key, number[]>();

  constructor(settings: FightSettings = DEFAULT_FIGHT) {
    this.#settings = settings;
  }

  /** Notes a drift. @returns how often the key drifted within the window, when that is often enough to be a fight */
  noted(key: Key, nowMs: number): number | undefined {
    const { times, withinMs } = this.#settings;
    const recent = (this.#times.get(key) ?? []).filter((at) => nowMs - at < withinMs);
    recent.push(nowMs);
    this.#times.set(key, recent);
    if (this.#times.size > 10_000) this.#forget(nowMs);
    return recent.length >= times ? recent.length : undefined;
  }

  #forget(nowMs: number): void {
    for (const [key, times] of this.#times) {
      if (nowMs - (times.at(-1) ?? 0) >= this.#settings.withinMs) this.#times.delete(key);
    }
  }
}
