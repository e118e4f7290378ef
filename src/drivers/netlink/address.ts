import type { LinkAddress } from '../../kinds/address.js';
import { familyOf } from '../../model/ip.js';
import { type AddressMessage, addressRequest, localOf } from '../../netlink/wire/address.js';
import { IFA_F_NODAD } from '../../netlink/wire/constants.js';
import type { NetlinkCodec } from './codec.js';
import type { Links, OwnLink } from './links.js';

export const addressCodec: NetlinkCodec<LinkAddress> = {
  kind: 'address',
  requests: ({ verb, resource: { dev, address, len }, links }) => {
    const family = familyOf(address);
    // Nobody else can have the overlay's addresses, and duplicate detection would delay the first packet by a second.
    const own = family === 4 ? { local: address, address } : { address, flags: IFA_F_NODAD };
    return [addressRequest(verb, { family, len, index: links.indexOf(dev), ...own })];
  },
};

export function addressOfMessage(message: AddressMessage, links: Links, own: OwnLink): LinkAddress | undefined {
  const address = localOf(message);
  const link = links.byIndex(message.index);
  if (address === undefined || link?.name === undefined) return undefined;
  return { kind: 'address', dev: link.name, address, len: message.len, onOwnLink: own(link) };
}
