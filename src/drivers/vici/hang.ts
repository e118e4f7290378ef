import { asFlanError } from '../../errors.js';

/** A charon that answers no look for so long, and not fewer of them, hangs: packets go astray until there is another. */
const SILENCE = { ms: 60_000, looks: 3 };

/** Tells a charon that hangs from one that is busy for a moment. */
export interface HangWatch {
  answered(): void;
  /** A look failed. @returns whether charon hangs; it is counted anew then */
  failed(cause: unknown, nowMs: number): boolean;
}

export function hangWatch(): HangWatch {
  let silence: { readonly sinceMs: number; readonly looks: number } | undefined;
  return {
    answered: () => {
      silence = undefined;
    },
    failed: (cause, nowMs) => {
      const { code, retry } = asFlanError(cause);
      // A refusal is an answer, too.
      silence =
        code === 'E_CHARON' && retry
          ? { sinceMs: silence?.sinceMs ?? nowMs, looks: (silence?.looks ?? 0) + 1 }
          : undefined;
      if (silence === undefined || silence.looks < SILENCE.looks || nowMs < silence.sinceMs + SILENCE.ms) return false;
      silence = undefined;
      return true;
    },
  };
}
