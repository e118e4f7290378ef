import { FlanError } from '../errors.js';
import type { Snapshot } from '../reconcile/snapshot.js';
import { writeFileAtomic } from '../sys/atomic-file.js';

export { takeSnapshot } from '../reconcile/snapshot.js';
export { groundwork } from './plan-groundwork.js';

/** @throws {FlanError} E_FILE */
export function writeSnapshot(path: string, snapshot: Snapshot): void {
  try {
    writeFileAtomic(path, `${JSON.stringify(snapshot, undefined, 2)}\n`, 0o600);
  } catch (cause) {
    throw new FlanError('E_FILE', `cannot write ${path}: ${(cause as Error).message}`, {
      where: path,
      hint: 'Give the path of a file in a directory that you may write to.',
      cause,
    });
  }
}
