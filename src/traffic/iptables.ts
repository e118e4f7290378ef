import type { IptablesRules, IptablesTable } from '../kinds/iptables-rules.js';
import type { Family } from '../model/ip.js';
import type { Match, TrafficRule, Verdict } from './rules.js';

interface Chain {
  readonly table: IptablesTable;
  /** The built-in chain that leads to ours. */
  readonly from: string;
  readonly name: string;
  readonly comment: string;
}

/** flannel's names, so that rules which flanneld left are the ones we want. */
const CHAINS: Readonly<Record<TrafficRule['chain'], Chain>> = {
  masquerade: { table: 'nat', from: 'POSTROUTING', name: 'FLANNEL-POSTRTG', comment: 'flanneld masq' },
  forward: { table: 'filter', from: 'FORWARD', name: 'FLANNEL-FWD', comment: 'flanneld forward' },
};

const TARGETS: Readonly<Record<Verdict, string>> = {
  accept: 'ACCEPT',
  return: 'RETURN',
  masquerade: 'MASQUERADE',
  'masquerade-fully-random': 'MASQUERADE --random-fully',
};

interface Input {
  readonly family: Family;
  readonly rules: readonly TrafficRule[];
}

/** The chains that hold the rules, and the jumps to them; none when there are no rules. */
export function iptablesRulesOf({ family, rules }: Input): IptablesRules | undefined {
  if (rules.length === 0) return undefined;
  const lines = (['masquerade', 'forward'] as const).flatMap((chain) => {
    const { table, from, name, comment } = CHAINS[chain];
    const own = rules.filter((rule) => rule.chain === chain);
    if (own.length === 0) return [];
    return [
      `-t ${table} -N ${name}`,
      `-t ${table} -A ${from} -m comment --comment "${comment}" -j ${name}`,
      ...own.map((rule) => `-t ${table} -A ${name} ${ruleArguments(rule, comment)}`),
    ];
  });
  return { kind: 'iptables-rules', family, rules: lines };
}

/** In iptables-save's order, which is not the order that people would write. */
function ruleArguments({ source, destination, markBits, verdict }: TrafficRule, comment: string): string {
  const mark = markBits === undefined ? undefined : `0x${markBits.toString(16)}`;
  return [
    ...(source ? [match('-s', source)] : []),
    ...(destination ? [match('-d', destination)] : []),
    ...(mark === undefined ? [] : [`-m mark --mark ${mark}/${mark}`]),
    `-m comment --comment "${comment}" -j ${TARGETS[verdict]}`,
  ].join(' ');
}

const match = (option: '-s' | '-d', { is, prefix }: Match): string =>
  `${is === 'outside' ? '! ' : ''}${option} ${prefix}`;
