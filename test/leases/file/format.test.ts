import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as yaml from 'yaml';
import { formatFile } from '../../../src/leases/file/format.js';

const format = (text: string, file = 'leases/a.yaml'): string => formatFile(yaml, { file, text });

describe('flan fmt', () => {
  it.each([
    ['indentation', 'leases:\n    -   {subnet: 10.1.0.0/24}\n', 'leases:\n  - { subnet: 10.1.0.0/24 }\n'],
    [
      'members of a lease in their order, comments with them',
      '# node of rack 7\npublicIP: 192.168.1.2 # the second NIC\nsubnet: 10.1.0.0/24\nnode: a\n',
      '# node of rack 7\nnode: a\nsubnet: 10.1.0.0/24\npublicIP: 192.168.1.2 # the second NIC\n',
    ],
    [
      'several documents',
      'subnet: 10.1.0.0/24\nnode:   a\n---\nsubnet: 10.2.0.0/24\nnode: b\n',
      'node: a\nsubnet: 10.1.0.0/24\n---\nnode: b\nsubnet: 10.2.0.0/24\n',
    ],
    ['members that nobody knows stay behind', 'zone: x\nsubnet: 10.1.0.0/24\n', 'subnet: 10.1.0.0/24\nzone: x\n'],
    ['what is no lease keeps its order', 'b: 1\na:   2\n', 'b: 1\na: 2\n'],
    ['nothing', '', ''],
    ['nothing but comments', '# leases: ./leases\n\n#   node: a\n', '# leases: ./leases\n\n#   node: a\n'],
    ['blank lines alone', '\n\n', '\n\n'],
    [
      'numbers as they are written',
      'a:  12345678901234567890\nb: 1e3\nc: 0x10\nd: 1.10\ne: .5\nf: 1.2345678901234567890123\n',
      'a: 12345678901234567890\nb: 1e3\nc: 0x10\nd: 1.10\ne: .5\nf: 1.2345678901234567890123\n',
    ],
    [
      'numbers and times of YAML 1.1',
      '%YAML 1.1\n---\na:  1_000\nb: 1:30\nc: 2001-12-14\n',
      '%YAML 1.1\n---\na: 1_000\nb: 1:30\nc: 2001-12-14\n',
    ],
    // Written again it would lose the blank line, and get it back the next time.
    ['blank lines that do not settle', '7\n\n# a\n---\n\n# b\n8\n', '7\n\n# a\n---\n\n# b\n8\n'],
  ])('%s', (_what, before, after) => {
    expect(format(before)).toBe(after);
    expect(format(after)).toBe(after);
  });

  it('writes JSON as flan does', () => {
    expect(format('{"subnet":"10.1.0.0/24","node":"a"}', 'a.json')).toBe(
      '{\n  "node": "a",\n  "subnet": "10.1.0.0/24"\n}\n',
    );
  });

  it.each([
    ['numbers', '[12345678901234567890,1e3,1.10,-0]', '[\n  12345678901234567890,\n  1e3,\n  1.10,\n  -0\n]\n'],
    ['the order of names that are numbers', '{"2":{},"1":[]}', '{\n  "2": {},\n  "1": []\n}\n'],
    ['text with signs of JSON in it', '{"a":"\\"b\\": [1,{}]\\\\"}', '{\n  "a": "\\"b\\": [1,{}]\\\\"\n}\n'],
  ])('keeps in JSON %s', (_what, before, after) => {
    expect(format(before, 'a.json')).toBe(after);
  });

  it.each([
    ['a.json', '{"a": 12345678901234567890,\n "a": 2}', 'a.json:2:2'],
    ['a.json', '[{"b": {"a": 1, "\\u0061": 1}}]', 'a.json:1:17'],
    ['a.yaml', 'a: 1\na: 2\n', 'a.yaml:2:1'],
  ])('drops no member that stands there twice: %s %s', (file, text, where) => {
    expect(() => format(text, file)).toThrow(expect.objectContaining({ code: 'E_FORMAT', where }));
  });

  it('says so when the library would lose a comment, or finds a fault only when it writes', () => {
    expect(() => format('a: *b\n')).toThrow(expect.objectContaining({ code: 'E_FORMAT', where: 'leases/a.yaml' }));
    expect(() => format(' |\n  x\n\n# b\n--- # c\n0o17\n')).toThrow(/without losing a part/);
  });

  it('tells where what cannot be read is wrong', () => {
    for (const file of ['a.yaml', 'a.json']) {
      expect(() => format('node: a\n  subnet: {\n', file)).toThrow(
        expect.objectContaining({ code: 'E_FORMAT', where: expect.stringMatching(new RegExp(`^${file}:\\d+:\\d+$`)) }),
      );
    }
  });

  it('keeps each value and each comment of YAML, wherever people put them, and is done after once', () => {
    fc.assert(
      fc.property(handWritten, (text) => {
        const once = format(text);
        expect(meaning(once)).toEqual(meaning(text));
        expect(once.match(/# note \d+/g)?.sort()).toEqual(text.match(/# note \d+/g)?.sort());
        expect(format(once)).toBe(once);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps each number of JSON', () => {
    const digits = fc.oneof(fc.bigInt().map(String), fc.double({ noDefaultInfinity: true, noNaN: true }).map(String));
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.oneof(digits, fc.constantFrom('1E3', '1.10', '-0'))), (numbers) => {
        const members = Object.entries(numbers).map(([name, number]) => `${JSON.stringify(name)}:${number}`);
        const once = format(`{${members.join()}}`, 'a.json');
        const lines = once.split('\n').map((line) => line.trim().replace(/,$/, ''));
        expect(lines.filter((line) => line.includes(': ')).sort()).toEqual(
          members.map((member) => member.replace(/:([^:]*)$/, ': $1')).sort(),
        );
        expect(format(once, 'a.json')).toBe(once);
      }),
    );
  });

  it('never changes what a file says, and is done after once', () => {
    const lease = fc.record({ subnet: fc.string(), node: fc.string(), expires: fc.string(), more: fc.jsonValue() });
    fc.assert(
      fc.property(fc.oneof(lease, fc.array(lease), fc.jsonValue()), (value) => {
        for (const [file, text] of [
          ['a.json', JSON.stringify(value)],
          ['a.yaml', yaml.stringify(value)],
        ] as const) {
          const once = format(text, file);
          expect(yaml.parse(once)).toEqual(yaml.parse(text));
          expect(format(once, file)).toBe(once);
        }
      }),
    );
  });
});

/** Numbers are compared to the last digit. */
const meaning = (text: string): unknown =>
  yaml.parseAllDocuments(text, { intAsBigInt: true }).map((document) => document.toJS({ mapAsMap: true }));

interface Line {
  readonly name: string;
  readonly value: string;
  readonly above: string;
  readonly behind: string;
}

const line: fc.Arbitrary<Omit<Line, 'name'>> = fc.record({
  value: fc.constantFrom(
    ...[
      '12345678901234567890',
      '-98765432109876543210',
      '1e3',
      '0x10',
      '0o17',
      '1.10',
      '.5',
      '-0',
      '+7',
      '1.0',
      '.inf',
    ],
    ...['', '~', 'true', 'text', '"12"', "'a # b'", '10.1.0.0/24', '[1, 0x1F]', '{x: 1.10, y: [ ]}'],
    ...['[ 1, # note 0\n   0x2 ]', '|\n     # no note\n     x', '>-\n     a\n     b'],
  ),
  above: fc.constantFrom('', '', '\n', '# note 1\n', '# note 2\n\n', '\n# note 3\n'),
  behind: fc.constantFrom('', '', ' # note 4', '    # note 5'),
});

const mapping: fc.Arbitrary<readonly Line[]> = fc
  .uniqueArray(fc.constantFrom('node', 'subnet', 'publicIP', 'zone', '7', '0x10'), { minLength: 1, maxLength: 4 })
  .chain((names) => fc.tuple(...names.map((name) => line.map((rest) => ({ name, ...rest })))));

const inLines = (lines: readonly Line[], indent: string): string =>
  lines
    .map(({ name, value, above, behind }) => {
      const comment = /^[|>]/.test(value) ? '' : behind;
      return `${above}${name}:${value === '' ? '' : `  ${value}`}${comment}\n`;
    })
    .join('')
    .replace(/^(?=.)/gm, indent);

const block = fc.oneof(
  mapping.map((lines) => inLines(lines, '')),
  mapping.map((lines) => `leases:\n  -\n${inLines(lines, '      ')}`),
  fc.tuple(mapping, mapping).map(([lines, inner]) => `${inLines(lines, '')}inner: # note 6\n${inLines(inner, '    ')}`),
);

/** Mappings, alone or in a list, of one document or several, with comments and blank lines anywhere. */
const handWritten = fc
  .tuple(
    fc.array(block, { minLength: 1, maxLength: 3 }),
    fc.constantFrom('---\n', '--- # note 7\n', '...\n# note 8\n---\n'),
  )
  .map(([blocks, between]) => `${blocks.join(between)}# note 9\n`);
