import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { FlanError } from '../../errors.js';
import { type ArchivedFile, ustar } from '../../report/ustar.js';

export interface PackInput {
  readonly files: readonly ArchivedFile[];
  /** The folder that all is in when it is unpacked. */
  readonly folder: string;
  readonly nowMs: number;
}

/** A tar.gz of the files. */
export const pack = ({ files, folder, nowMs }: PackInput): Uint8Array =>
  gzipSync(
    ustar(
      files.map(({ name, content }) => ({ name: `${folder}/${name}`, content })),
      nowMs,
    ),
  );

/** Whole or not at all, for its owner alone. @throws {FlanError} E_FILE */
export function save(path: string, bytes: Uint8Array): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  try {
    const fd = openSync(temporary, 'wx', 0o600);
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new FlanError('E_FILE', `cannot write ${path}: ${cause instanceof Error ? cause.message : cause}`, {
      where: path,
      hint: 'Name another file with --output.',
      cause,
    });
  }
}
