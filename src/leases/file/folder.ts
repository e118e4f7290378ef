import { type Dirent, readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { FlanError } from '../../errors.js';
import { LeaseBook } from './book.js';
import { broken, type FileContent, type LeaseFile, parseJsonFile, parseYamlFile } from './parse.js';
import { loadYaml } from './yaml.js';

/** What the path of a store is: a folder of files, or one file with `network` and `leases`. */
export type Form = LeaseFile['form'];

const CONFIG_FILES: ReadonlySet<string> = new Set(
  ['network', 'flan'].flatMap((stem) => ['.yaml', '.yml', '.json'].map((end) => stem + end)).concat('net-conf.json'),
);

/** Whether a name in the folder is that of leases: not hidden, not configuration, and JSON or YAML by its ending. */
export const isLeaseFile = (name: string): boolean =>
  /\.(json|ya?ml)$/.test(name) && !name.startsWith('.') && !CONFIG_FILES.has(name);

/** The names that a network config may have, in the order they are looked for. */
export const NETWORK_FILES = ['network.yaml', 'network.yml', 'network.json', 'net-conf.json'] as const;

/** Two writes within one tick of the file system's clock have one time stamp: such a stamp proves nothing. */
const STAMP_TICK_MS = 20;

interface Stamp {
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly proves: boolean;
}

interface Found {
  readonly file: string;
  /** None when it is no file, or no longer there. */
  readonly stamp: Stamp | undefined;
}

export interface Grace {
  /** How long a file that does not parse may take to come right before that is told. */
  readonly graceMs: number;
}

export interface Scan {
  /** Another folder, or none, in this one's place has another. */
  readonly identity: string;
  readonly lookAgainAtMs: number | undefined;
}

/** Reads a folder (or the one file) into a book, again and again, each file only when it changed. */
export class LeaseFolder {
  readonly book = new LeaseBook();
  readonly #stamps = new Map<string, Stamp>();
  readonly #suspects = new Map<string, number>();

  #turn: Promise<unknown> = Promise.resolve();

  constructor(readonly path: string) {}

  /**
   * Looks at everything. `graceMs` as for `reread`.
   * @throws {FlanError} E_STORE_UNREACHABLE when it is not there or cannot be read, E_LEASE when the one file never could
   */
  scan(grace: Grace): Promise<Scan> {
    return this.#inTurn(() => this.#scan(grace));
  }

  async #scan({ graceMs }: Grace): Promise<Scan> {
    const { form, stats } = statStore(this.path);
    const found = form === 'file' ? [stamped(this.path)] : this.#list();
    const present = new Set(this.book.isEmpty ? [] : found.map(({ file }) => file));
    for (const file of [...this.book.files()]) if (!present.has(file)) this.#forget(file);
    const changed = found.filter(({ file, stamp }) => !isSame(this.#stamps.get(file), stamp));
    await this.#read(changed, { form, graceMs });
    return { identity: folderIdentity(form, stats), lookAgainAtMs: this.#lookAgainAtMs() };
  }

  /**
   * Looks at some files. One that does not parse has `graceMs` to come right before that is told: most likely it is
   * being written. @returns when, on the clock of `performance.now`, to look at such files again
   */
  reread(names: Iterable<string>, grace: Grace): Promise<number | undefined> {
    return this.#inTurn(() => this.#reread(names, grace));
  }

  /** Whoever reads a file first is to be done with it first. */
  #inTurn<T>(look: () => Promise<T>): Promise<T> {
    const next = this.#turn.then(look);
    this.#turn = next.catch(() => undefined);
    return next;
  }

  async #reread(names: Iterable<string>, { graceMs }: Grace): Promise<number | undefined> {
    const { form } = statStore(this.path);
    const files = form === 'file' ? [this.path] : [...names].filter(isLeaseFile).map((name) => join(this.path, name));
    await this.#read([...new Set([...files, ...this.#suspects.keys()])].map(stamped), { form, graceMs });
    return this.#lookAgainAtMs();
  }

  #lookAgainAtMs(): number | undefined {
    return this.#suspects.size === 0 ? undefined : Math.min(...this.#suspects.values());
  }

  /**
   * What is read for the first time gets no stamp: most commands look once, and a stamp costs as much as the reading.
   * But what may be a link, a pipe or a folder is looked at first.
   */
  #list(): readonly Found[] {
    let entries: readonly Dirent[];
    try {
      entries = readdirSync(this.path, { withFileTypes: true });
    } catch (cause) {
      throw unreachable(this.path, cause);
    }
    const start = join(this.path, '/'); // once, not per file
    const found: Found[] = [];
    for (const entry of entries) {
      if (!isLeaseFile(entry.name)) continue;
      const file = start + entry.name;
      found.push(entry.isFile() && !this.book.has(file) ? { file, stamp: UNSTAMPED } : stamped(file));
    }
    return found;
  }

  /** The stamps were taken before: a write between the two is then seen again rather than missed. */
  async #read(files: readonly Found[], { form, graceMs }: Grace & { readonly form: Form }): Promise<void> {
    const thorough: { readonly file: string; readonly text: string }[] = [];
    for (const { file, stamp } of files) {
      if (stamp === undefined) {
        this.#forget(file);
        continue;
      }
      if (stamp.proves) this.#stamps.set(file, stamp);
      else this.#stamps.delete(file);
      const text = readText(file);
      if (text === undefined) {
        this.#forget(file);
        continue;
      }
      if (typeof text !== 'string') {
        this.#take(file, text, graceMs);
        continue;
      }
      const content = file.endsWith('.json') ? parseJsonFile({ file, text, form }) : undefined;
      if (content === undefined) thorough.push({ file, text });
      else this.#take(file, content, graceMs);
    }
    if (thorough.length === 0) return;
    const yaml = await loadYaml();
    for (const { file, text } of thorough) this.#take(file, parseYamlFile(yaml, { file, text, form }), graceMs);
  }

  #take(file: string, content: FileContent, graceMs: number): void {
    if (file === this.path && content.type === 'broken' && !this.book.has(file)) {
      // Of what should hold every lease nothing can be read: that is not the same as that there is none.
      this.#stamps.delete(file);
      throw content.error;
    }
    const faulty = content.type !== 'entries' || content.entries.some(({ result }) => result instanceof FlanError);
    if (!faulty || graceMs === 0) {
      this.#suspects.delete(file);
      this.book.set(file, content);
      return;
    }
    const now = performance.now();
    const until = this.#suspects.get(file) ?? now + graceMs;
    if (now < until) this.#suspects.set(file, until);
    else {
      this.#suspects.delete(file);
      this.book.set(file, content);
    }
  }

  #forget(file: string): void {
    this.#stamps.delete(file);
    this.#suspects.delete(file);
    this.book.remove(file);
  }
}

