import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FlanError } from '../../../src/errors.js';
import { encodeLeaseFields } from '../../../src/leases/file/fields.js';
import { type FileContent, type LeaseFile, parseJsonFile, parseYamlFile } from '../../../src/leases/file/parse.js';
import { findRepeated } from '../../../src/leases/file/repeated-member.js';
import { appendToYaml, editYaml, loadYaml, removeFromYaml } from '../../../src/leases/file/yaml.js';
import { lease } from '../support.js';

const parse = async (text: string, form: LeaseFile['form'] = 'folder'): Promise<FileContent> => {
  const file = { file: 'leases/x.yaml', text, form };
  return parseJsonFile(file) ?? parseYamlFile(await loadYaml(), file);
};

/** One line per entry: what people would want to know of it. */
async function said(text: string, form?: LeaseFile['form']): Promise<string[]> {
  const content = await parse(text, form);
  if (content.type === 'empty') return ['empty'];
  const line = (error: FlanError) => `${error.code} ${error.where}: ${error.message}`;
  if (content.type === 'broken') return [line(content.error)];
  return content.entries.map(({ id, result }) =>
    result instanceof FlanError ? line(result) : `${id} ${result.key} ${result.node ?? '-'}`,
  );
}

describe('what a file may hold', () => {
  test('one lease, with every member', async () => {
    const text = `
node: node-b
nodeId: id-b
subnet: 10.244.2.0/24
ipv6Subnet: fd00:10:244:2::/64
publicIP: 192.168.10.2
publicIPv6: fd99:0::2
backendType: vxlan
backendData: { VNI: 1, VtepMAC: "0e:00:00:00:00:01" }
backendV6Data: null
expires: 2026-01-31T12:00:00+01:00
`;
    const content = await parse(text);
    expect(content.type === 'entries' && content.entries[0]?.result).toEqual({
      key: '10.244.2.0-24&fd00:10:244:2::-64',
      node: 'node-b',
      nodeId: 'id-b',
      backendType: 'vxlan',
      ipv4: {
        subnet: '10.244.2.0/24',
        publicIp: '192.168.10.2',
        backendData: { VNI: 1, VtepMAC: '0e:00:00:00:00:01' },
      },
      ipv6: { subnet: 'fd00:10:244:2::/64', publicIp: 'fd99::2', backendData: null },
      expiresAtMs: Date.UTC(2026, 0, 31, 11),
      origin: 'leases/x.yaml',
    });
  });

  test('a list, several documents, JSON, nothing', async () => {
    expect(await said('- {node: a, subnet: 10.0.1.0/24}\n- {node: b, subnet: 10.0.2.0/24}\n')).toEqual([
      'leases/x.yaml#1 10.0.1.0-24 a',
      'leases/x.yaml#2 10.0.2.0-24 b',
    ]);
    expect(await said('node: a\nsubnet: 10.0.1.0/24\n---\nnode: b\nsubnet: 10.0.2.0/24\n')).toEqual([
      'leases/x.yaml#1 10.0.1.0-24 a',
      'leases/x.yaml#2 10.0.2.0-24 b',
    ]);
    expect(await said('{"node": "a", "subnet": "10.0.1.0/24"}')).toEqual(['leases/x.yaml 10.0.1.0-24 a']);
    expect(await said('[]')).toEqual([]);
    expect(await said('')).toEqual(['empty']);
    expect(await said('# nothing yet\n')).toEqual(['empty']);
  });

  test('the one-file form', async () => {
    expect(await said('network: {Network: 10.0.0.0/8}\nleases:\n- {node: a, subnet: 10.0.1.0/24}\n', 'file')).toEqual([
      'leases/x.yaml#1 10.0.1.0-24 a',
    ]);
    expect(await said('network: {}\n', 'file')).toEqual([]);
    expect(await said('network: {}\nlease: []\n', 'file')).toEqual([
      "E_LEASE leases/x.yaml:2:1: cannot read leases/x.yaml:2:1: unknown member 'lease' (did you mean 'leases'?)",
    ]);
  });
});

