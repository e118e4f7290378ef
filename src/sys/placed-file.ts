import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { FlanError } from '../errors.js';
import { type FileContent, writeFileAtomic } from './atomic-file.js';
import { irregular } from './regular-file.js';

/**
 * Replaces a file in a place that people chose, as `writeFileAtomic` does. A symbolic link stays, also one that leads to
 * nothing yet: the file is written where it leads.
 * @throws {FlanError} E_FILE for a device, a FIFO or a directory, which stays; what node:fs throws
 */
export function writePlacedFile(path: string, content: FileContent, mode: number): void {
  const { target, stats } = placeOf(path);
  if (stats !== undefined && !stats.isFile()) throw irregular({ verb: 'write', path, stats });
  writeFileAtomic(target, content, mode);
}

/**
 * Removes what `writePlacedFile` wrote: of a symbolic link the file that it leads to, while the link, which somebody
 * else made, stays for the next time. Nothing there is as good.
 * @throws {FlanError} E_FILE for a device, a FIFO or a directory, which stays; what node:fs throws
 */
export function removePlacedFile(path: string): void {
  const { target, stats } = placeOf(path);
  if (stats === undefined) return;
  if (!stats.isFile()) throw irregular({ verb: 'remove', path, stats });
  rmSync(target, { force: true });
}

/**
 * Writes a file that was named for this one output. Like `writePlacedFile`, but what is sent into a character device or
 * a FIFO (/dev/null, a process substitution) goes there.
 * @throws {FlanError} E_FILE for a disk, a directory or a FIFO that nobody reads; what node:fs throws
 */
export function writeOutput(path: string, content: FileContent, mode: number): void {
  const stream = OWN_STREAMS.get(path);
  if (stream !== undefined) {
    process[stream].write(content);
    return;
  }
  const { stats } = placeOf(path);
  if (stats?.isCharacterDevice() || stats?.isFIFO()) writeInto(path, content);
  else writePlacedFile(path, content, mode);
}

/** Not opened anew: what was redirected into a file would be written from its start, and a socket cannot be opened. */
const OWN_STREAMS: ReadonlyMap<string, 'stdout' | 'stderr'> = new Map([
  ['/dev/stdout', 'stdout'],
  ['/dev/fd/1', 'stdout'],
  ['/proc/self/fd/1', 'stdout'],
  ['/dev/stderr', 'stderr'],
  ['/dev/fd/2', 'stderr'],
  ['/proc/self/fd/2', 'stderr'],
]);

function writeInto(path: string, content: FileContent): void {
  const probe = openWriter(path);
  try {
    // The same once more, but such that a full pipe makes us wait.
    const fd = openSync(`/proc/self/fd/${probe}`, constants.O_WRONLY | constants.O_NOCTTY);
    try {
      writeFileSync(fd, content);
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(probe);
  }
}

/** Without waiting: opening a FIFO that nobody reads would not end, and hear no Ctrl-C. */
function openWriter(path: string): number {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENXIO') throw cause;
    throw new FlanError('E_FILE', `cannot write ${path}: nobody reads from it`, {
      where: path,
      hint: 'Start the reader first.',
    });
  }
}

interface Place {
  /** What `path` leads to, by a name that is no link. */
  readonly target: string;
  /** Undefined: nothing is there. */
  readonly stats: Stats | undefined;
}

/** Opens nothing, reads nothing: only stands for what is there. @see open(2) O_PATH, which Node has no name for */
const O_PATH = 0o10000000;

/** Links are followed by the kernel, which refuses those that others have put into folders like /tmp. */
function placeOf(path: string): Place {
  let fd: number;
  try {
    fd = openSync(path, O_PATH);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    return { target: endOfLinks(path), stats: undefined };
  }
  try {
    return { target: readlinkSync(`/proc/self/fd/${fd}`), stats: fstatSync(fd) };
  } finally {
    closeSync(fd);
  }
}

/** As many as the kernel follows. @see path_resolution(7) */
const MAX_LINKS = 40;

/** Where a link leads that leads to nothing; the name itself when it is no link. */
function endOfLinks(path: string): string {
  let at = resolve(path);
  for (let links = 0; links < MAX_LINKS; links++) {
    const to = linkAt(at);
    if (to === undefined) return at;
    const folder = realpathSync(dirname(at));
    if ((statSync(folder).mode & STICKY) !== 0) throw shared(join(folder, basename(at)));
    at = resolve(folder, to);
  }
  return at;
}

/** S_ISVTX: a folder in which everybody may put something, as /tmp. */
const STICKY = 0o1000;

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EINVAL') return undefined;
    throw cause;
  }
}

const shared = (link: string): FlanError =>
  new FlanError('E_PERMISSION', `cannot write ${link}: it is a link to nothing, in a folder that others write to too`, {
    where: link,
    hint: 'Name the file itself.',
  });
