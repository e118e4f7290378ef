import { Chalk } from 'chalk';
import { describe, expect, it } from 'vitest';
import { table } from '../../src/report/table.js';

describe('a table', () => {
  it('aligns columns and ends no line with spaces', () => {
    expect(table([['a', 'bb', ''], ['ccc', '', 'd'], ['e']])).toBe('  a    bb\n  ccc      d\n  e\n');
  });

  it('counts what is seen, not colour codes', () => {
    const { red } = new Chalk({ level: 1 });
    const lines = table([
      [red('a'), 'x'],
      ['bbb', red('y')],
    ]);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colour codes start with one
    expect(lines.replace(/\x1b\[\d+m/g, '')).toBe('  a    x\n  bbb  y\n');
  });

  it('of no rows is empty', () => expect(table([])).toBe(''));
});
