import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expandWord, shellSyntaxIn, shellWords, templateWord } from '../../src/model/shell-words.js';

const split = (line: string, values: Readonly<Record<string, string>> = {}): readonly string[] | undefined =>
  shellWords(line)?.map((word) => expandWord(word, values));

describe('shellWords', () => {
  it.each([
    ['ip route add', ['ip', 'route', 'add']],
    ['  a\t b\n', ['a', 'b']],
    ['', []],
    [`a 'b c' "d e"`, ['a', 'b c', 'd e']],
    [`a'b'"c"d`, ['abcd']],
    [`'' ""`, ['', '']],
    [String.raw`a\ b \" \\ '\'`, ['a b', '"', '\\', '\\']],
    [String.raw`"a\"b\\c\$X\n"`, ['a"b\\c$X\\n']],
    ['$A ${A} x$A-y', ['1 2', '1 2', 'x1 2-y']],
    [`'$A' "$A" \\$A`, ['$A', '1 2', '$A']],
    ['$NONE a', ['', 'a']],
    ['$ $1 ${ ${A $(id) `id`', ['$', '$1', '${', '${A', '$(id)', '`id`']],
  ])('splits %j', (line, words) => {
    expect(split(line, { A: '1 2' })).toEqual(words);
  });

  it.each([`a "b`, `a 'b`, `"`])('refuses %j, whose quote is not closed', (line) => {
    expect(shellWords(line)).toBeUndefined();
  });

  it('makes as many words whatever the values are, and a value stays as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        expect(split('a $V "$V" x${V}y', { V: value })).toEqual(['a', value, value, `x${value}y`]);
      }),
    );
  });

  it('gives back any words that are quoted as a shell wants it', () => {
    const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (words) => {
        expect(split(words.map(quoted).join(' '))).toEqual(words);
      }),
    );
  });
});

describe('templateWord', () => {
  it.each([
    ['$A', '1 2'],
    ['x${A}y$A', 'x1 2y1 2'],
    [`'$A' \\$A "a`, `'1 2' \\1 2 "a`],
    ['', ''],
    ['$(A) $1 $', '$(A) $1 $'],
  ])('knows nothing but variables: %j', (text, expanded) => {
    expect(expandWord(templateWord(text), { A: '1 2' })).toBe(expanded);
  });
});

describe('shellSyntaxIn', () => {
  it.each([
    ['a | b', '|'],
    ['export A=1; b', ';'],
    ['a && b', '&'],
    ['a > /dev/null', '>'],
    ['a `b`', '`'],
    ['a $(b)', '$('],
    ['a "$(b)"', '$('],
  ])('finds it in %j', (line, found) => {
    expect(shellSyntaxIn(line)).toBe(found);
  });

  it.each(['ip route add $SUBNET via ${PUBLIC_IP}', `a 'b | c' "d; e" \\;`])('finds none in %j', (line) => {
    expect(shellSyntaxIn(line)).toBeUndefined();
  });
});
