import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Somebody else may be writing the same folder now. */
const UNFINISHED = '..';

/** Makes a folder hold just these files, each replaced in one step and only if it differs. */
export function writeFolder(folder: string, files: ReadonlyMap<string, string>): void {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(folder).filter((name) => !files.has(name) && !name.startsWith(UNFINISHED)))
    rmSync(join(folder, name), { recursive: true, force: true });
  for (const [name, text] of files) {
    const path = join(folder, name);
    if (textOf(path) === text) continue;
    const temporary = join(folder, `${UNFINISHED}${name}.${process.pid}`);
    writeFileSync(temporary, text);
    renameSync(temporary, path);
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // not there yet
  }
}
