import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { FlanError } from '../../errors.js';
import { isJsonObject, type Json } from '../../model/json.js';
import { withoutQuote } from '../../model/json-text.js';
import { readRegularFile } from '../../sys/regular-file.js';
import { NETWORK_FILES, statStore, unreachable } from './folder.js';
import { loadYaml, positionOf } from './yaml.js';

/** The network's config as it stands in the store, not yet understood. */
export interface RawNetwork {
  readonly value: Json;
  readonly where: string;
}

/** The file of the folder that holds the network's config; undefined when there is none. */
export const networkFiles = (folder: string): readonly string[] =>
  NETWORK_FILES.map((name) => join(folder, name)).filter((file) => existsSync(file));

/** @throws {FlanError} E_NETWORK_MISSING, E_NETWORK_CONFIG with line and column, E_STORE_UNREACHABLE, E_FILE */
export async function readNetwork(path: string): Promise<RawNetwork> {
  if (statStore(path).form === 'file') {
    const root = await parse(path);
    const network = isJsonObject(root) ? root.network : undefined;
    if (network === undefined || network === null) throw missing(path, `${path} has no member 'network'`);
    return { value: network, where: `${path}: network` };
  }
  const [file, second] = networkFiles(path);
  if (file === undefined) throw missing(path, `${path} has no network.yaml`);
  if (second !== undefined) {
    throw new FlanError('E_NETWORK_CONFIG', `two network configs: ${file} and ${second}`, {
      hint: 'Remove one of them.',
      where: second,
    });
  }
  return { value: await parse(file), where: file };
}

async function parse(file: string): Promise<Json> {
  const text = read(file);
  try {
    return JSON.parse(text) as Json;
  } catch {
    const { parseAllDocuments } = await loadYaml();
    const [document, second] = [...parseAllDocuments(text, { prettyErrors: false, logLevel: 'error' })];
    const problem = document?.errors[0];
    if (problem) {
      const where = `${file}:${positionOf(text, problem.pos[0])}`;
      throw wrong(where, withoutQuote(problem.message));
    }
    if (second !== undefined) throw wrong(file, 'it has more than one document');
    try {
      return JSON.parse(JSON.stringify(document?.toJS()) ?? 'null') as Json;
    } catch (cause) {
      throw wrong(file, withoutQuote(cause instanceof Error ? cause.message : String(cause)));
    }
  }
}

function read(file: string): string {
  try {
    return readRegularFile(file);
  } catch (cause) {
    throw cause instanceof FlanError ? cause : unreachable(file, cause);
  }
}

const missing = (path: string, what: string): FlanError =>
  new FlanError('E_NETWORK_MISSING', `nobody has configured the network: ${what}`, {
    hint: "Write one with 'flan init', or copy your net-conf.json there.",
    retry: true,
    where: path,
  });

const wrong = (where: string, what: string): FlanError =>
  new FlanError('E_NETWORK_CONFIG', `cannot read ${where}: ${what}`, {
    where,
    hint: 'Correct the syntax of the file.',
  });
