// Writes the completion scripts: `completions.mjs [FOLDER]`, by default dist/completions. Started through tsx.
import { resolve } from 'node:path';
import { completionScripts } from '../packaging/completions/scripts.ts';
import { writeFolder } from '../packaging/write-folder.ts';

writeFolder(resolve(process.argv[2] ?? 'dist/completions'), completionScripts());
