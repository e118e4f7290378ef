import type { Clock } from './clock.js';

/** Timers by name: setting one forgets an earlier one of that name. */
export class Timers {
  readonly #clock: Clock;
  readonly #cancels = new Map<string, () => void>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  set(name: string, delayMs: number, run: () => void): void {
    if (this.#closed) return;
    this.cancel(name);
    const cancel = this.#clock.after(delayMs, () => {
      this.#cancels.delete(name);
      run();
    });
    this.#cancels.set(name, cancel);
  }

  /** As `set`, but one that is pending stays as it is. */
  ensure(name: string, delayMs: number, run: () => void): void {
    if (!this.#cancels.has(name)) this.set(name, delayMs, run);
  }

  cancel(name: string): void {
    this.#cancels.get(name)?.();
    this.#cancels.delete(name);
  }

  /** Cancels all; what is set from now on is not. */
  close(): void {
    this.#closed = true;
    for (const name of [...this.#cancels.keys()]) this.cancel(name);
  }
}
