// Writes what is generated of the documents: docs/*.md from the code, and in README.md the tables and the tour, which is
// really run. `npm run docs` starts it through tsx; the tour needs root and iptables.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withBlock } from '../test/docs/blocks.ts';
import { DOCUMENTS, README_TABLES } from '../test/docs/documents.ts';
import { consoleBlock, runTour } from '../test/docs/tour.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const README = join(ROOT, 'README.md');

for (const [path, text] of Object.entries(DOCUMENTS)) writeFileSync(join(ROOT, path), text());

let readme = readFileSync(README, 'utf8');
for (const [name, text] of Object.entries(README_TABLES)) readme = withBlock(readme, { name, text: text() });
if (process.geteuid?.() === 0) {
  for (const [name, text] of await runTour()) readme = withBlock(readme, { name, text: consoleBlock(text) });
} else {
  console.error('docs: the tour needs root and stays as it is');
}
writeFileSync(README, readme);
