import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import * as yaml from 'yaml';
import { FlanError } from '../errors.js';
import { isLeaseFile, NETWORK_FILES } from '../leases/file/folder.js';
import { formatFile } from '../leases/file/format.js';
import { writeFileAtomic } from '../sys/atomic-file.js';

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
  readonly files: readonly string[];
  /** Those that were not in form. */
  readonly changed: readonly string[];
}

/** All are read and understood before the first is written. @throws {FlanError} E_FORMAT, E_FILE */
export function formatFiles(files: readonly string[], what: 'check' | 'write'): Formatted {
  const results = files.map((file) => {
    const before = read(file);
    return { file, before, after: formatFile(yaml, { file, text: before }) };
  });
  const changed = results.filter(({ before, after }) => before !== after);
  if (what === 'write') for (const { file, after } of changed) write(file, after);
  return { files, changed: changed.map(({ file }) => file) };
}

/** @throws {FlanError} E_USAGE, E_FORMAT */
export async function formatStdin(names: readonly string[]): Promise<string> {
  if (names.length > 1) {
    throw new FlanError('E_USAGE', '- stands for stdin and goes with no other name', { hint: 'Format one at a time.' });
  }
  return formatFile(yaml, { file: 'stdin', text: await text(process.stdin) });
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
    writeFileAtomic(file, content, statSync(file).mode & 0o7777);
  } catch (cause) {
    throw failed('write', file, cause);
  }
}

const failed = (verb: string, file: string, cause: unknown): FlanError =>
  new FlanError('E_FILE', `cannot ${verb} ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    where: file,
    hint: 'Check the path and the rights.',
    cause,
  });
