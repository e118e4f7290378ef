import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { parseNftTable } from '../../src/kinds/nft-listing.js';
import { nftTable, nftTableKind } from '../../src/kinds/nft-table.js';
import { addressOf, bitsOf, type Family, lengthOf, type Prefix } from '../../src/model/ip.js';
import { nftTableOf } from '../../src/traffic/nftables.js';
import type { Match, TrafficRule } from '../../src/traffic/rules.js';
import { type Ruled, ruled } from './arbitrary-rules.js';

/** The JSON that nft prints for these rules: a second rendering, written from libnftables-json(5). */
function listing({ family, rules }: Ruled, style: 'nft 1.0' | 'nft 1.1'): unknown[] {
  const ip = family === 4 ? 'ip' : 'ip6';
  const table = `flannel-ipv${family}`;
  const chains = [
    { name: 'postrtg', of: 'masquerade', type: 'nat', hook: 'postrouting', prio: 100 },
    { name: 'forward', of: 'forward', type: 'filter', hook: 'forward', prio: 0 },
  ].filter(({ of }) => rules.some(({ chain }) => chain === of));
  return [
    { metainfo: { version: '1.0.6', json_schema_version: 1 } },
    {
      table: { family: ip, name: table, handle: 7, ...(style === 'nft 1.1' ? { comment: `rules for ${table}` } : {}) },
    },
    ...chains.map(({ of: _, ...chain }) => ({ chain: { family: ip, table, handle: 9, policy: 'accept', ...chain } })),
    ...chains.flatMap(({ name, of }) =>
      rules
        .filter(({ chain }) => chain === of)
        .map((rule, i) => ({
          rule: { family: ip, table, chain: name, handle: 10 + i, expr: expressions(rule, family, style) },
        })),
    ),
  ];
}

function expressions(rule: TrafficRule, family: Family, style: 'nft 1.0' | 'nft 1.1'): unknown[] {
  const address = (field: string, match: Match | undefined) =>
    match === undefined
      ? []
      : [
          {
            match: {
              op: match.is === 'inside' ? '==' : '!=',
              left: { payload: { protocol: family === 4 ? 'ip' : 'ip6', field } },
              right: value(match.prefix, family),
            },
          },
        ];
  const { markBits: bits, verdict } = rule;
  const mark = { match: { op: '==', left: { '&': [{ meta: { key: 'mark' } }, bits] }, right: bits } };
  const end =
    verdict === 'masquerade-fully-random'
      ? { masquerade: { flags: style === 'nft 1.0' ? 'fully-random' : ['fully-random'] } }
      : { [verdict]: null };
  return [
    ...(bits === undefined ? [] : [mark]),
    ...address('saddr', rule.source),
    ...address('daddr', rule.destination),
    end,
  ];
}

const value = (prefix: Prefix, family: Family): unknown =>
  lengthOf(prefix) === bitsOf(family)
    ? addressOf(prefix)
    : { prefix: { addr: addressOf(prefix), len: lengthOf(prefix) } };

test.each(['nft 1.0', 'nft 1.1'] as const)('what %s lists reads back as what was wanted', (style) => {
  fc.assert(
    fc.property(ruled, (each) => {
      const wanted = nftTableOf(each);
      const read = parseNftTable(JSON.stringify({ nftables: listing(each, style) }), each.family);
      if (wanted === undefined) expect(read?.lines).toEqual([]);
      else expect(read?.lines).toEqual(wanted.lines);
      expect(read && nftTableKind.owns(read, { protocol: 70, networks: [] })).toBe(true);
    }),
  );
});

describe('what is not ours in our table shows', () => {
  const read = (...extra: unknown[]) =>
    parseNftTable(
      JSON.stringify({ nftables: [{ table: { family: 'ip', name: 'flannel-ipv4', handle: 1 } }, ...extra] }),
      4,
    );
  const chain = { chain: { family: 'ip', table: 'flannel-ipv4', name: 'postrtg', handle: 1 } };
  const rule = (expr: unknown, rest = {}) => ({ rule: { family: 'ip', chain: 'postrtg', handle: 4, expr, ...rest } });

  test.each<[string, unknown[], string[]]>([
    ['a chain without a hook', [chain], ['chain postrtg { }']],
    ['a drop', [chain, rule([{ drop: null }])], ['chain postrtg { }', 'rule postrtg drop']],
    [
      'a statement we never make',
      [chain, rule([{ log: { prefix: 'x' } }])],
      ['chain postrtg { }', 'rule postrtg {"log":{"prefix":"x"}}'],
    ],
    [
      'a comment',
      [chain, rule([{ accept: null }], { comment: 'hi' })],
      ['chain postrtg { }', 'rule postrtg accept comment "hi"'],
    ],
    [
      'masquerading to ports',
      [chain, rule([{ masquerade: { port: 5 } }])],
      ['chain postrtg { }', 'rule postrtg {"masquerade":{"port":5}}'],
    ],
    ['a set, without its handle', [{ set: { name: 's', handle: 3 } }], ['{"set":{"name":"s"}}']],
  ])('%s', (_, extra, lines) => expect(read(...extra)?.lines).toEqual(lines));

  test('a dormant table', () => {
    const text = JSON.stringify({ nftables: [{ table: { name: 'flannel-ipv4', handle: 1, flags: 'dormant' } }] });
    expect(parseNftTable(text, 4)?.lines).toEqual(['flags dormant']);
  });
});

test('a table with our name and another comment belongs to somebody else', () => {
  const ownership = { protocol: 70, networks: [] };
  expect(nftTableKind.owns({ ...nftTable({ family: 4, lines: [] }), comment: 'mine' }, ownership)).toBe(false);
  expect(nftTableKind.owns({ ...nftTable({ family: 4, lines: [] }), table: 'other' }, ownership)).toBe(false);
});

test('an answer that is no list is an error with a hint', () => {
  expect(() => parseNftTable('Error: JSON support not compiled-in', 4)).toThrow(FlanError);
  expect(parseNftTable('{"nftables":[{"metainfo":{}}]}', 4)).toBeUndefined();
});
