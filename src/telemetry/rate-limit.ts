/** How many of a sort may pass in a window; the rest are counted. */
export interface RateLimit {
  readonly burst: number;
  readonly windowMs: number;
}

/** What was kept back of one sort since its window began. */
export interface Suppressed {
  readonly sort: string;
  readonly count: number;
}

export interface RateLimiter {
  pass(sort: string, nowMs: number): 'pass' | 'suppress';
  /** Closes the windows that are over, or all. @returns the sorts of which something was kept back */
  settle(nowMs: number): readonly Suppressed[];
}

/**
 * Lets `burst` of each sort through per window, so that what repeats a thousand times costs a few lines. Pure: times
 * come in. Sorts that have gone quiet are forgotten.
 */
export function rateLimiter({ burst, windowMs }: RateLimit): RateLimiter {
  const windows = new Map<string, { endsMs: number; passed: number; suppressed: number }>();
  return {
    pass(sort, nowMs) {
      const window = windows.get(sort);
      if (window === undefined) {
        windows.set(sort, { endsMs: nowMs + windowMs, passed: 1, suppressed: 0 });
        return 'pass';
      }
      if (window.passed < burst) {
        window.passed++;
        return 'pass';
      }
      window.suppressed++;
      return 'suppress';
    },
    settle(nowMs) {
      const over: Suppressed[] = [];
      for (const [sort, { endsMs, suppressed }] of windows) {
        if (endsMs > nowMs) continue;
        windows.delete(sort);
        if (suppressed > 0) over.push({ sort, count: suppressed });
      }
      return over;
    },
  };
}