describe('faults say where and what, and hurt nobody else', () => {
  test.each([
    [
      'subnet: 10.0.1.0/24\npublicIp: 1.2.3.4',
      "2:1: lease in leases/x.yaml:2:1: a lease has no member 'publicIp' (did you mean 'publicIP'?)",
    ],
    ['{"subnet": "10.0.1.0/24",\n "colour": 1}', "2:2: lease in leases/x.yaml:2:2: a lease has no member 'colour'"],
    ['node: a', '1:1: lease in leases/x.yaml:1:1: it has neither subnet nor ipv6Subnet'],
    [
      'subnet: 10.0.1.7/24',
      "1:1: lease in leases/x.yaml:1:1: subnet '10.0.1.7/24' has host bits set (did you mean '10.0.1.0/24'?)",
    ],
    [
      'subnet: fd00::/64',
      "1:1: lease in leases/x.yaml:1:1: subnet 'fd00::/64' is not an IPv4 subnet like 10.244.3.0/24",
    ],
    ['subnet: 10.0.1.1/32', "1:1: lease in leases/x.yaml:1:1: subnet '10.0.1.1/32' is a single address"],
    [
      'subnet: 10.0.1.0/24\npublicIP: 1.2.3',
      "2:1: lease in leases/x.yaml:2:1: publicIP '1.2.3' is not an IPv4 address",
    ],
    [
      'subnet: 10.0.1.0/24\npublicIPv6: fd00::1',
      '2:1: lease in leases/x.yaml:2:1: publicIPv6 is given but ipv6Subnet is not',
    ],
    ['subnet: 10.0.1.0/24\nnode: 7', '2:1: lease in leases/x.yaml:2:1: node must be text, not 7'],
    [
      'subnet: 10.0.1.0/24\nexpires: tomorrow',
      "2:1: lease in leases/x.yaml:2:1: expires 'tomorrow' is not a time like 2026-01-31T12:00:00Z (RFC 3339)",
    ],
    ['just text', '1:1: lease in leases/x.yaml:1:1: a lease must be a mapping with subnet, publicIP and the like'],
    [
      'a: [1',
      '1:6: cannot read leases/x.yaml:1:6: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
  ])('%j', async (text, message) => {
    expect(await said(text)).toEqual([`E_LEASE leases/x.yaml:${message}`]);
  });

  test('one bad item of a list', async () => {
    expect(await said('- {subnet: 10.0.1.0/24}\n- {subnet: nonsense}\n- {subnet: 10.0.3.0/24}\n')).toEqual([
      'leases/x.yaml#1 10.0.1.0-24 -',
      "E_LEASE leases/x.yaml:2:4: lease in leases/x.yaml:2:4: subnet 'nonsense' is not an IPv4 subnet like 10.244.3.0/24",
      'leases/x.yaml#3 10.0.3.0-24 -',
    ]);
  });

  test('a member that stands there twice, in YAML; JSON keeps the last, as in Go', async () => {
    const said2 = 'E_LEASE leases/x.yaml:2:1: cannot read leases/x.yaml:2:1: Map keys must be unique';
    expect(await said('subnet: 10.0.1.0/24\nsubnet: 10.0.2.0/24')).toEqual([said2]);
    const [kept] = await said('{"subnet": "10.0.1.0/24",\n"subnet": "10.0.2.0/24"}');
    expect(kept).toContain('10.0.2.0-24');
  });

  test('aliases that multiply are refused', async () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'.split('').map((c, i) => `${c}: &${c} [${Array(9).fill(`*${'abcdefg'[i]}`).join()}]`),
    ];
    expect((await said(bomb.join('\n')))[0]).toMatch(/^E_LEASE leases\/x.yaml: .*alias/i);
  });

  test('any text gives content, never an exception', async () => {
    const pieces = fc.constantFrom(
      'subnet: ',
      '10.0.1.0/24',
      '\n',
      '- ',
      '{',
      '}',
      '[',
      ']',
      ': ',
      '&a ',
      '*a',
      '---\n',
      '"',
      '!!binary ',
      '\t',
      'x',
    );
    const texts = fc.oneof(
      fc.string(),
      fc.json(),
      fc.array(pieces, { maxLength: 12 }).map((some) => some.join('')),
    );
    await fc.assert(
      fc.asyncProperty(texts, fc.constantFrom('folder', 'file'), async (text, form) => {
        expect(['entries', 'empty', 'broken']).toContain((await parse(text, form)).type);
      }),
      { numRuns: 500 },
    );
  });
});

