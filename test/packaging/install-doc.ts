import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { blockOf, blocksOf, withBlock } from '../docs/blocks.js';
import { ROOT } from './build-deb.js';

const PATH = join(ROOT, 'docs/install.md');

/** The console blocks of docs/install.md by name. */
export function shownInDoc(): ReadonlyMap<string, string> {
  const text = readFileSync(PATH, 'utf8');
  return new Map(blocksOf(text).map((name) => [name, blockOf(text, name)]));
}

/** The same blocks with the output that their commands have now, one after the other. */
export function runAgain(blocks: ReadonlyMap<string, string>, run: (command: string) => string) {
  return new Map(
    [...blocks].map(([name, block]) => {
      const commands = block.split('\n').filter((line) => line.startsWith('$ '));
      const shown = commands.map((line) => `${line}\n${run(line.replace(/^\$ (sudo )?/, ''))}`);
      return [name, `\`\`\`console\n${shown.join('')}\`\`\`\n`];
    }),
  );
}

/** Puts them into the document: UPDATE_GOLDEN=1. */
export function writeDoc(blocks: ReadonlyMap<string, string>): void {
  let text = readFileSync(PATH, 'utf8');
  for (const [name, block] of blocks) text = withBlock(text, { name, text: block });
  writeFileSync(PATH, text);
}

/** What is the same in every run. */
export const shapeOf = (text: string): string =>
  text
    .replace(/10\.244\.\d+/g, '10.244.N')
    .replace(/^Created symlink.*$/m, 'Created symlink')
    .replace(/([0-9a-f]{2}:){5}[0-9a-f]{2}/g, 'MAC')
    .replace(/level for flan.service: [\d.]+ \w+/, 'level for flan.service')
    .replace(/\d+ foreign objects?/g, 'N foreign objects')
    .replace(/ +/g, ' ');
