import { dirname, resolve } from 'node:path';
import { FlanError } from '../errors.js';
import { suggestion } from '../model/did-you-mean.js';
import { withoutQuote } from '../model/json-text.js';
import { SETTINGS } from './settings-definitions.js';
import type { SettingKey } from './settings-table.js';

/** A value as some source holds it, not yet decoded. */
export interface RawSetting {
  readonly raw: unknown;
  /** For people: `flag --iface`, `/etc/flan/config.yaml:3`. */
  readonly origin: string;
  /** Where relative paths start. */
  readonly base: string;
  /** Set when the source itself has a narrower notation and this is not it: completes "must be …". */
  readonly refused?: string;
}

/** Gives the text of a file, or undefined when there is none. @throws what reading throws */
export type ReadFile = (path: string) => string | undefined;

/**
 * The settings of one file, YAML or JSON. Undefined when the file is not there; the YAML parser is loaded only if it is.
 * @throws {FlanError} E_CONFIG with file, line and column for a syntax error or an unknown key
 */
export async function readSettingsFile(
  path: string,
  readFile: ReadFile,
): Promise<ReadonlyMap<SettingKey, RawSetting> | undefined> {
  const text = readText(path, readFile);
  if (text === undefined) return undefined;
  const { isMap, isNode, isScalar, LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' });
  const at = (offset: number | undefined) => {
    const { line, col } = lines.linePos(offset ?? 0);
    return { line, where: `${path}:${line}:${col}` };
  };
  const [problem] = document.errors;
  if (problem !== undefined) {
    throw new FlanError('E_CONFIG', `not valid YAML: ${withoutQuote(problem.message)}`, {
      where: at(problem.pos[0]).where,
      hint: 'Correct it there: one document, with one setting per line, `name: value`.',
    });
  }
  const settings = new Map<SettingKey, RawSetting>();
  const top: unknown = document.contents;
  if (top === null || (isScalar(top) && top.value === null)) return settings;
  if (!isMap(top)) {
    throw new FlanError('E_CONFIG', 'a settings file holds one setting per line, `name: value`', {
      where: at(isNode(top) ? top.range?.[0] : 0).where,
      hint: 'For example: `store: etcd`.',
    });
  }
  for (const { key, value } of top.items) {
    const name = isScalar(key) ? String(key.value) : String(key);
    const { line, where } = at(isNode(key) ? key.range?.[0] : 0);
    const definition = SETTINGS.find((candidate) => candidate.key === name);
    if (definition === undefined) throw unknownKey(name, where);
    const raw = plain(() => (isNode(value) ? value.toJS(document) : value), where);
    // `name:` with nothing behind it is a setting left at its default.
    if (raw !== null) settings.set(definition.key, { raw, origin: `${path}:${line}`, base: dirname(resolve(path)) });
  }
  return settings;
}

function readText(path: string, readFile: ReadFile): string | undefined {
  try {
    return readFile(path);
  } catch (cause) {
    throw new FlanError('E_CONFIG', `cannot read the settings: ${cause instanceof Error ? cause.message : cause}`, {
      where: path,
      hint: 'Give the path of a file that you may read.',
      cause,
    });
  }
}

/** Aliases may lead nowhere, or back to themselves. */
function plain(toJs: () => unknown, where: string): unknown {
  try {
    return JSON.parse(JSON.stringify(toJs()) ?? 'null');
  } catch (cause) {
    const why = withoutQuote(cause instanceof Error ? cause.message : String(cause));
    throw new FlanError('E_CONFIG', `cannot be read: ${why}`, {
      where,
      hint: 'Write the value itself instead of an alias.',
    });
  }
}

function unknownKey(name: string, where: string): FlanError {
  const keys = SETTINGS.map(({ key }) => key);
  return new FlanError('E_CONFIG', `there is no setting '${name}'${suggestion(name, keys)}`, {
    where,
    hint: 'List them all with `flan config show`.',
  });
}
