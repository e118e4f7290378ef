import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Makes a folder and those above it. One by one: node's mkdir with `recursive` never returns where nothing can be made,
 * as in /proc. `mode` is what each gets that is made, less what the umask takes away. Throws what node:fs throws.
 */
export function makeFolder(path: string, mode = 0o777): void {
  if (isFolder(path)) return;
  const above = dirname(path);
  if (!existsSync(above)) makeFolder(above, mode);
  try {
    mkdirSync(path, { mode });
  } catch (cause) {
    // Somebody else may have been quicker.
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST' || !isFolder(path)) throw cause;
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
