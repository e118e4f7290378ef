import { contains, type Family, type Prefix } from '../model/ip.js';
import { type Kind, keyOf } from '../planner/kind.js';

/** A policy routing rule. @see uapi/linux/fib_rules.h, ip-rule(8) */
export interface Rule {
  readonly kind: 'rule';
  readonly family: Family;
  /** FRA_PRIORITY, lower is asked first. */
  readonly priority: number;
  readonly from?: Prefix;
  readonly to?: Prefix;
  readonly table: number;
  /** FRA_PROTOCOL: who made it. */
  readonly proto: number;
}

/** The kernel keeps identical rules several times; flan makes one per (family, priority, selectors). */
export const ruleKind: Kind<Rule> = {
  kind: 'rule',
  rank: 60,
  key: ({ family, priority, from, to }) =>
    keyOf('rule', `ipv${family}`, priority, `from ${from ?? 'all'}${to ? ` to ${to}` : ''}`),
  fields: ['table', 'proto'],
  inPlace: [],
  needs: () => [],
  owns: ({ proto, from, to }, { protocol, networks }) =>
    proto === protocol &&
    networks.some((network) => [from, to].some((prefix) => prefix && contains(network as Prefix, prefix))),
  describe: ({ table }) => `lookup ${table}`,
};
