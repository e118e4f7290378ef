import type { Address } from '../model/ip.js';
import type { Mac } from '../model/mac.js';
import { type Key, type Kind, keyOf } from '../planner/kind.js';
import { linkKey } from './link.js';

/** A permanent ARP or NDP entry. @see uapi/linux/neighbour.h, ip-neighbour(8) */
export interface Neighbour {
  readonly kind: 'neighbour';
  readonly dev: string;
  readonly address: Address;
  readonly mac: Mac;
  /** NUD_PERMANENT; learned entries read false. */
  readonly permanent: boolean;
  /** NDA_PROTOCOL; 0 when nobody said. */
  readonly proto: number;
}

export const neighbourKey = ({ dev, address }: Pick<Neighbour, 'dev' | 'address'>): Key =>
  keyOf('neighbour', dev, address);

export const neighbourKind: Kind<Neighbour> = {
  kind: 'neighbour',
  rank: 30,
  key: neighbourKey,
  fields: ['mac', 'permanent', 'proto'],
  inPlace: ['mac', 'permanent', 'proto'],
  needs: ({ dev }) => [linkKey(dev)],
  owns: ({ proto }, { protocol }) => proto === protocol,
  // Where nobody said who made it: flanneld does not.
  goesWith: ({ dev, permanent, proto }) => (permanent && proto === 0 ? linkKey(dev) : undefined),
  describe: ({ mac, permanent }) => `lladdr ${mac}${permanent ? ' permanent' : ''}`,
};
