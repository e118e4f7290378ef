import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { FlanError } from '../../errors.js';
import type { Json } from '../../model/json.js';
import { writeFileAtomic } from '../../sys/atomic-file.js';
import { makeFolder } from '../../sys/make-folder.js';
import { entryName, type JournalEntry, parseEntry, type StartupEntry, startupName } from './journal-entry.js';

/**
 * A folder with a file for each entry, written whole before and after what it tells of, so that whoever comes next knows
 * of all that may be there. Entries of another boot or another network namespace count for nothing.
 */
export interface Journal {
  /** @throws {FlanError} E_DATA, E_PERMISSION, E_FILE */
  read(): readonly JournalEntry[];
  /** The entry of that type, of which a network has one. */
  startup(network: string): StartupEntry | undefined;
  put(entry: JournalEntry): void;
  /** The absent counts as dropped. */
  drop(entry: JournalEntry): void;
  /** Removes what an earlier boot, or a namespace that is gone, left. */
  sweep(): void;
}

export interface JournalOptions {
  readonly folder: string;
  /** Names the boot and the namespace; asked when it is needed. */
  readonly place: () => string;
}

const FORMAT = 1;

export function openJournal({ folder, place: ask }: JournalOptions): Journal {
  let asked: string | undefined;
  const here = (): string => {
    asked ??= ask();
    return asked;
  };
  // Two namespaces may share a folder, and know the same subnets.
  const pathFor = (name: string): string =>
    join(folder, `${createHash('sha256').update(`${here()} ${name}`).digest('hex').slice(0, 24)}.json`);
  const pathOf = (entry: JournalEntry): string => pathFor(entryName(entry));
  const files = (): string[] => {
    try {
      checkFolder(folder);
      return readdirSync(folder)
        .filter((name) => /^[0-9a-f]{24}\.json$/.test(name))
        .sort()
        .map((name) => join(folder, name));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw fileError('read', folder, cause);
    }
  };
  return {
    read: () =>
      files().flatMap((path) => {
        const stored = readStored(path);
        return stored?.place === here() && stored.entry !== undefined ? [stored.entry] : [];
      }),
    startup: (network) => {
      const entry = readStored(pathFor(startupName(network)))?.entry;
      return entry?.type === 'startup' ? entry : undefined;
    },
    put: (entry) => {
      const path = pathOf(entry);
      try {
        makeFolder(folder, 0o700);
        writeFileAtomic(path, JSON.stringify({ format: FORMAT, place: here(), entry }), 0o600);
      } catch (cause) {
        throw fileError('write', path, cause);
      }
    },
    drop: (entry) => remove(pathOf(entry)),
    sweep: () => {
      const [boot] = here().split(' ');
      for (const path of files()) {
        // Another namespace of this boot may be there still.
        const place = readStored(path)?.place;
        if (place !== undefined && place.split(' ')[0] !== boot) remove(path);
      }
    },
  };
}

interface Stored {
  readonly place: string | undefined;
  readonly entry: JournalEntry | undefined;
}

/** What it says is executed: only one that nobody else could have written is read. */
function checkFolder(folder: string): void {
  const { uid, mode } = statSync(folder);
  if ((uid === 0 || uid === process.geteuid?.()) && (mode & 0o022) === 0) return;
  throw new FlanError('E_PERMISSION', `${folder} can be written by others: its commands are not trusted`, {
    where: folder,
    hint: 'Find out who wrote there; then delete the folder, or give it to root with mode 700.',
  });
}

function readStored(path: string): Stored | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError('read', path, cause);
  }
  try {
    const { format, place, entry } = JSON.parse(text) as { format: unknown; place: unknown; entry: Json };
    // Of a later version: it knows what to do with it.
    if (typeof format === 'number' && format !== FORMAT) return { place: undefined, entry: undefined };
    const parsed = parseEntry(entry);
    if (parsed !== undefined && format === FORMAT && typeof place === 'string') return { place, entry: parsed };
  } catch {
    // Said below, for whatever is no entry.
  }
  throw new FlanError('E_DATA', `${path} is not an entry of the journal`, {
    where: path,
    hint: 'Delete the file: what it told of is then not known any more, and is added anew.',
  });
}

function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (cause) {
    throw fileError('write', path, cause);
  }
}

function fileError(what: string, path: string, cause: unknown): FlanError {
  if (cause instanceof FlanError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new FlanError(denied ? 'E_PERMISSION' : 'E_FILE', `cannot ${what} ${path}: ${code ?? message}`, {
    hint: denied ? 'Run as root, or choose another directory with --runtime-dir.' : undefined,
    where: path,
    cause,
  });
}
