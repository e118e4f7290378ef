import { resolve } from 'node:path';
import { type Address, type Family, familyOf, type Prefix, tryAddress, tryPrefix } from '../model/ip.js';

import { DAY_MS, formatDuration, type Milliseconds, parseDuration } from './duration.js';

export type TypeName =
  | 'string'
  | 'path'
  | 'integer'
  | 'boolean'
  | 'duration'
  | 'address'
  | 'prefix'
  | 'choice'
  | 'share'
  | 'secret';

/** How one sort of setting is written. Raw values are text (flags, variables) or what YAML made of a file. */
export interface ValueType<T> {
  readonly name: TypeName;
  /** Completes "must be …". */
  readonly expects: string;
  /** A list: flags may be repeated. */
  readonly multiple: boolean;
  readonly choices?: readonly string[];
  /**
   * @param base directory that relative paths start from
   * @returns undefined when the raw value is none of this type
   */
  decode(raw: unknown, base: string): T | undefined;
  /** For people, and readable again by `decode`. */
  format(value: T): string;
}

export interface TextRules {
  readonly expects?: string;
  readonly accepts?: (text: string) => boolean;
}

export const string = ({ expects = 'a string', accepts = () => true }: TextRules = {}): ValueType<string> => ({
  ...single('string', expects),
  decode: (raw) => (typeof raw === 'string' && raw !== '' && accepts(raw) ? raw : undefined),
  format: (value) => value,
});

/** What is written into leases, files and terminals. */
export const name: ValueType<string> = string({
  expects: 'a name without control characters',
  accepts: (text) => !/[^ -~\u00a0-\uffff]/.test(text),
});

export const secret: ValueType<string> = {
  ...single('secret', 'a string'),
  decode: (raw) => (typeof raw === 'string' && raw !== '' ? raw : undefined),
  format: () => '(set)',
};

export const path: ValueType<string> = {
  ...single('path', 'a path'),
  decode: (raw, base) => (typeof raw === 'string' && raw !== '' ? resolve(base, raw) : undefined),
  format: (value) => value,
};

/** A network namespace: a name of ip-netns(8), or a path (anything with a slash). */
export const netns: ValueType<string> = {
  ...single('string', 'the name or the path of a network namespace'),
  decode: (raw, base) => {
    if (typeof raw !== 'string' || raw === '' || raw === '.' || raw === '..') return undefined;
    return raw.includes('/') ? resolve(base, raw) : raw;
  },
  format: (value) => value,
};

export const integer = ({ min, max }: { readonly min: number; readonly max: number }): ValueType<number> => ({
  ...single('integer', `an integer from ${min} to ${max}`),
  decode: (raw) => {
    const value = typeof raw === 'string' && /^-?\d{1,15}$/.test(raw) ? Number(raw) : raw;
    return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max ? value : undefined;
  },
  format: String,
});

/** The words of Go's strconv.ParseBool, which flanneld reads, and YAML 1.1's. */
export const boolean: ValueType<boolean> = {
  ...single('boolean', 'true or false'),
  decode: (raw) => (typeof raw === 'boolean' ? raw : typeof raw === 'string' ? WORDS[raw.toLowerCase()] : undefined),
  format: String,
};

const WORDS: Readonly<Record<string, boolean | undefined>> = Object.assign(Object.create(null), {
  ...{ true: true, t: true, '1': true, yes: true, on: true },
  ...{ false: false, f: false, '0': false, no: false, off: false },
});

export interface DurationRange {
  readonly minMs: Milliseconds;
  readonly maxMs?: Milliseconds;
}

/** As Go writes them: `500ms`, `1h30m`; a number alone has no unit and is refused, but for 0. */
export const duration = ({ minMs, maxMs = 365 * DAY_MS }: DurationRange): ValueType<Milliseconds> => ({
  ...single(
    'duration',
    `a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)}, with its unit: 500ms, 90s, 1h30m`,
  ),
  decode: (raw) => {
    const ms = raw === 0 || raw === '0' ? 0 : typeof raw === 'string' ? parseDuration(raw) : undefined;
    return ms !== undefined && ms >= minMs && ms <= maxMs ? ms : undefined;
  },
  format: formatDuration,
});

/** An address of one family, or of any. */
export const address = (family?: Family): ValueType<Address> => ({
  ...single('address', family === undefined ? 'an IP address' : `an IPv${family} address`),
  decode: (raw) => {
    const value = typeof raw === 'string' ? tryAddress(raw) : undefined;
    return value === undefined || (family !== undefined && familyOf(value) !== family) ? undefined : value;
  },
  format: (value) => value,
});

export const prefix: ValueType<Prefix> = {
  ...single('prefix', 'a prefix in CIDR notation'),
  decode: (raw) => {
    if (typeof raw !== 'string') return undefined;
    const bare = tryAddress(raw);
    return tryPrefix(bare === undefined ? raw : `${bare}/${familyOf(bare) === 4 ? 32 : 128}`);
  },
  format: (value) => value,
};

export const choice = <const T extends string>(choices: readonly T[]): ValueType<T> => ({
  ...single('choice', `one of ${choices.join(', ')}`),
  choices,
  decode: (raw) => choices.find((candidate) => candidate === raw),
  format: (value) => value,
});

/** A share of a whole, above 0 and up to 1, or `off`. */
export const shareOrOff: ValueType<number | 'off'> = {
  ...single('share', 'a share such as 0.5 or 50%, or off'),
  decode: (raw) => {
    if (raw === 'off' || raw === false) return 'off';
    const text = String(raw);
    const value = /^\d+(\.\d+)?%$/.test(text) ? Number(text.slice(0, -1)) / 100 : Number(text);
    return /^\d*\.?\d+%?$/.test(text) && value > 0 && value <= 1 ? value : undefined;
  },
  format: String,
};

/**
 * Several of one type. `separator` cuts text of flags and variables; in a file a list is a YAML list, and one value
 * may stand alone.
 */
export const listOf = <T>(item: ValueType<T>, separator: ',' | '\n'): ValueType<readonly T[]> => ({
  ...item,
  multiple: true,
  expects: `${item.expects}, or a list of such`,
  decode: (raw, base) => {
    const pieces = Array.isArray(raw) ? raw.flatMap((piece) => cut(piece, separator)) : cut(raw, separator);
    const values = pieces.map((piece) => item.decode(piece, base));
    return values.every((value) => value !== undefined) ? values : undefined;
  },
  format: (values) => values.map((value) => item.format(value)).join(separator),
});

const cut = (raw: unknown, separator: string): unknown[] =>
  typeof raw === 'string'
    ? raw
        .split(separator)
        .map((piece) => piece.trim())
        .filter((piece) => piece !== '')
    : [raw];

function single(name: TypeName, expects: string) {
  return { name, expects, multiple: false } as const;
}
