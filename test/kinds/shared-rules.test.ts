import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeRules, splitRules } from '../../src/kinds/shared-rules.js';
import { parsePrefix } from '../../src/model/ip.js';
import { iptablesRulesOf } from '../../src/traffic/iptables.js';
import { nftTableOf } from '../../src/traffic/nftables.js';
import { trafficRules } from '../../src/traffic/rules.js';

const NETWORKS = { 4: ['10.10.0.0/16', '10.11.0.0/16'], 6: ['fd00:10::/48', 'fd00:11::/48'] } as const;
const SUBNETS = { 4: ['10.10.3.0/24', '10.11.4.0/24'], 6: ['fd00:10:0:3::/64', 'fd00:11:0:4::/64'] } as const;

const options = fc.record({
  masquerade: fc.boolean(),
  forward: fc.boolean(),
  fullyRandom: fc.boolean(),
  excluded: fc.boolean(),
});
const cases = fc.record({
  family: fc.constantFrom(4 as const, 6 as const),
  mode: fc.constantFrom('iptables' as const, 'nftables' as const),
  first: options,
  second: options,
});

type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

/** What one of two flans wants there. */
function linesOf({ family, mode, first, second }: Case, which: 0 | 1): readonly string[] {
  const wish = which === 0 ? first : second;
  const rules = trafficRules({
    ...wish,
    family,
    network: parsePrefix(NETWORKS[family][which]),
    subnet: parsePrefix(SUBNETS[family][which]),
    // Of all things the other one's network.
    exclude: wish.excluded ? [parsePrefix(NETWORKS[family][1 - which] ?? '')] : [],
  });
  return (mode === 'iptables' ? iptablesRulesOf({ family, rules })?.rules : nftTableOf({ family, rules })?.lines) ?? [];
}

describe('rules of two flans in the same chains', () => {
  it('are told apart, whoever wrote last, and none is lost', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const [a, b] = [linesOf(one, 0), linesOf(one, 1)];
        const [ofA, ofB] = [0, 1].map((which) => [parsePrefix(NETWORKS[one.family][which] ?? '')]);
        // A writes first, B beside it, A again with what B left.
        const withB = mergeRules(b, splitRules(a, ofA ?? []).theirs);
        expect(splitRules(withB, ofA ?? []).mine).toEqual(b);
        expect(splitRules(withB, ofB ?? []).mine).toEqual(a);
        const again = mergeRules(a, splitRules(withB, ofB ?? []).theirs);
        expect(splitRules(again, ofB ?? []).mine).toEqual(a);
        expect(splitRules(again, ofA ?? []).mine).toEqual(b);
        expect([...again].sort()).toEqual([...new Set([...a, ...b])].sort());
        // A takes its own away: what is left is what B alone would have.
        expect(mergeRules([], splitRules(again, ofB ?? []).theirs)).toEqual(b);
      }),
    );
  });

  it('takes what names nobody known for its own, to be put right', () => {
    const lines = ['chain forward { }', 'rule forward ip saddr 192.0.2.0/24 drop', 'rule forward accept'];
    expect(splitRules(lines, [parsePrefix('10.11.0.0/16')])).toEqual({ mine: lines, theirs: [] });
  });
});
