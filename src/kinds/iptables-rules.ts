import type { Family } from '../model/ip.js';
import { type Kind, keyOf } from '../planner/kind.js';

/**
 * Our chains of iptables or ip6tables with all they hold, and every rule elsewhere that leads to them. One resource per
 * family, because the order of rules is their meaning. @see iptables(8)
 */
export interface IptablesRules {
  readonly kind: 'iptables-rules';
  readonly family: Family;
  /**
   * Arguments of iptables(8), as iptables-save(8) words them: per table first the chains (`-t nat -N …`), then the rules
   * in chains of others, then those of our chains, by chain and in order.
   */
  readonly rules: readonly string[];
}

/** The tables that rules are made in, in this order. */
export const IPTABLES_TABLES = ['nat', 'filter'] as const;
export type IptablesTable = (typeof IPTABLES_TABLES)[number];

/** The chains that are ours in whatever table they stand: the names that flannel uses. */
export const OUR_CHAINS: readonly string[] = ['FLANNEL-POSTRTG', 'FLANNEL-FWD'];

/** Comments that mark rules as flannel's or ours, in chains of others too. */
export const OUR_COMMENTS: readonly string[] = ['flanneld masq', 'flanneld forward'];

export const iptablesRulesKind: Kind<IptablesRules> = {
  kind: 'iptables-rules',
  rank: 70,
  key: ({ family }) => keyOf('iptables-rules', `ipv${family}`),
  fields: ['rules'],
  inPlace: ['rules'],
  needs: () => [],
  // Only rules that carry a mark of ours are ever read into one.
  owns: () => true,
  followsFromOwnSubnet: () => true,
  describe: ({ rules }) => {
    const count = rules.filter((rule) => / -A /.test(rule)).length;
    return `${count} ${count === 1 ? 'rule' : 'rules'}`;
  },
};
