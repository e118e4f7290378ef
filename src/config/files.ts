import { closeSync, constants, existsSync, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs';

/** The text of a file; undefined when there is none. @throws what the system says otherwise */
export function readFileIfThere(path: string): string | undefined {
  try {
    return GIVEN_TO_BE_READ.test(path) ? readFileSync(path, 'utf8') : readRegular(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}

/** `-c /dev/null`, and what a shell makes of `-c <(command)`: they end by themselves. */
const GIVEN_TO_BE_READ = /^\/(dev\/(null|stdin|fd\/\d+)|proc\/self\/fd\/\d+)$/;

const WITHOUT_WAITING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Other FIFOs would keep whoever opens them until somebody writes, deaf to Ctrl-C. */
function readRegular(path: string): string {
  const fd = openSync(path, WITHOUT_WAITING);
  try {
    const stats = fstatSync(fd);
    // Node's own words for a directory are as good.
    if (!stats.isFile() && !stats.isDirectory()) throw new Error(`${path} is a device or a FIFO, not a regular file`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** The names in a folder; none where there is no folder. @throws what the system says otherwise */
export function listIfThere(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return [];
    throw error;
  }
}

/** What `loadSettings` needs of the file system. */
export const nodeFiles = { readFile: readFileIfThere, exists: existsSync, list: listIfThere } as const;
