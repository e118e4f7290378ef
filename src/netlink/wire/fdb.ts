import {
  AF_BRIDGE,
  NTF_SELF,
  NUD_NOARP,
  NUD_PERMANENT,
  RTM_DELNEIGH,
  RTM_GETNEIGH,
  RTM_NEWNEIGH,
} from './constants.js';
import { DecodeError } from './decode-error.js';
import { decodeNd, type NdDefaults, type NdFields, type NdMessage, writeNd } from './nd.js';
import { ObjectRequest, type Request, type Verb, type Wording } from './request.js';
import type { Writer } from './writer.js';

/** A forwarding entry of a bridge or vxlan link: which way to a MAC. @see uapi/linux/neighbour.h, bridge(8) */
export type FdbFields = NdFields & { readonly mac: NonNullable<NdFields['mac']> };
export type FdbMessage = NdMessage;

export const writeFdb = (writer: Writer, entry: NdFields): void => writeNd(writer, NEUTRAL, entry);

const NEUTRAL: NdDefaults = { af: AF_BRIDGE };
const OWN_PERMANENT: NdDefaults = { af: AF_BRIDGE, state: NUD_PERMANENT | NUD_NOARP, flags: NTF_SELF };

/** @throws {DecodeError} */
export function decodeFdb(bytes: Uint8Array, offset: number, length: number): FdbMessage {
  const message = decodeNd(bytes, offset, length);
  if (message.af !== AF_BRIDGE) {
    throw new DecodeError(`address family ${message.af}`, { table: 'ndmsg', attribute: 'family', offset });
  }
  return message;
}

/** A permanent entry of the link's own table unless `state` and `flags` say otherwise. */
export const fdbRequest = (verb: Verb, entry: FdbFields): Request =>
  new ObjectRequest(verb === 'delete' ? RTM_DELNEIGH : RTM_NEWNEIGH, verb, entry, wording);

const wording: Wording<FdbFields> = {
  write: (writer, entry) => writeNd(writer, OWN_PERMANENT, entry),
  describe: (verb, { mac, ifindex, dst }) =>
    `bridge fdb ${verb} ${mac} dev index ${ifindex}${dst === undefined ? '' : ` dst ${dst}`}`,
};

/** The request of a dump. */
export const getFdb = (filter: { readonly ifindex?: number | undefined }): Request => ({
  type: RTM_GETNEIGH,
  flags: 0,
  write: (writer) => writeFdb(writer, { ifindex: filter.ifindex ?? 0 }),
  describe: 'bridge fdb show',
});
