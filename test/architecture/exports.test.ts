import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { deadExports, type Sources } from './exports.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

const sourcesIn = (folder: string): Sources =>
  new Map(
    (readdirSync(`${ROOT}${folder}`, { recursive: true }) as string[])
      .filter((name) => /\.(?:ts|mjs)$/.test(name))
      .map((name) => posix.join(folder, name))
      .map((path) => [path, readFileSync(`${ROOT}${path}`, 'utf8')]),
  );

/** What Node, a worker thread or those who `import 'flan'` start from. */
const isEntry = (path: string): boolean => /^src\/(?:index|cli)\.ts$|\.worker\.ts$/.test(path);

it('a dead export is found, however it is written', () => {
  const judged = new Map([
    [
      'src/a.ts',
      'export const used = 1;\n/** As unused. */\nexport const unused = 2;\nexport interface Own {}\nlet x: Own;',
    ],
    [
      'src/b.ts',
      "import { used } from './a.js';\nexport function* made() {}\nexport async function awaited() {}\n// awaited",
    ],
    ['src/all.ts', "export * from './b.js';\nexport { used as also, type Own } from './a.js';"],
    ['src/late.ts', 'export const { one, two: three } = x;\nexport type T = 1;'],
    ['src/cli.ts', 'export const COMMANDS = {};'],
  ]);
  const users = new Map([
    ['test/a.test.ts', "import { made } from '../src/all.js';"],
    ['test/b.test.ts', "const { one } = await import('../src/late.js');"],
    // Another one of the same name.
    ['test/c.test.ts', 'const unused = 3;'],
  ]);
  expect(deadExports({ judged, users, isEntry })).toEqual([
    'src/a.ts unused',
    'src/b.ts awaited',
    'src/all.ts also',
    'src/all.ts Own',
    'src/late.ts T',
    'src/late.ts three',
  ]);
});

it('every export is used by somebody', () => {
  const users = new Map(['test', 'scripts', 'packaging'].flatMap((folder) => [...sourcesIn(folder)]));
  expect(deadExports({ judged: sourcesIn('src'), users, isEntry })).toEqual([]);
});
