import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { FlanError } from '../errors.js';

const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * The text of a regular file. A FIFO would keep whoever opens it until somebody writes, deaf to Ctrl-C.
 * @throws {FlanError} E_FILE for what is no regular file; what node:fs throws
 */
export function readRegularFile(path: string): string {
  const fd = openSync(path, WITHOUT_WAITING);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw irregular({ verb: 'read', path, stats });
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

interface Irregular {
  /** As in `FileFailure`. */
  readonly verb: string;
  readonly path: string;
  readonly stats: Stats;
}

export const irregular = ({ verb, path, stats }: Irregular): FlanError =>
  new FlanError('E_FILE', `cannot ${verb} ${path}: it is ${formOf(stats)}`, {
    where: path,
    hint: 'Name a regular file, or a place where nothing is yet.',
  });

function formOf(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a FIFO';
  if (stats.isSocket()) return 'a socket';
  return stats.isSymbolicLink() ? 'a symbolic link' : 'a device';
}
