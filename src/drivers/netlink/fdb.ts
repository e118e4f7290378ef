import type { FdbEntry } from '../../kinds/fdb.js';
import { NUD_PERMANENT } from '../../netlink/wire/constants.js';
import { type FdbMessage, fdbRequest } from '../../netlink/wire/fdb.js';
import type { NetlinkCodec } from './codec.js';
import type { Links, OwnLink } from './links.js';

export const fdbCodec: NetlinkCodec<FdbEntry> = {
  kind: 'fdb',
  requests: ({ verb, resource: { dev, mac, dst }, links }) => [
    fdbRequest(verb, { ifindex: links.indexOf(dev), mac, dst }),
  ],
};

/** @returns undefined for an entry without a remote host: the device's own or a bridge's */
export function fdbOf(message: FdbMessage, links: Links, own: OwnLink): FdbEntry | undefined {
  const { dst, mac } = message;
  const link = links.byIndex(message.ifindex);
  if (dst === undefined || mac === undefined || link?.name === undefined) return undefined;
  const permanent = (message.state & NUD_PERMANENT) !== 0;
  return { kind: 'fdb', dev: link.name, mac, dst, permanent, onOwnLink: own(link) };
}
