import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** A folder of its own for each name, gone when the tests of the file end. */
export function scratch(hint: string): string {
  const folder = mkdtempSync(join(tmpdir(), `flan-${hint}-`));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
