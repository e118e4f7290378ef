import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import * as yaml from 'yaml';
import { asFlanError, FlanError } from '../errors.js';
import { isLeaseFile, NETWORK_FILES } from '../leases/file/folder.js';
import { formatFile } from '../leases/file/format.js';
import { fileError } from '../sys/file-error.js';
import { writePlacedFile } from '../sys/placed-file.js';

/** The files that are meant, as people wrote them. @throws {FlanError} E_USAGE for a name that is not there */
export function findFiles(names: readonly string[], cwd: string): readonly string[] {
  if (names.length > 0) return names.flatMap((name) => within(name, cwd));
  const found = ['flan.yaml', 'leases'].filter((name) => existsSync(resolve(cwd, name)));
  if (found.length === 0) {
    throw new FlanError('E_USAGE', 'there is neither flan.yaml nor a folder ./leases here', {
      hint: 'Name the files to format.',
    });
  }
  return found.flatMap((name) => within(name, cwd));
}

function within(name: string, cwd: string): readonly string[] {
  const path = resolve(cwd, name);
  if (!existsSync(path)) throw new FlanError('E_USAGE', `there is no ${name}`, { hint: 'Name a file or a folder.' });
  if (!statSync(path).isDirectory()) return [name];
  return readdirSync(path)
    .filter((entry) => isLeaseFile(entry) || (NETWORK_FILES as readonly string[]).includes(entry))
    .sort()
    .map((entry) => relative(cwd, join(path, entry)));
}

export interface Formatted {
  /** Those that were read and understood. */
  readonly files: readonly string[];
  /** Those of them that were not in form. */
  readonly changed: readonly string[];
  /** Why the others were left as they are: E_FORMAT, E_FILE. */
  readonly failures: readonly FlanError[];
}

/** Each file by itself: one that cannot be read, understood or written keeps none of the others. */
export function formatFiles(names: readonly string[], what: 'check' | 'write'): Formatted {
  const files: string[] = [];
  const changed: string[] = [];
  const failures: FlanError[] = [];
  for (const file of names) {
    try {
      const before = read(file);
      const after = formatFile(yaml, { file, text: before });
      if (before !== after && what === 'write') write(file, after);
      files.push(file);
      if (before !== after) changed.push(file);
    } catch (error) {
      failures.push(asFlanError(error));
    }
  }
  return { files, changed, failures };
}

/** What came on stdin, before and after. @throws {FlanError} E_USAGE, E_FORMAT */
export async function formatStdin(
  names: readonly string[],
): Promise<{ readonly before: string; readonly after: string }> {
  if (names.length > 1) {
    throw new FlanError('E_USAGE', '- stands for stdin and goes with no other name', { hint: 'Format one at a time.' });
  }
  const before = await text(process.stdin);
  return { before, after: formatFile(yaml, { file: 'stdin', text: before }) };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw failed('read', file, cause);
  }
}

function write(file: string, content: string): void {
  try {
    writePlacedFile(file, content, statSync(file).mode & 0o7777);
  } catch (cause) {
    throw fileError({ verb: 'write', path: file, cause, hint: 'Check the path and the rights.' });
  }
}

const failed = (verb: string, file: string, cause: unknown): FlanError =>
  new FlanError('E_FILE', `cannot ${verb} ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    where: file,
    hint: 'Check the path and the rights.',
    cause,
  });
