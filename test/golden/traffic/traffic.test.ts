import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { iptablesScript } from '../../../src/kinds/iptables-script.js';
import { nftScript } from '../../../src/kinds/nft-table.js';
import { FAMILIES, type Family, type Prefix } from '../../../src/model/ip.js';
import { iptablesRulesOf } from '../../../src/traffic/iptables.js';
import { nftTableOf } from '../../../src/traffic/nftables.js';
import { type TrafficSettings, trafficRules } from '../../../src/traffic/rules.js';

const NETWORKS: Readonly<Record<Family, Pick<TrafficSettings, 'network' | 'subnet'>>> = {
  4: { network: '10.244.0.0/16' as Prefix, subnet: '10.244.3.0/24' as Prefix },
  6: { network: 'fd00:10:244::/48' as Prefix, subnet: 'fd00:10:244:3::/64' as Prefix },
};

const EVERYTHING = {
  masquerade: true,
  forward: true,
  fullyRandom: true,
  exclude: [] as readonly Prefix[],
};

const CASES: Readonly<Record<string, Partial<typeof EVERYTHING>>> = {
  'masquerade-and-forward': {},
  'masquerade-only': { forward: false },
  'forward-only': { masquerade: false },
  'not-fully-random': { fullyRandom: false },
  exclude: {
    exclude: ['192.168.0.0/16', '203.0.113.9/32', 'fd12::/16', '2001:db8::9/128'] as readonly string[] as Prefix[],
  },
};

for (const [name, change] of Object.entries(CASES)) {
  for (const family of FAMILIES) {
    const rules = trafficRules({ family, ...NETWORKS[family], ...EVERYTHING, ...change });
    test(`${name}, IPv${family}, as nftables transaction`, () => {
      const table = nftTableOf({ family, rules });
      expectGolden(`${name}/ipv${family}.nft`, table && nftScript(table, 'present'));
    });
    test(`${name}, IPv${family}, as iptables transaction`, () => {
      const after = iptablesRulesOf({ family, rules });
      expectGolden(`${name}/ipv${family}.iptables`, iptablesScript({ before: undefined, after }));
    });
  }
}

test('no rules are no resource', () => {
  const rules = trafficRules({ family: 4, ...NETWORKS[4], ...EVERYTHING, masquerade: false, forward: false });
  expect(rules).toEqual([]);
  expect(nftTableOf({ family: 4, rules })).toBeUndefined();
  expect(iptablesRulesOf({ family: 4, rules })).toBeUndefined();
});

function expectGolden(path: string, text: string | undefined): void {
  const file = join(import.meta.dirname, path);
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text ?? '');
  }
  expect(text).toBe(readFileSync(file, 'utf8'));
}
