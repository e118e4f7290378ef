import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseIptablesSave } from '../../src/kinds/iptables-listing.js';
import { OUR_CHAINS } from '../../src/kinds/iptables-rules.js';
import { iptablesScript } from '../../src/kinds/iptables-script.js';
import { iptablesRulesOf } from '../../src/traffic/iptables.js';
import { trafficRules } from '../../src/traffic/rules.js';
import { families, settings } from './arbitrary-rules.js';
import { restore, save, type Tables } from './iptables-restore.js';

const FOREIGN = [
  '-m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING',
  '-m comment --comment "-j FLANNEL-FWD is not what this does" -j ACCEPT',
  '-m comment --comment "not flanneld masq" -j ACCEPT',
  '-s 10.244.0.0/16 -j FLANNEL-FWD-OTHER',
  '-j DROP',
];
const OURS = [
  '-m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
  '-m comment --comment "flanneld forward" -j FLANNEL-FWD',
  '-j FLANNEL-POSTRTG',
  '-s 10.9.0.0/16 -m comment --comment "flanneld masq" -j RETURN',
];

/** Hosts with rules of others, leftovers, doubles and strays of ours, in any order. */
const hosts: fc.Arbitrary<Tables> = fc
  .record({
    nat: fc.array(fc.constantFrom(...FOREIGN, ...OURS), { maxLength: 6 }),
    filter: fc.array(fc.constantFrom(...FOREIGN, ...OURS), { maxLength: 6 }),
    inOurChain: fc.array(fc.constantFrom('-j ACCEPT', '-s 10.9.0.0/16 -j RETURN', ...FOREIGN.slice(0, 2)), {
      maxLength: 3,
    }),
    others: fc.boolean(),
  })
  .map(({ nat, filter, inOurChain, others }): Tables => {
    const ours = OUR_CHAINS.map((name) => [name, inOurChain.map((rule) => `-A ${name} ${rule}`)] as const);
    const table = (hook: string, rules: readonly string[]) =>
      new Map([
        [hook, rules.map((rule) => `-A ${hook} ${rule}`)],
        ['KUBE-POSTROUTING', ['-A KUBE-POSTROUTING -j RETURN']],
        ['FLANNEL-FWD-OTHER', []],
        // A jump needs its chain.
        ...(rules.some((rule) => OUR_CHAINS.some((name) => rule.endsWith(` -j ${name}`))) || inOurChain.length > 0
          ? ours
          : []),
      ]);
    return new Map([
      ...(others ? [['mangle', new Map([['FORWARD', ['-A FORWARD -j MARK --set-xmark 0x1/0x1']]])] as const] : []),
      ['filter', table('FORWARD', filter)],
      ['nat', table('POSTROUTING', nat)],
    ]);
  });

const foreignOf = (tables: Tables): string =>
  save(tables)
    .split('\n')
    .filter((line) => !line.startsWith(':FLANNEL-POSTRTG') && !line.startsWith(':FLANNEL-FWD -'))
    .filter((line) => !OUR_CHAINS.some((name) => line.startsWith(`-A ${name} `)))
    .filter((line) => !OURS.some((rule) => line.endsWith(rule)))
    .join('\n');

const cases = families.chain((family) =>
  fc.record({ family: fc.constant(family), host: hosts, settings: settings(family) }),
);

test('from any host the script leads to what is wanted, and rules of others stay as they are', () => {
  fc.assert(
    fc.property(cases, ({ family, host, settings: each }) => {
      const after = iptablesRulesOf({ family, rules: trafficRules(each) });
      const script = iptablesScript({ before: parseIptablesSave(save(host), family), after });
      const result = script === undefined ? host : restore(host, script);
      expect(parseIptablesSave(save(result), family)).toEqual(after);
      expect(foreignOf(result)).toBe(foreignOf(host));
    }),
  );
});

test('what is wanted already is not written', () => {
  fc.assert(
    fc.property(cases, ({ family, host, settings: each }) => {
      const after = iptablesRulesOf({ family, rules: trafficRules(each) });
      const script = iptablesScript({ before: parseIptablesSave(save(host), family), after });
      const settled = parseIptablesSave(save(script === undefined ? host : restore(host, script)), family);
      expect(iptablesScript({ before: settled, after })).toBeUndefined();
    }),
  );
});

test('removal leaves nothing of ours', () => {
  fc.assert(
    fc.property(hosts, (host) => {
      const script = iptablesScript({ before: parseIptablesSave(save(host), 4), after: undefined });
      const result = script === undefined ? host : restore(host, script);
      expect(save(result)).not.toMatch(/FLANNEL-POSTRTG|:FLANNEL-FWD |-j FLANNEL-FWD$/m);
      expect(foreignOf(result)).toBe(foreignOf(host));
    }),
  );
});
