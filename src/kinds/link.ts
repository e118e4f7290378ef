import type { Address } from '../model/ip.js';
import type { Mac } from '../model/mac.js';
import { type Key, type Kind, keyOf, type Ownership } from '../planner/kind.js';

/** What a VXLAN device is made of. @see uapi/linux/if_link.h IFLA_VXLAN_*, RFC 7348 */
export interface VxlanSettings {
  readonly type: 'vxlan';
  readonly vni: number;
  /** UDP destination port. */
  readonly port: number;
  /** Outer source address. */
  readonly local: Address;
  /** Name of the interface that carries the outer packets. */
  readonly underlay: string;
  readonly learning: boolean;
  /** Group policy extension (IFLA_VXLAN_GBP). */
  readonly gbp: boolean;
}

/** A link of any other type: flan neither makes nor changes it. */
export interface OtherLink {
  readonly type: 'other';
  /** IFLA_INFO_KIND; empty for hardware. */
  readonly infoKind: string;
}

export type LinkSettings = VxlanSettings | OtherLink;

/** A network device. @see uapi/linux/if_link.h, ip-link(8) */
export interface Link {
  readonly kind: 'link';
  readonly name: string;
  readonly type: LinkSettings['type'];
  readonly up: boolean;
  readonly mtu: number;
  readonly mac?: Mac;
  /** IFLA_IFALIAS: our mark. */
  readonly alias: string;
  /** What cannot be changed while the device exists… */
  readonly fixed: Omit<VxlanSettings, 'local' | 'type'> | Omit<OtherLink, 'type'>;
  /** …and what can. */
  readonly local?: Address;
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
  fields: ['type', 'fixed', 'local', 'mtu', 'mac', 'up', 'alias'],
  // vxlan_changelink refuses VNI, port and GBP; the underlay could change but takes the FDB's default along.
  inPlace: ['local', 'mtu', 'mac', 'up', 'alias'],
  optional: ['mac', 'local'],
  needs: () => [],
  owns: ({ alias }, ownership) => isOwnAlias(alias, ownership),
  describe: (l) =>
    [
      l.type === 'other' ? ('infoKind' in l.fixed && l.fixed.infoKind) || 'device' : l.type,
      'vni' in l.fixed ? `id ${l.fixed.vni} dstport ${l.fixed.port} dev ${l.fixed.underlay}` : '',
      l.local === undefined ? '' : `local ${l.local}`,
      `mtu ${l.mtu}`,
      l.mac === undefined ? '' : `address ${l.mac}`,
      l.up ? 'up' : 'down',
    ]
      .filter((word) => word !== '')
      .join(' '),
};
