import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EXIT_OF_ERROR } from '../../src/exit-codes.js';
import { kernelTest } from '../support/kernel.js';
import { blockOf, blocksOf, withBlock } from './blocks.js';
import { DOCUMENTS, README_TABLES } from './documents.js';
import { ERROR_WORDS } from './error-words.js';
import { ROOT, raised } from './sources.js';
import { consoleBlock, ownSubnetIn, runTour, shapeOf } from './tour.js';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const WRITTEN = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'];
const pages = [...WRITTEN, ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)];

describe('generated documents say what the code says: npm run docs', () => {
  for (const [path, text] of Object.entries(DOCUMENTS)) {
    it(path, () => expect(read(path)).toBe(text()));
  }
  for (const [name, text] of Object.entries(README_TABLES)) {
    it(`README.md, ${name}`, () => expect(blockOf(read('README.md'), name)).toBe(text()));
  }

  kernelTest('README.md, the tour', { needs: ['veth', 'iptables', 'ip6tables'], timeoutMs: 60_000 }, async () => {
    const readme = read('README.md');
    const steps = await runTour();
    const today = ownSubnetIn([...steps.values()].join('\n'));
    const then = ownSubnetIn(readme);
    expect([...steps.keys()]).toEqual(blocksOf(readme).filter((name) => !(name in README_TABLES)));
    for (const [name, text] of steps) {
      expect(shapeOf(blockOf(readme, name), then)).toBe(shapeOf(consoleBlock(text), today));
    }
  });
});

describe('error codes', () => {
  it('are listed with their exit codes when they are raised', () => {
    expect([...raised().errors].filter((code) => !(code in EXIT_OF_ERROR))).toEqual([]);
  });

  it('have a meaning in docs/errors.md (test/docs/error-words.ts)', () => {
    const { errors } = raised();
    expect([...errors].filter((code) => ERROR_WORDS[code] === undefined)).toEqual([]);
    expect(Object.keys(ERROR_WORDS).filter((code) => !(code in EXIT_OF_ERROR))).toEqual([]);
  });
});

describe('links', () => {
  /** As GitHub names the place of a heading. */
  const anchor = (heading: string): string =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
  const anchorsIn = (text: string): string[] =>
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchor(heading ?? ''));

  for (const path of pages) {
    it(`of ${path} lead somewhere`, () => {
      const dead = [...read(path).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target]) => target ?? '')
        .filter((target) => !/^https?:/.test(target))
        .filter((target) => {
          const [file = '', place] = target.split('#');
          const to = file === '' ? path : join(dirname(path), file);
          if (!existsSync(join(ROOT, to))) return true;
          return place !== undefined && !anchorsIn(read(to)).includes(place);
        });
      expect(dead).toEqual([]);
    });
  }

  it('and file names in backticks name what is there', () => {
    const named = WRITTEN.flatMap((path) =>
      [...read(path).matchAll(/`((?:src|test|scripts|bin|docs|deploy|examples)\/[\w./-]+)`/g)].map(
        ([, name]) => name ?? '',
      ),
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !existsSync(join(ROOT, name)))).toEqual([]);
  });
});

describe('blocks', () => {
  const text = 'a\n<!-- x -->\nold\n$&\n<!-- /x -->\nb\n<!-- y -->\n<!-- /y -->\n';

  it('are found and filled, whatever is put in', () => {
    expect(blocksOf(text)).toEqual(['x', 'y']);
    expect(blockOf(text, 'x')).toBe('old\n$&\n');
    expect(blockOf(text, 'y')).toBe('');
    const filled = withBlock(text, { name: 'y', text: "$1 $' new\n" });
    expect(blockOf(filled, 'y')).toBe("$1 $' new\n");
    expect(blockOf(filled, 'x')).toBe('old\n$&\n');
  });

  it('that are missing are an error', () => {
    expect(() => withBlock(text, { name: 'z', text: '' })).toThrow('no block');
  });
});
