/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, ignoring case. */
export function distance(a: string, b: string): number {
  const [x, y] = [a.toLowerCase(), b.toLowerCase()];
  let before: number[] = [];
  let last = Array.from({ length: y.length + 1 }, (_, j) => j);
  for (let i = 1; i <= x.length; i++) {
    const row = [i];
    for (let j = 1; j <= y.length; j++) {
      const same = x[i - 1] === y[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && x[i - 1] === y[j - 2] && x[i - 2] === y[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
    }
    [before, last] = [last, row];
  }
  return last[y.length] ?? 0;
}

/** The candidate that `word` was most likely meant to be; undefined when none is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  // Nobody mistypes a very long name by a few letters only to see it compared: keeps hostile input cheap.
  if (word.length > 64) return undefined;
  const limit = Math.max(1, Math.floor(word.length / 3));
  let best: { readonly candidate: string; readonly cost: number } | undefined;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) > limit) continue;
    const cost = distance(word, candidate);
    if (cost <= limit && (best === undefined || cost < best.cost)) best = { candidate, cost };
  }
  return best?.candidate;
}

/** `didYouMean` as the end of a sentence: ` (did you mean 'x'?)`, or nothing. */
export function suggestion(word: string, candidates: Iterable<string>): string {
  const meant = didYouMean(word, candidates);
  return meant === undefined ? '' : ` (did you mean '${meant}'?)`;
}
