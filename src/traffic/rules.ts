import { type Family, familyOf, lengthOf, type Prefix } from '../model/ip.js';

/** Which addresses a rule is about. */
export interface Match {
  readonly is: 'inside' | 'outside';
  readonly prefix: Prefix;
}

export type Verdict = 'accept' | 'return' | 'masquerade' | 'masquerade-fully-random';

/** One packet filter rule, in words that both nftables and iptables can say. All conditions must hold. */
export interface TrafficRule {
  /** `masquerade` sees packets as they leave the host, `forward` those that pass through it. */
  readonly chain: 'masquerade' | 'forward';
  /** Bits of the packet mark that must all be set. */
  readonly markBits?: number;
  readonly source?: Match;
  readonly destination?: Match;
  readonly verdict: Verdict;
}

export interface TrafficSettings {
  readonly family: Family;
  /** The whole cluster network. */
  readonly network: Prefix;
  /** This node's part of it. */
  readonly subnet: Prefix;
  readonly masquerade: boolean;
  readonly forward: boolean;
  /** Choose source ports at random, which avoids clashes between CPUs (NF_NAT_RANGE_PROTO_RANDOM_FULLY). */
  readonly fullyRandom: boolean;
  /** Destinations that see pod addresses as they are; those of the other family do not matter here. */
  readonly exclude: readonly Prefix[];
}

/** The bit by which kube-proxy marks packets that it masquerades itself. */
export const KUBE_MASQUERADE_MARK = 0x4000;

const MULTICAST: Readonly<Record<Family, Prefix>> = { 4: '224.0.0.0/4' as Prefix, 6: 'ff00::/8' as Prefix };

/** The rules that let pods talk through this host, in the order in which packets must meet them. */
export function trafficRules(settings: TrafficSettings): readonly TrafficRule[] {
  return [
    ...(settings.masquerade ? masqueradeRules(settings) : []),
    ...(settings.forward ? forwardRules(settings) : []),
  ]
    .map(simplified)
    .filter((rule) => rule !== undefined);
}

/** Pods keep their addresses among themselves; towards anybody else, and from anybody else, the host's is used. */
function masqueradeRules({ family, network, subnet, fullyRandom, exclude }: TrafficSettings): TrafficRule[] {
  const chain = 'masquerade';
  const verdict = fullyRandom ? 'masquerade-fully-random' : 'masquerade';
  return [
    { chain, markBits: KUBE_MASQUERADE_MARK, verdict: 'return' },
    { chain, source: inside(subnet), destination: inside(network), verdict: 'return' },
    { chain, source: inside(network), destination: inside(subnet), verdict: 'return' },
    // What reaches this node's own pods from outside keeps its address, so that pods can tell who calls.
    { chain, source: outside(network), destination: inside(subnet), verdict: 'return' },
    ...exclude
      .filter((prefix) => familyOf(prefix) === family)
      .map(
        (prefix): TrafficRule => ({ chain, source: inside(network), destination: inside(prefix), verdict: 'return' }),
      ),
    { chain, source: inside(network), destination: outside(MULTICAST[family]), verdict },
    // Answers must come back through the overlay, so the host calls remote pods from its overlay address.
    { chain, source: outside(network), destination: inside(network), verdict },
  ];
}

/** For hosts whose FORWARD policy is drop, as docker makes it. */
const forwardRules = ({ network }: TrafficSettings): TrafficRule[] => [
  { chain: 'forward', source: inside(network), verdict: 'accept' },
  { chain: 'forward', destination: inside(network), verdict: 'accept' },
];

const inside = (prefix: Prefix): Match => ({ is: 'inside', prefix });
const outside = (prefix: Prefix): Match => ({ is: 'outside', prefix });

/** "Inside everything" is no condition, and "outside everything" never holds: the tools would not show them back. */
function simplified({ source, destination, ...rest }: TrafficRule): TrafficRule | undefined {
  const everything = (match: Match | undefined) => match !== undefined && lengthOf(match.prefix) === 0;
  if ([source, destination].some((match) => everything(match) && match?.is === 'outside')) return undefined;
  return {
    ...rest,
    ...(source && !everything(source) ? { source } : {}),
    ...(destination && !everything(destination) ? { destination } : {}),
  };
}