const UNSTAMPED: Stamp = { ino: 0, size: 0, mtimeMs: 0, ctimeMs: 0, proves: false };

function stamped(file: string): Found {
  const stats = tryStat(file);
  if (stats === 'refused') return { file, stamp: UNSTAMPED };
  if (stats === undefined || !stats.isFile()) return { file, stamp: undefined };
  const { ino, size, mtimeMs, ctimeMs } = stats;
  // Held against the file system's own clock, which no test replaces.
  const proves = Date.now() - Math.max(mtimeMs, ctimeMs) > STAMP_TICK_MS;
  return { file, stamp: { ino, size, mtimeMs, ctimeMs, proves } };
}

const isSame = (known: Stamp | undefined, now: Stamp | undefined): boolean =>
  known?.proves === true &&
  known.mtimeMs === now?.mtimeMs &&
  known.ctimeMs === now.ctimeMs &&
  known.ino === now.ino &&
  known.size === now.size;

/** The time of birth tells a folder from one made anew with the same inode. The one file is a new one at every write. */
const folderIdentity = (form: Form, { dev, ino, birthtimeMs }: Stats): string =>
  form === 'file' ? form : `${form}:${dev}:${ino}:${birthtimeMs}`;

/** @throws {FlanError} E_STORE_UNREACHABLE */
export function statStore(path: string): { readonly form: Form; readonly stats: Stats } {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return { form: 'folder', stats };
    if (stats.isFile()) return { form: 'file', stats };
  } catch (cause) {
    throw unreachable(path, cause);
  }
  throw unreachable(path, new Error('it is neither a folder nor a file'));
}

/** `refused`: it may be there, and reading it will say why it cannot be looked at. */
function tryStat(file: string): Stats | 'refused' | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return 'refused';
  }
}

/** One object for all: node makes one for every call that only names the encoding. */
const AS_TEXT = { encoding: 'utf8', flag: 'r' } as const;

/** Undefined when the file is gone. */
function readText(file: string): string | FileContent | undefined {
  try {
    return readFileSync(file, AS_TEXT);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return broken(file, cause instanceof Error ? cause.message : String(cause));
  }
}

export function unreachable(path: string, cause: unknown): FlanError {
  const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  const why = missing ? 'it does not exist' : cause instanceof Error ? cause.message : String(cause);
  return new FlanError('E_STORE_UNREACHABLE', `cannot read the leases in ${path}: ${why}`, {
    hint: missing
      ? `Create it with 'flan init', or say where the leases are with --leases (looked for '${basename(path)}').`
      : 'Check the path and who may read it.',
    retry: true,
    where: path,
    cause,
  });
}
