// Writes the man pages: `man.mjs [FOLDER]`. Without a folder they go to dist/man, and package.json is made to list them,
// as npm wants it. `npm run man` starts it through tsx.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { manFiles, manPages } from '../packaging/man/pages.ts';
import { writeFolder } from '../packaging/write-folder.ts';

const [, , folder] = process.argv;
const root = fileURLToPath(new URL('..', import.meta.url));
writeFolder(resolve(folder ?? join(root, 'dist/man')), manPages());

if (folder === undefined) {
  const path = join(root, 'package.json');
  const { man: _, ...manifest } = JSON.parse(readFileSync(path, 'utf8'));
  const entries = Object.entries(manifest).flatMap((entry) =>
    entry[0] === 'exports' ? [['man', manFiles()], entry] : [entry],
  );
  writeFileSync(path, `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`);
}
