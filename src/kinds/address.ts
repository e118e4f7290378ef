import { type Address, contains, type Prefix } from '../model/ip.js';
import { type Kind, keyOf } from '../planner/kind.js';
import { linkKey } from './link.js';

/** An address on one of our links. @see uapi/linux/if_addr.h, ip-address(8) */
export interface LinkAddress {
  readonly kind: 'address';
  readonly dev: string;
  readonly address: Address;
  readonly len: number;
  /** Whether the link is ours: addresses of other links are only looked at. */
  readonly onOwnLink: boolean;
}

/** The kernel tells two addresses of a link apart by value and prefix length; there is nothing else to change. */
export const addressKind: Kind<LinkAddress> = {
  kind: 'address',
  rank: 20,
  key: ({ dev, address, len }) => keyOf('address', dev, `${address}/${len}`),
  fields: [],
  inPlace: [],
  needs: ({ dev }) => [linkKey(dev)],
  // The link-local address that the kernel gives a link, and what people added, are not ours.
  owns: ({ onOwnLink, address }, { networks }) =>
    onOwnLink && networks.some((network) => contains(network as Prefix, address)),
  goesWith: ({ dev, address }, { networks }) =>
    networks.some((network) => contains(network as Prefix, address)) ? linkKey(dev) : undefined,
  followsFromOwnSubnet: () => true,
  describe: () => '',
};
