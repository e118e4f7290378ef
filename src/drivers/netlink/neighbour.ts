import type { Neighbour } from '../../kinds/neighbour.js';
import { NUD_PERMANENT } from '../../netlink/wire/constants.js';
import { type NeighbourMessage, neighbourRequest } from '../../netlink/wire/neighbour.js';
import type { NetlinkCodec } from './codec.js';
import type { Links } from './links.js';

export const neighbourCodec: NetlinkCodec<Neighbour> = {
  kind: 'neighbour',
  requests: ({ verb, resource: { dev, address, mac, proto }, links }) => {
    const [dst, ifindex] = [address, links.indexOf(dev)];
    return [neighbourRequest(verb, verb === 'delete' ? { dst, ifindex } : { dst, ifindex, mac, protocol: proto })];
  },
  // A mark can be changed but not taken off: __neigh_update takes no protocol 0.
  mustBreak: (before, after) => before.proto !== 0 && after.proto === 0,
};

/** @returns undefined for an entry that resolves to nothing (incomplete, failed) */
export function neighbourOf(message: NeighbourMessage, links: Links): Neighbour | undefined {
  const { dst, mac } = message;
  if (dst === undefined || mac === undefined) return undefined;
  return {
    kind: 'neighbour',
    dev: links.nameOf(message.ifindex),
    address: dst,
    mac,
    permanent: (message.state & NUD_PERMANENT) !== 0,
    proto: message.protocol ?? 0,
  };
}
