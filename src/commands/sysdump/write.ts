import { gzipSync } from 'node:zlib';
import { type ArchivedFile, ustar } from '../../report/ustar.js';
import { fileError } from '../../sys/file-error.js';
import { writeOutput } from '../../sys/placed-file.js';

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

/** Whole or not at all, for its owner alone. @throws {FlanError} E_PERMISSION, E_FILE */
export function save(path: string, bytes: Uint8Array): void {
  try {
    writeOutput(path, bytes, 0o600);
  } catch (cause) {
    throw fileError({ verb: 'write', path, cause, hint: 'Name another file with --output.' });
  }
}
