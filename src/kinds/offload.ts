import { type Key, type Kind, keyOf } from '../planner/kind.js';
import { linkKey } from './link.js';

/**
 * Transmit checksum offload of one of our links. Some underlay drivers send wrong checksums inside a tunnel, which shows
 * as connections that hang for seconds (kernel bugs around 4.19 and 5.x). @see ethtool(8) -K tx
 */
export interface Offload {
  readonly kind: 'offload';
  readonly dev: string;
  readonly feature: 'tx-checksum';
  readonly state: 'on' | 'off';
}

export const offloadKey = (dev: string, feature: Offload['feature']): Key => keyOf('offload', dev, feature);

export const offloadKind: Kind<Offload> = {
  kind: 'offload',
  rank: 16,
  readByName: true,
  key: ({ dev, feature }) => offloadKey(dev, feature),
  fields: ['state'],
  inPlace: ['state'],
  needs: ({ dev }) => [linkKey(dev)],
  owns: () => true,
  describe: ({ state }) => state,
};
