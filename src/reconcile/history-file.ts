import { readFileSync, renameSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type HistoryEntry, parseEntry } from '../report/history-entry.js';
import { fileError } from '../sys/file-error.js';
import { makeFolder } from '../sys/make-folder.js';

export interface HistoryPlace {
  readonly stateDir: string;
  /** Each namespace that flan works in from outside has a history of its own. */
  readonly netns?: string | undefined;
}

/** The history is at most twice this long: the file in use, and the one before it. */
export const HISTORY_BYTES = 2_097_152;

export function historyPath({ stateDir, netns }: HistoryPlace): string {
  const name = netns === undefined ? 'history' : `history-${netns.replace(/[^\w.-]+/g, '_')}`;
  return join(stateDir, `${name}.ndjson`);
}

/** The file that the one in use replaced. */
const olderPath = (path: string): string => `${path}.1`;

export interface Appending {
  readonly place: HistoryPlace;
  readonly entries: readonly HistoryEntry[];
  readonly maxBytes?: number;
}

/**
 * Adds lines in one write, so that several processes may do it at once. Not flushed to the disk: after a power cut the
 * last seconds may be missing, and the reader skips a line that was cut off.
 * @throws {FlanError} E_PERMISSION, E_FILE
 */
export async function appendHistory({ place, entries, maxBytes = HISTORY_BYTES }: Appending): Promise<void> {
  if (entries.length === 0) return;
  const path = historyPath(place);
  const text = entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
  try {
    makeFolder(dirname(path), 0o755);
    makeRoom(path, maxBytes - Buffer.byteLength(text));
    const file = await open(path, 'a+', 0o644);
    try {
      const { size } = await file.stat();
      const last = Buffer.alloc(1);
      if (size > 0) await file.read(last, 0, 1, size - 1);
      const isCutOff = size > 0 && last.toString() !== '\n';
      await file.write(isCutOff ? `\n${text}` : text);
    } finally {
      await file.close();
    }
  } catch (cause) {
    const hint = 'Choose a directory that can be written to with --state-dir.';
    throw fileError({ verb: 'write the history', path, cause, hint });
  }
}

/** Looks and renames in one go, so that of two processes that find the file full one makes room. */
function makeRoom(path: string, bytes: number): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > 0 && size > bytes) renameSync(path, olderPath(path));
}

/** Everything that is still there, the oldest first. @throws {FlanError} E_PERMISSION, E_FILE */
export function readHistory(place: HistoryPlace): readonly HistoryEntry[] {
  const path = historyPath(place);
  return [olderPath(path), path].flatMap((file) =>
    textOf(file)
      .split('\n')
      .flatMap((line) => (line === '' ? [] : (parseEntry(line) ?? []))),
  );
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw fileError({ verb: 'read the history', path, cause, hint: 'Run as the user that flan watch runs as.' });
  }
}
