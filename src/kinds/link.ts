import type { Address, Family } from '../model/ip.js';
import type { Mac } from '../model/mac.js';
import { type Key, type Kind, keyOf, type Ownership } from '../planner/kind.js';

/** What of a VXLAN device cannot change while it exists. @see vxlan_nl2conf in drivers/net/vxlan, RFC 7348 */
export interface VxlanSettings {
  readonly vni: number;
  /** UDP destination port. */
  readonly port: number;
  /** Of the outer packets. */
  readonly family: Family;
  /** Group policy extension (IFLA_VXLAN_GBP). */
  readonly gbp: boolean;
  /** Modes that flan never switches on, in the words of ip-link(8): `external`, `proxy`, `l2miss`, `group 239.1.1.1`, … */
  readonly extras: readonly string[];
}

/** What of an IP-in-IP device flan does not change while it exists. @see net/ipv4/ipip.c, RFC 2003 */
export interface IpipSettings {
  /** `any` for the one device that sends wherever routes say. */
  readonly remote: Address | 'any';
  /** What differs from a plain device, in the words of ip-link(8): `external`, `ttl 64`, `pmtudisc`, `dev eth0`, … */
  readonly extras: readonly string[];
}

/** A link with nothing of its own to set: WireGuard's, whose key and peers are apart, and types that flan never makes. */
export interface OtherLink {
  /** IFLA_INFO_KIND; empty for hardware. */
  readonly infoKind: string;
}

export type LinkSettings = VxlanSettings | IpipSettings | OtherLink;

/** A network device. @see uapi/linux/if_link.h, ip-link(8) */
export interface Link {
  readonly kind: 'link';
  readonly name: string;
  readonly type: 'vxlan' | 'ipip' | 'wireguard' | 'other';
  readonly up: boolean;
  readonly mtu: number;
  readonly mac?: Mac;
  /** IFLA_IFALIAS: our mark. */
  readonly alias: string;
  /** What cannot be changed while the device exists… */
  readonly fixed: LinkSettings;
  /** …and what can: the outer source address, */
  readonly local?: Address;
  /** the name of the interface that carries the outer packets, */
  readonly underlay?: string;
  /** and whether the device learns from what it receives (IFLA_VXLAN_LEARNING). */
  readonly learning?: boolean;
}

const ALIAS_START = 'flan ';

/** Our mark on a link: `flan` and the networks that it serves. */
export const linkAlias = (networks: readonly string[]): string => ALIAS_START + networks.join(' ');

/** Whether an alias names one of our networks: the mark of an earlier run that served fewer or others still counts. */
export const isOwnAlias = (alias: string | undefined, { networks }: Ownership): boolean =>
  alias?.startsWith(ALIAS_START) === true &&
  alias
    .slice(ALIAS_START.length)
    .split(' ')
    .some((network) => networks.includes(network));

export const linkKey = (name: string): Key => keyOf('link', name);

export const linkKind: Kind<Link> = {
  kind: 'link',
  rank: 10,
  key: ({ name }) => linkKey(name),
  fields: ['type', 'fixed', 'underlay', 'local', 'learning', 'mtu', 'mac', 'up', 'alias'],
  inPlace: ['underlay', 'local', 'learning', 'mtu', 'mac', 'up', 'alias'],
  optional: ['mac', 'underlay', 'local', 'learning'],
  needs: () => [],
  owns: ({ alias }, ownership) => isOwnAlias(alias, ownership),
  describe: (l) =>
    [
      l.type === 'other' ? ('infoKind' in l.fixed && l.fixed.infoKind) || 'device' : l.type,
      ...('vni' in l.fixed ? [`id ${l.fixed.vni} dstport ${l.fixed.port}`, ...l.fixed.extras] : []),
      ...('remote' in l.fixed ? [`remote ${l.fixed.remote}`, ...l.fixed.extras] : []),
      l.underlay === undefined ? '' : `dev ${l.underlay}`,
      l.local === undefined ? '' : `local ${l.local}`,
      l.learning ? 'learning' : '',
      `mtu ${l.mtu}`,
      l.mac === undefined ? '' : `address ${l.mac}`,
      l.up ? 'up' : 'down',
    ]
      .filter((word) => word !== '')
      .join(' '),
};
