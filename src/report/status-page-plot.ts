import { escaped } from './html.js';
import type { Status, StatusMoment } from './status-page-data.js';

const WIDTH = 1000;
const LEFT = 92;
const RIGHT = 984;
/** Where repairs are drawn by how long they took, from top to bottom. */
const TOP = 18;
const BOTTOM = 138;
const LANES = [
  { sort: 'drift', label: 'drift', y: 172 },
  { sort: 'change', label: 'changes', y: 198 },
  { sort: 'trouble', label: 'trouble', y: 224 },
] as const;
const AXIS = 246;
const HEIGHT = 274;

/** A tenth of a millisecond to ten seconds: everything beyond is drawn at the edge. */
const DECADES = [
  { ms: 0.1, label: '0.1 ms' },
  { ms: 1, label: '1 ms' },
  { ms: 10, label: '10 ms' },
  { ms: 100, label: '0.1 s' },
  { ms: 1000, label: '1 s' },
  { ms: 10_000, label: '10 s' },
] as const;
const [FASTEST, SLOWEST] = [-1, 4];

const MINUTE_MS = 60_000;
/** Widths that a time axis can have, with how far its marks are apart. */
const WINDOWS = [
  { spanMs: 5 * MINUTE_MS, stepMs: MINUTE_MS },
  { spanMs: 15 * MINUTE_MS, stepMs: 3 * MINUTE_MS },
  { spanMs: 60 * MINUTE_MS, stepMs: 10 * MINUTE_MS },
  { spanMs: 6 * 60 * MINUTE_MS, stepMs: 60 * MINUTE_MS },
  { spanMs: 24 * 60 * MINUTE_MS, stepMs: 4 * 60 * MINUTE_MS },
] as const;

/** The last day at most: repairs by their duration on a logarithmic scale, and under them what else happened, in lanes. */
export function timelinePlot({ moments, nowMs }: Pick<Status, 'moments' | 'nowMs'>): string {
  const drawn = moments.filter(({ sort }) => sort !== 'note');
  const oldestMs = drawn[0]?.atMs ?? nowMs;
  const { spanMs, stepMs } = WINDOWS.find((window) => nowMs - oldestMs <= window.spanMs) ?? LONGEST;
  const startMs = nowMs - spanMs;
  const x = (atMs: number): string => (LEFT + ((atMs - startMs) / spanMs) * (RIGHT - LEFT)).toFixed(1);
  const seen = drawn.filter(({ atMs }) => atMs >= startMs);
  const marks = seen.map((moment) => mark(moment, x(moment.atMs)));
  const nothing =
    seen.length === 0
      ? `<text class="faint" x="${(LEFT + RIGHT) / 2}" y="${(TOP + BOTTOM) / 2}" text-anchor="middle">nothing has drifted</text>`
      : '';
  return `<svg id="timeline" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escaped(summary(seen))}">
${grid()}${timeAxis({ startMs, nowMs, stepMs, x })}${nothing}${marks.join('')}
</svg>`;
}

const LONGEST = WINDOWS[WINDOWS.length - 1] ?? WINDOWS[0];

function grid(): string {
  const lines = DECADES.map(({ ms, label }) => {
    const y = yOf(ms);
    return `<path class="grid" d="M${LEFT} ${y}H${RIGHT}"/><text class="axis" x="${LEFT - 10}" y="${y}" dy=".32em" text-anchor="end">${label}</text>`;
  });
  const lanes = LANES.map(
    ({ label, y, sort }) =>
      `<path class="lane" d="M${LEFT} ${y}H${RIGHT}"/><text class="axis ${sort}" x="${LEFT - 10}" y="${y}" dy=".32em" text-anchor="end">${label}</text>`,
  );
  return `<text class="faint" x="${LEFT + 6}" y="${TOP - 6}">time to repair</text>${lines.join('')}${lanes.join('')}`;
}

interface TimeAxis {
  readonly startMs: number;
  readonly nowMs: number;
  readonly stepMs: number;
  readonly x: (atMs: number) => string;
}

function timeAxis({ startMs, nowMs, stepMs, x }: TimeAxis): string {
  const ticks: string[] = [];
  for (let atMs = Math.ceil(startMs / stepMs) * stepMs; atMs <= nowMs; atMs += stepMs) {
    const label = new Date(atMs).toISOString().slice(11, 16);
    ticks.push(
      `<path class="grid" d="M${x(atMs)} ${TOP}V${AXIS}"/><text class="axis" x="${x(atMs)}" y="${AXIS + 18}" text-anchor="middle">${label}</text>`,
    );
  }
  return ticks.join('');
}

function mark({ sort, words, tookMs, atMs }: StatusMoment, x: string): string {
  const title = `<title>${new Date(atMs).toISOString().slice(11, 23)} ${escaped(words)}</title>`;
  if (sort === 'repair') return `<circle class="repair" cx="${x}" cy="${yOf(tookMs ?? 0)}" r="4.5">${title}</circle>`;
  const y = LANES.find((lane) => lane.sort === sort)?.y;
  return y === undefined ? '' : `<path class="tick ${sort}" d="M${x} ${y - 8}v16">${title}</path>`;
}

/** The logarithm's place between the edges. */
function yOf(ms: number): string {
  const decade = Math.min(SLOWEST, Math.max(FASTEST, Math.log10(Math.max(ms, Number.MIN_VALUE))));
  return (BOTTOM - ((decade - FASTEST) / (SLOWEST - FASTEST)) * (BOTTOM - TOP)).toFixed(1);
}

function summary(seen: readonly StatusMoment[]): string {
  const count = (sort: StatusMoment['sort']): number => seen.filter((moment) => moment.sort === sort).length;
  return `Timeline: ${count('drift')} drifts, ${count('repair')} repairs, ${count('change')} changes, ${count('trouble')} troubles`;
}
