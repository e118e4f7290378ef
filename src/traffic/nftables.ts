import { type NftTable, nftFamily, nftTable } from '../kinds/nft-table.js';
import { addressOf, bitsOf, type Family, lengthOf, type Prefix } from '../model/ip.js';
import type { Match, TrafficRule, Verdict } from './rules.js';

/** The base chain that holds the rules of each of our chains; priorities are nft's `srcnat` and `filter` in numbers. */
const CHAINS: Readonly<Record<TrafficRule['chain'], { readonly name: string; readonly hook: string }>> = {
  forward: { name: 'forward', hook: 'type filter hook forward priority 0; policy accept;' },
  masquerade: { name: 'postrtg', hook: 'type nat hook postrouting priority 100; policy accept;' },
};

const VERDICTS: Readonly<Record<Verdict, string>> = {
  accept: 'accept',
  return: 'return',
  masquerade: 'masquerade',
  'masquerade-fully-random': 'masquerade fully-random',
};

/** The table that holds the rules; none when there are no rules. */
export function nftTableOf({ family, rules }: { family: Family; rules: readonly TrafficRule[] }): NftTable | undefined {
  if (rules.length === 0) return undefined;
  const lines = (['forward', 'masquerade'] as const).flatMap((chain) => {
    const { name, hook } = CHAINS[chain];
    const own = rules.filter((rule) => rule.chain === chain);
    if (own.length === 0) return [];
    return [`chain ${name} { ${hook} }`, ...own.map((rule) => `rule ${name} ${nftRule(rule, family)}`)];
  });
  return nftTable({ family, lines });
}

function nftRule({ markBits, source, destination, verdict }: TrafficRule, family: Family): string {
  const mark = markBits === undefined ? undefined : `0x${markBits.toString(16)}`;
  return [
    ...(mark === undefined ? [] : [`meta mark & ${mark} == ${mark}`]),
    ...(source ? [`${nftFamily(family)} saddr ${nftMatch(source)}`] : []),
    ...(destination ? [`${nftFamily(family)} daddr ${nftMatch(destination)}`] : []),
    VERDICTS[verdict],
  ].join(' ');
}

const nftMatch = ({ is, prefix }: Match): string => `${is === 'outside' ? '!= ' : ''}${nftPrefix(prefix)}`;

/** nft lists a single address without its length. */
const nftPrefix = (prefix: Prefix): string =>
  lengthOf(prefix) === bitsOf(prefix.includes(':') ? 6 : 4) ? addressOf(prefix) : prefix;
