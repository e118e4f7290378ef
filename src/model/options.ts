import { type ErrorCode, FlanError } from '../errors.js';
import { didYouMean } from './did-you-mean.js';
import { type Address, type Prefix, tryAddress, tryPrefix } from './ip.js';
import { isJsonObject, type Json, type JsonObject } from './json.js';
import type { Warning } from './warning.js';

export interface IntegerRange {
  readonly min?: number;
  readonly max?: number;
}

/**
 * Typed access to an object of unknown content, as Go's encoding/json reads one: names match whatever their case, of
 * two spellings the last counts, and `null` is the same as absent. Every getter answers undefined for an absent option
 * and throws a FlanError naming the whole path (`Backend.VNI`) for one of the wrong type or value.
 */
export interface OptionReader {
  integer(name: string, range?: IntegerRange): number | undefined;
  boolean(name: string): boolean | undefined;
  string(name: string): string | undefined;
  /** Answers the choice as it stands in `choices`, whatever the case it was written in. */
  oneOf<const T extends string>(name: string, choices: readonly T[]): T | undefined;
  /** A list of strings. */
  list(name: string): readonly string[] | undefined;
  address(name: string): Address | undefined;
  /** Host bits are masked off. */
  prefix(name: string): Prefix | undefined;
  object(name: string): OptionReader | undefined;
  /** The value as it is, null included. */
  json(name: string): Json | undefined;
  /** A FlanError about one option: `Backend.VNI must be …`. */
  refuse(name: string, problem: string, hint?: string): FlanError;
  /** Options that no getter has asked for so far, and options that are there twice. */
  unread(): readonly Warning[];
}

export interface OptionReaderInput {
  readonly raw: JsonObject;
  /** Prepended to names in messages: `Backend`. Empty for a document's top. */
  readonly path: string;
  /** The document: a file, a key of the store. */
  readonly where?: string | undefined;
  /** E_NETWORK_CONFIG unless told. */
  readonly code?: ErrorCode;
}

export function optionReader({ raw, path, where, code = 'E_NETWORK_CONFIG' }: OptionReaderInput): OptionReader {
  const known = new Map<string, string>();
  const entries = new Map<string, { readonly written: string; readonly value: Json | undefined }>();
  const doubled = new Set<string>();
  for (const [written, value] of Object.entries(raw)) {
    if (entries.has(fold(written))) doubled.add(written);
    entries.set(fold(written), { written, value });
  }
  const pathTo = (name: string) => (path === '' ? name : `${path}.${name}`);
  const refuse = (name: string, problem: string, hint?: string) =>
    new FlanError(code, `${pathTo(name)} ${problem}`, { where, hint: hint ?? `Correct ${pathTo(name)}.` });
  const json = (name: string): Json | undefined => {
    known.set(fold(name), name);
    return entries.get(fold(name))?.value;
  };
  const read = <T>({ name, expects, decode }: Getter<T>): T | undefined => {
    const value = json(name);
    if (value === undefined || value === null) return undefined;
    const decoded = decode(value);
    if (decoded === undefined)
      throw refuse(name, `must be ${expects}${SECRET.test(name) ? '' : `, not ${shown(value)}`}`);
    return decoded;
  };

  return {
    json,
    refuse,
    integer: (name, { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = {}) =>
      read({
        name,
        expects: `an integer${rangeText({ min, max })}`,
        decode: (v) => (typeof v === 'number' && Number.isSafeInteger(v) && v >= min && v <= max ? v : undefined),
      }),
    boolean: (name) =>
      read({ name, expects: 'true or false', decode: (v) => (typeof v === 'boolean' ? v : undefined) }),
    string: (name) => read({ name, expects: 'a string', decode: (v) => (typeof v === 'string' ? v : undefined) }),
    oneOf: (name, choices) =>
      read({
        name,
        expects: `one of ${choices.join(', ')}`,
        decode: (v) => choices.find((choice) => typeof v === 'string' && fold(choice) === fold(v)),
      }),
    list: (name) => read({ name, expects: 'a list of strings', decode: (v) => (isStringList(v) ? v : undefined) }),
    address: (name) =>
      read({ name, expects: 'an IP address', decode: (v) => (typeof v === 'string' ? tryAddress(v) : undefined) }),
    prefix: (name) =>
      read({
        name,
        expects: 'a prefix in CIDR notation',
        decode: (v) => (typeof v === 'string' ? tryPrefix(v) : undefined),
      }),
    object: (name) => {
      const value = read({ name, expects: 'an object', decode: (v) => (isJsonObject(v) ? v : undefined) });
      return value && optionReader({ raw: value, path: pathTo(name), where, code });
    },
    unread: () => [
      ...[...entries.values()]
        .filter(({ written }) => !known.has(fold(written)))
        .map(({ written }) => unknownOption({ name: pathTo(written), meant: didYouMean(written, known.values()) })),
      ...[...doubled].map(
        (written): Warning => ({
          code: 'W_OPTION_TWICE',
          message: `${pathTo(written)} is there more than once, in different case; the last one counts`,
        }),
      ),
    ],
  };
}

interface Getter<T> {
  readonly name: string;
  readonly expects: string;
  readonly decode: (value: Json) => T | undefined;
}

/** Options whose values are never shown: ipsec's PSK, cloud credentials. */
const SECRET = /psk|secret|password|token|private/i;

export const isSecretOption = (name: string): boolean => SECRET.test(name);

const fold = (name: string) => name.toLowerCase();

const isStringList = (value: Json): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

function unknownOption({ name, meant }: { readonly name: string; readonly meant: string | undefined }): Warning {
  const warning: Warning = { code: 'W_UNKNOWN_OPTION', message: `${name} is not an option that flan knows; ignored` };
  return meant === undefined ? warning : { ...warning, hint: `Did you mean '${meant}'?` };
}

function rangeText({ min, max }: Required<IntegerRange>): string {
  const [low, high] = [min > Number.MIN_SAFE_INTEGER, max < Number.MAX_SAFE_INTEGER];
  if (low && high) return ` from ${min} to ${max}`;
  return low ? ` of at least ${min}` : high ? ` of at most ${max}` : '';
}

/** A value in a message: JSON, cut short. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
