import { duration } from './duration-words.js';
import { LIVE_KINDS, type LiveKind, type LiveRow } from './live-rows.js';
import type { Level } from './log-record.js';
import { type Paint, plain } from './paint.js';
import { printable } from './printable.js';
import { leaseWords } from './status-text.js';
import type { WatchStatus } from './watch-status.js';

export interface LiveEvent {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly level: Level;
  readonly words: string;
}

export interface LiveState {
  readonly nowMs: number;
  readonly status: WatchStatus;
  readonly rows: readonly LiveRow[];
  /** The oldest first. */
  readonly events: readonly LiveEvent[];
  readonly mode: 'live' | 'paused';
  readonly help: 'shown' | 'hidden';
  /** How many peers are scrolled past. */
  readonly skipped: number;
}

export interface Screen {
  readonly columns: number;
  readonly lines: number;
  readonly paint?: Paint;
}

/** A piece of a line: text, and the colour that it is painted with once its width is settled. */
interface Piece {
  readonly text: string;
  readonly colour?: keyof Paint;
}

type Line = readonly Piece[];

const HEADER_LINES = 5;
const FEWEST_EVENTS = 3;

/** The whole screen, line by line, each no wider than it. Later lines than the screen has are not made. */
export function liveFrame(state: LiveState, { columns, lines, paint = plain }: Screen): readonly string[] {
  const body = Math.max(0, lines - HEADER_LINES - 2);
  const eventLines = Math.max(Math.min(FEWEST_EVENTS, body), Math.floor(body / 3));
  const peerLines = Math.max(0, body - eventLines);
  const frame: readonly Line[] = [
    ...header(state),
    ...(state.help === 'shown' ? helpLines(peerLines) : peerTable(state, peerLines)),
    [{ text: 'events', colour: 'bold' }],
    ...eventTail(state.events, eventLines),
    footer(state),
  ];
  return frame.slice(0, lines).map((line) => painted(line, columns, paint));
}

function painted(line: Line, columns: number, paint: Paint): string {
  let left = columns;
  return line
    .map(({ text, colour }) => {
      const shown = printable(text).slice(0, left);
      left -= shown.length;
      return colour === undefined || shown === '' ? shown : paint[colour](shown);
    })
    .join('');
}

function header({ status, nowMs, rows, mode }: LiveState): readonly Line[] {
  const { run, store, drift, ready, why, flan, startedAtMs } = status;
  const { about, lease, peers, failing, objects = 0 } = run ?? {};
  const lacking = rows.filter(({ state }) => state === 'lacking').length;
  const since = duration(Math.max(0, nowMs - store.sinceMs));
  return [
    [
      { text: about?.node ?? 'flan', colour: 'bold' },
      { text: `  ${[about?.backend, ...(about?.networks ?? [])].filter(Boolean).join(' · ')}  ` },
      ready ? { text: '✓ ready', colour: 'green' } : { text: '✕ not ready', colour: 'red' },
      { text: `  up ${duration(Math.max(0, nowMs - startedAtMs))}  flan ${flan}`, colour: 'dim' },
      ...(mode === 'paused' ? [{ text: '  PAUSED', colour: 'yellow' } as const] : []),
    ],
    [
      { text: 'store  ', colour: 'dim' },
      store.state === 'disconnected'
        ? { text: `away for ${since}: ${store.message ?? 'no answer'}`, colour: 'red' }
        : { text: store.state === 'unknown' ? 'not asked yet' : `connected for ${since}` },
      { text: about === undefined ? '' : `  ${about.store}`, colour: 'dim' },
    ],
    [{ text: 'lease  ', colour: 'dim' }, { text: ready || lease ? leaseWords(lease, nowMs) : why }],
    [
      { text: 'peers  ', colour: 'dim' },
      { text: `${peers?.total ?? 0} in use, ` },
      lacking === 0 ? { text: '0 lacking' } : { text: `${lacking} lacking`, colour: 'red' },
      { text: `, ${peers?.leftOut.count ?? 0} left out · ${objects} objects, ` },
      failing?.count ? { text: `${failing.count} failing`, colour: 'red' } : { text: '0 failing' },
      { text: ` · drift ${drift.detected}, repaired ${drift.repaired}` },
    ],
    [],
  ];
}

