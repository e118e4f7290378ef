import type { Snapshot } from '../reconcile/snapshot.js';
import { fileError } from '../sys/file-error.js';
import { writeOutput } from '../sys/placed-file.js';

export { takeSnapshot } from '../reconcile/snapshot.js';
export { groundwork } from './plan-groundwork.js';

/** @throws {FlanError} E_PERMISSION, E_FILE */
export function writeSnapshot(path: string, snapshot: Snapshot): void {
  try {
    writeOutput(path, `${JSON.stringify(snapshot, undefined, 2)}\n`, 0o600);
  } catch (cause) {
    throw fileError({
      verb: 'write',
      path,
      cause,
      hint: 'Give the path of a file in a directory that you may write to.',
    });
  }
}
