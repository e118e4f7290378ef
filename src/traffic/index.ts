import type { Family, Prefix } from '../model/ip.js';
import { type Lease, stackOf } from '../model/lease.js';
import { familiesOf, type Network, networkOf } from '../model/network.js';
import type { Resource } from '../planner/kind.js';
import { blackholeRoute } from './blackhole.js';
import { iptablesRulesOf } from './iptables.js';
import { nftTableOf } from './nftables.js';
import { trafficRules } from './rules.js';

/** Which packet filter rules there should be. */
export interface FilterOptions {
  readonly masquerade: boolean;
  readonly forward: boolean;
  /** Fully random source ports when masquerading, where the tool can. */
  readonly fullyRandom: boolean;
  /** Destinations that are never masqueraded. */
  readonly exclude: readonly Prefix[];
}

export interface TrafficInput {
  readonly network: Network;
  readonly own: Lease;
  /** Absent: packet filter rules are not looked at. */
  readonly filter: FilterOptions | undefined;
  /** Drop what is addressed to the own subnet but to no pod in it. */
  readonly blackhole: boolean;
  readonly protocol: number;
}

/** What lets pods talk through this host: packet filter rules, and the blackhole under the own subnet. */
export function trafficResources({ network, own, filter, blackhole, protocol }: TrafficInput): Resource[] {
  return familiesOf(network).flatMap((family: Family): Resource[] => {
    const [whole, subnet] = [networkOf(network, family)?.network, stackOf(own, family)?.subnet];
    if (whole === undefined || subnet === undefined) return [];
    const rules = filter === undefined ? [] : trafficRules({ ...filter, family, network: whole, subnet });
    const ruleSet = network.nftables ? nftTableOf({ family, rules }) : iptablesRulesOf({ family, rules });
    return [...(ruleSet === undefined ? [] : [ruleSet]), ...(blackhole ? [blackholeRoute({ subnet, protocol })] : [])];
  });
}