const HEADS: readonly string[] = ['NODE', 'SUBNET', 'ADDRESS', 'BACKEND'];
const TAIL_HEADS: readonly string[] = ['DRIFT', 'CHANGED', 'AGE'];
/** Columns hold whatever names come; the screen's width cuts the rest. */
const MOST_WIDE = 40;

function peerTable({ rows, nowMs, skipped }: LiveState, lines: number): readonly Line[] {
  if (lines === 0) return [];
  const kinds = LIVE_KINDS.filter((kind) => rows.some(({ counts }) => counts[kind] !== undefined));
  const room = lines - 1;
  const first = Math.min(skipped, Math.max(0, rows.length - room));
  const hasMore = rows.length - first > room;
  const shown = rows.slice(first, first + (hasMore ? room - 1 : room));
  const cells = shown.map((row) => cellsOf(row, { kinds, nowMs }));
  const heads = [...HEADS, ...kinds.map((kind) => kind.toUpperCase()), ...TAIL_HEADS];
  const widths = heads.map((head, i) =>
    Math.min(MOST_WIDE, Math.max(head.length, ...cells.map((row) => printable(row[i]?.text ?? '').length))),
  );
  const fitted = ({ text, colour }: Piece, i: number): Piece => ({
    text: `${printable(text)
      .slice(0, widths[i])
      .padEnd(widths[i] ?? 0)}  `,
    ...(colour && { colour }),
  });
  const table: readonly Line[] = [
    heads.map((text, i) => fitted({ text, colour: 'dim' }, i)),
    ...cells.map((row) => row.map(fitted)),
    ...(hasMore ? [[{ text: `… ${rows.length - first - shown.length} more`, colour: 'dim' } as const]] : []),
    ...(rows.length === 0 ? [[{ text: 'no other node has a lease', colour: 'dim' } as const]] : []),
  ];
  return padded(table, lines);
}

function cellsOf(
  row: LiveRow,
  { kinds, nowMs }: { readonly kinds: readonly LiveKind[]; readonly nowMs: number },
): Line {
  const { name, subnets, addresses, backend, counts, state, drifts, changedMs, sinceMs } = row;
  return [
    { text: name, colour: state === 'lacking' ? 'red' : 'bold' },
    { text: subnets.join(' ') },
    { text: addresses.join(' ') || '-' },
    { text: backend },
    ...kinds.map((kind): Piece => {
      const { desired, inPlace } = counts[kind] ?? { desired: 0, inPlace: 0 };
      if (desired === 0) return { text: '-', colour: 'dim' };
      return inPlace === desired ? { text: '✓', colour: 'green' } : { text: `✕ ${inPlace}/${desired}`, colour: 'red' };
    }),
    drifts === 0 ? { text: '0', colour: 'dim' } : { text: String(drifts), colour: 'yellow' },
    { text: changedMs === undefined ? '-' : `${duration(Math.max(0, nowMs - changedMs))} ago` },
    { text: duration(Math.max(0, nowMs - sinceMs)) },
  ];
}

const HELP: readonly string[] = [
  'q, Ctrl-C   end watch; everything stays in place',
  'p           pause and go on: the picture stands still, the work goes on',
  'r           read everything again now',
  '↑ ↓         scroll the peers',
  '?           this help',
];

const helpLines = (lines: number): readonly Line[] =>
  padded(HELP.map((text) => [{ text: `  ${text}` }]).slice(0, lines), lines);

const padded = (lines: readonly Line[], count: number): readonly Line[] => [
  ...lines.slice(0, count),
  ...Array.from({ length: Math.max(0, count - lines.length) }, (): Line => []),
];

const LEVEL_COLOUR: Readonly<Record<Level, keyof Paint | undefined>> = {
  error: 'red',
  warn: 'yellow',
  info: undefined,
  debug: 'dim',
};

function eventTail(events: readonly LiveEvent[], lines: number): readonly Line[] {
  const shown = lines === 0 ? [] : events.slice(-lines);
  return padded(
    shown.map(({ atMs, level, words }) => {
      const colour = LEVEL_COLOUR[level];
      return [
        { text: `${clockTime(atMs)}  `, colour: 'dim' },
        { text: words, ...(colour && { colour }) },
      ];
    }),
    lines,
  );
}

const footer = ({ mode }: LiveState): Line => [
  { text: `q quit   p ${mode === 'paused' ? 'go on' : 'pause'}   r read again   ? help`, colour: 'dim' },
];

/** Of the day, in UTC. */
const clockTime = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19);
