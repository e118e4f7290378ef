import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** The text of a file; undefined when there is none. @throws what the system says otherwise */
export function readFileIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
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
