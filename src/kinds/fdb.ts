import type { Address } from '../model/ip.js';
import type { Mac } from '../model/mac.js';
import { type Kind, keyOf } from '../planner/kind.js';
import { linkKey } from './link.js';

/** A forwarding entry of a VXLAN device: which host a MAC lives behind. @see uapi/linux/neighbour.h, bridge(8) */
export interface FdbEntry {
  readonly kind: 'fdb';
  readonly dev: string;
  readonly mac: Mac;
  readonly dst: Address;
  /** NUD_PERMANENT; entries that the device learned read false. */
  readonly permanent: boolean;
  /** Whether the link is ours: FDB entries carry no mark of their own. */
  readonly onOwnLink: boolean;
}

/** On a VXLAN device a unicast MAC has one destination: `replace` moves it, `append` is ignored. */
export const fdbKind: Kind<FdbEntry> = {
  kind: 'fdb',
  rank: 40,
  key: ({ dev, mac }) => keyOf('fdb', dev, mac),
  fields: ['dst', 'permanent'],
  inPlace: ['dst', 'permanent'],
  needs: ({ dev }) => [linkKey(dev)],
  owns: ({ onOwnLink, permanent }) => onOwnLink && permanent,
  goesWith: ({ dev, permanent }) => (permanent ? linkKey(dev) : undefined),
  describe: ({ dst, permanent }) => `dst ${dst}${permanent ? ' permanent' : ''}`,
};
