// Writes the man pages: `man.mjs [FOLDER]`, by default dist/man. `npm run man` starts it through tsx.
import { resolve } from 'node:path';
import { manPages } from '../packaging/man/pages.ts';
import { writeFolder } from '../packaging/write-folder.ts';

writeFolder(resolve(process.argv[2] ?? 'dist/man'), manPages());
