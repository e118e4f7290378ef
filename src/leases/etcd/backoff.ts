export const MAX_BACKOFF_MS = 5_000;

/** 100 ms doubled per failure up to 5 s, of which a random half is taken off. `random` is uniform in [0, 1). */
export const backoffMs = (failures: number, random: () => number): number =>
  Math.round(Math.min(MAX_BACKOFF_MS, 100 * 2 ** failures) * (1 - random() / 2));
