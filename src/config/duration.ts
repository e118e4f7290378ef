export type Milliseconds = number;

export const DAY_MS = 86_400_000;
const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', DAY_MS],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** @returns undefined when the text is no duration; every number needs its unit */
export function parseDuration(text: string): Milliseconds | undefined {
  if (!/^(\d+(\.\d+)?(ms|[dhms]))+$/.test(text)) return undefined;
  const sizes = new Map(UNITS);
  const parts = text.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/g);
  return Math.round([...parts].reduce((sum, [, count, unit]) => sum + Number(count) * (sizes.get(unit ?? '') ?? 0), 0));
}

/** The shortest text that `parseDuration` reads back; whole milliseconds from 0. */
export function formatDuration(ms: Milliseconds): string {
  if (ms === 0) return '0';
  let rest = ms;
  const parts = UNITS.map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? '' : `${count}${unit}`;
  });
  return parts.join('');
}
