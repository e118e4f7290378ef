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
  ])('%s', (_what, before, after) => {
    expect(format(before)).toBe(after);
    expect(format(after)).toBe(after);
  });

  it('writes JSON as flan does', () => {
    expect(format('{"subnet":"10.1.0.0/24","node":"a"}', 'a.json')).toBe(
      '{\n  "node": "a",\n  "subnet": "10.1.0.0/24"\n}\n',
    );
  });

  it('tells where what cannot be read is wrong', () => {
    for (const file of ['a.yaml', 'a.json']) {
      expect(() => format('node: a\n  subnet: {\n', file)).toThrow(
        expect.objectContaining({ code: 'E_FORMAT', where: expect.stringMatching(new RegExp(`^${file}:\\d+:\\d+$`)) }),
      );
    }
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