describe('members that stand there twice', () => {
  /** Members in order, so that a name can be there more than once. */
  interface Members {
    readonly members: readonly (readonly [name: string, value: unknown])[];
  }
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom('a', '":', '::1', ' : ', '\\', '{"a":1', 7, null),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.record({
        members: fc.array(fc.tuple(fc.constantFrom('a', 'b', ':', '__proto__'), tie('value')), { maxLength: 3 }),
      }),
    ),
  }));
  const isMembers = (some: unknown): some is Members => typeof some === 'object' && some !== null && 'members' in some;
  const write = (some: unknown, colon: string): string => {
    if (Array.isArray(some)) return `[${some.map((item) => write(item, colon)).join()}]`;
    if (!isMembers(some)) return JSON.stringify(some);
    return `{${some.members.map(([name, member]) => `${JSON.stringify(name)}${colon}${write(member, colon)}`).join()}}`;
  };
  const repeats = (some: unknown): boolean => {
    if (Array.isArray(some)) return some.some(repeats);
    if (!isMembers(some)) return false;
    const names = some.members.map(([name]) => name);
    return new Set(names).size < names.length || some.members.some(([, member]) => repeats(member));
  };

  test('are found, and nothing else is', () => {
    fc.assert(
      fc.property(value, fc.constantFrom(':', ' : ', '\n:', ': '), (some, colon) => {
        const text = write(some, colon);
        expect(findRepeated(text) !== undefined).toBe(repeats(some));
      }),
      { numRuns: 1000 },
    );
  });

  test('are looked for in what is nested deeper than the stack', () => {
    const deep = (inner: string) => `${'['.repeat(100_000)}${inner}${']'.repeat(100_000)}`;
    for (const inner of ['{"a":1,"a":2}', '{"a":1,"b":2}']) {
      expect(findRepeated(deep(inner)) !== undefined).toBe(!inner.includes('b'));
    }
  });
});

describe('writing into what people wrote', () => {
  const text = `# our nodes
- node: a # the first
  subnet: 10.0.1.0/24
  publicIP: "1.1.1.1" # behind NAT
# the second
- node: b
  subnet: 10.0.2.0/24
`;

  test('only what changes is changed', async () => {
    const fields = { node: 'a', subnet: '10.0.1.0/24', publicIP: '1.1.1.2', backendData: { VNI: 1 } };
    expect(await editYaml({ text, document: 0, path: [0], fields })).toBe(`# our nodes
- node: a # the first
  subnet: 10.0.1.0/24
  publicIP: "1.1.1.2" # behind NAT
  backendData:
    VNI: 1
# the second
- node: b
  subnet: 10.0.2.0/24
`);
  });

  test('members that are no longer there go', async () => {
    const single = 'node: a\nsubnet: 10.0.1.0/24\nexpires: 2026-01-31T12:00:00Z\n---\nnode: b\nsubnet: 10.0.2.0/24\n';
    expect(await editYaml({ text: single, document: 0, path: [], fields: { node: 'a', subnet: '10.0.1.0/24' } })).toBe(
      'node: a\nsubnet: 10.0.1.0/24\n---\nnode: b\nsubnet: 10.0.2.0/24\n',
    );
  });

  test('an item is removed and added', async () => {
    expect(await removeFromYaml({ text, document: 0, path: [0] })).toContain('node: b');
    expect(await removeFromYaml({ text, document: 0, path: [0] })).not.toContain('node: a');
    const added = await appendToYaml({
      text: 'network: {}\nleases: # none\n',
      document: 0,
      path: ['leases'],
      fields: { node: 'c' },
    });
    expect(added).toMatch(/^network: \{\}\nleases:[\s\S]*- node: c\n$/);
    expect(await appendToYaml({ text: added, document: 0, path: ['leases'], fields: { node: 'd' } })).toMatch(
      /- node: c\n\s*- node: d\n$/,
    );
  });
});

test('what is written reads back', async () => {
  const full = lease({
    v4: '10.0.1.0/24',
    v6: 'fd00::/64',
    ip: '1.1.1.1',
    ip6: 'fd99::1',
    node: 'a',
    nodeId: 'i',
    expiresAtMs: 1_800_000_000_123,
  });
  const content = await parse(JSON.stringify(encodeLeaseFields(full)));
  expect(content.type === 'entries' && content.entries[0]?.result).toEqual({ ...full, origin: 'leases/x.yaml' });
});
