import type { Key } from '../planner/kind.js';

export interface BackoffSettings {
  readonly firstMs: number;
  readonly maxMs: number;
  /** After this long without a failure a key starts over at `firstMs`. */
  readonly forgetMs: number;
}

/** A failing key costs one try a second at first and two a minute in the end. */
export const DEFAULT_BACKOFF: BackoffSettings = { firstMs: 500, maxMs: 30_000, forgetMs: 120_000 };

interface Entry {
  failures: number;
  dueMs: number;
  lastMs: number;
  waiting: boolean;
  /** Somebody else changes it back: nothing but time helps. */
  fought: boolean;
}

/** Per-key retry times, so that one key that cannot work delays no other. Pure: times come in, times go out. */
export class Backoff {
  readonly #settings: BackoffSettings;
  readonly #entries = new Map<Key, Entry>();

  constructor(settings: BackoffSettings = DEFAULT_BACKOFF) {
    this.#settings = settings;
  }

  failed(key: Key, nowMs: number): void {
    const { firstMs, maxMs, forgetMs } = this.#settings;
    const entry = this.#entries.get(key);
    const failures = entry === undefined || nowMs - entry.lastMs > forgetMs ? 0 : entry.failures;
    const delayMs = Math.min(maxMs, firstMs * 2 ** failures);
    const fought = failures > 0 && entry?.fought === true;
    this.#entries.set(key, { failures: failures + 1, dueMs: nowMs + delayMs, lastMs: nowMs, waiting: true, fought });
  }

  /** It works, but somebody keeps changing it back. */
  holdOff(key: Key, nowMs: number): void {
    this.failed(key, nowMs);
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.fought = true;
  }

  /** The world moved meanwhile: the next try, after another look, need not wait; one that is raced as well does. */
  raced(key: Key, nowMs: number): void {
    const entry = this.#entries.get(key);
    if (entry?.waiting === true) this.failed(key, nowMs);
    else {
      const { failures = 0, fought = false } = entry ?? {};
      this.#entries.set(key, { failures, dueMs: nowMs, lastMs: nowMs, waiting: true, fought });
    }
  }

  /** Keeps the count: a key that fails again soon goes on where it was. */
  succeeded(key: Key): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.waiting = false;
  }

  /** Something else is to be done there now: what came of the last tries says nothing about it. */
  forget(key: Key): void {
    this.#entries.delete(key);
  }

  /** Whether the last try failed, whenever the next one is. */
  isFailing(key: Key): boolean {
    return this.#entries.get(key)?.waiting === true;
  }

  isWaiting(key: Key, nowMs: number): boolean {
    const entry = this.#entries.get(key);
    return entry?.waiting === true && entry.dueMs > nowMs;
  }

  /** Keys whose time has come. */
  due(nowMs: number): Key[] {
    const keys: Key[] = [];
    for (const [key, entry] of this.#entries) {
      if (entry.waiting) {
        if (entry.dueMs <= nowMs) keys.push(key);
      } else if (nowMs - entry.lastMs > this.#settings.forgetMs) this.#entries.delete(key);
    }
    return keys;
  }

  /** Keys whose last try failed, whenever the next one is. */
  *waiting(): Iterable<Key> {
    for (const [key, entry] of this.#entries) if (entry.waiting) yield key;
  }

  /** When the next key is due; undefined when none waits. */
  nextMs(): number | undefined {
    let next: number | undefined;
    for (const { waiting, dueMs } of this.#entries.values()) {
      if (waiting && (next === undefined || dueMs < next)) next = dueMs;
    }
    return next;
  }

  /** Forgets all failures, but not what is fought about. @returns the keys that waited */
  clear(): Key[] {
    const failed = [...this.#entries].filter(([, entry]) => !entry.fought);
    for (const [key] of failed) this.#entries.delete(key);
    return failed.filter(([, entry]) => entry.waiting).map(([key]) => key);
  }
}
