import { subnetsOf } from '../model/lease.js';
import type { WatchEvent } from '../reconcile/events.js';
import type { Paint } from './paint.js';
import { watchLine } from './watch-text.js';

export const LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export type Level = (typeof LEVELS)[number];

/** One line of the log of `watch`, before it is written in one format or another. */
export interface LogRecord {
  readonly level: Level;
  /** The event's type: what a query selects by. */
  readonly event: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

const LEVEL_OF: Readonly<Record<WatchEvent['type'], Level>> = {
  lease: 'info',
  waiting: 'warn',
  'lease-lost': 'error',
  ready: 'info',
  applied: 'info',
  failed: 'error',
  drift: 'warn',
  healed: 'info',
  fight: 'error',
  conflict: 'error',
  resync: 'info',
  peer: 'info',
  quarantined: 'warn',
  held: 'error',
  store: 'info',
  host: 'info',
  warning: 'warn',
  reload: 'info',
  dumped: 'info',
  'pending-confirm': 'warn',
  'rolled-back': 'error',
  'on-hold': 'warn',
  resumed: 'info',
  spared: 'warn',
  stopped: 'info',
};

export function levelOf(event: WatchEvent): Level {
  if (event.type === 'store' && event.state === 'disconnected') return 'warn';
  if (event.type === 'reload' && event.result === 'refused') return 'error';
  // What happens by the clock is news to nobody.
  if (event.type === 'resync' && event.why === 'periodic resync') return 'debug';
  if (event.type === 'lease' && event.why === 'renewed') return 'debug';
  return LEVEL_OF[event.type];
}

export const isLoggedAt = (level: Level, threshold: Level): boolean =>
  LEVELS.indexOf(level) <= LEVELS.indexOf(threshold);

export const logRecord = (event: WatchEvent, paint?: Paint): LogRecord => ({
  level: levelOf(event),
  event: event.type,
  message: watchLine(event, paint) ?? event.type,
  fields: fieldsOf(event),
});

/** What a machine looks for in an event, flat: keys, names, numbers, never a whole object. */
function fieldsOf(event: WatchEvent): LogRecord['fields'] {
  const fields: Record<string, string | number> = {};
  for (const [name, value] of Object.entries(event)) {
    if (name === 'type') continue;
    if (typeof value === 'string') fields[snake(name)] = value;
    else if (typeof value === 'number') fields[snake(name)] = Math.round(value * 1000) / 1000;
  }
  if ('error' in event) Object.assign(fields, { code: event.error.code, ...hintOf(event.error) });
  switch (event.type) {
    case 'lease':
      return { ...fields, subnets: subnetsOf(event.lease).join(' ') };
    case 'drift': {
      const { key, what, by } = event.drift;
      return { key, what, ...(by !== undefined && { by }) };
    }
    case 'conflict':
      return { key: event.conflict.key };
    case 'applied':
      return { ...fields, changes: event.changes.length };
    case 'warning':
      return { code: event.warning.code, ...hintOf(event.warning) };
    case 'reload':
      return { ...fields, ...(event.result !== 'refused' && { changed: event.changed.join(' ') }) };
    default:
      return fields;
  }
}

const hintOf = ({ hint }: { readonly hint?: string | undefined }) => (hint === undefined ? {} : { hint });

/** `took_ms` of `tookMs`. */
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export type LogFormat = 'text' | 'json' | 'logfmt';

export interface Written {
  readonly record: LogRecord;
  /** As ISO 8601. */
  readonly time: string;
  readonly format: LogFormat;
}

/** One line without its end. Text of unknown origin cannot begin another one. */
export function logLine({ record, time, format }: Written): string {
  const { level, event, message, fields } = record;
  switch (format) {
    case 'text':
      return `${time} ${message}`;
    case 'json':
      return JSON.stringify({ time, level, msg: message, event, ...fields });
    case 'logfmt': {
      const pairs = Object.entries({ time, level, msg: message, event, ...fields });
      return pairs.map(([name, value]) => `${name}=${logfmtValue(value)}`).join(' ');
    }
  }
}

/** Bare where nothing in it could be mistaken; else in quotes, as Go and every reader of logfmt writes it. */
const logfmtValue = (value: string | number): string =>
  /^[\w./:@+\-&]+$/.test(String(value)) ? String(value) : JSON.stringify(String(value));
