import { type Family, familyOf } from '../../model/ip.js';
import { NUD_PERMANENT, RTM_DELNEIGH, RTM_GETNEIGH, RTM_NEWNEIGH } from './constants.js';
import { afOf, familyOfAf } from './families.js';
import { decodeNd, type NdDefaults, type NdFields, type NdMessage, writeNd } from './nd.js';
import { ObjectRequest, type Request, type Verb, type Wording } from './request.js';

/** An ARP or NDP entry. @see uapi/linux/neighbour.h, ip-neighbour(8) */
export type NeighbourFields = NdFields & { readonly dst: NonNullable<NdFields['dst']> };
export type NeighbourMessage = NdMessage;

const NDA_IFINDEX = 8;

const NEUTRAL: Readonly<Record<Family, NdDefaults>> = { 4: { af: afOf(4) }, 6: { af: afOf(6) } };
const PERMANENT: Readonly<Record<Family, NdDefaults>> = {
  4: { af: afOf(4), state: NUD_PERMANENT },
  6: { af: afOf(6), state: NUD_PERMANENT },
};

/** @throws {DecodeError} */
export function decodeNeighbour(bytes: Uint8Array, offset: number, length: number): NeighbourMessage {
  const message = decodeNd(bytes, offset, length);
  familyOfAf(message.af, { table: 'ndmsg', offset });
  return message;
}

/** Permanent unless `state` says otherwise. */
export const neighbourRequest = (verb: Verb, neighbour: NeighbourFields): Request =>
  new ObjectRequest(verb === 'delete' ? RTM_DELNEIGH : RTM_NEWNEIGH, verb, neighbour, wording);

const wording: Wording<NeighbourFields> = {
  write: (writer, fields) => writeNd(writer, PERMANENT[familyOf(fields.dst)], fields),
  describe: (verb, { dst, mac, ifindex }) =>
    `ip neighbour ${verb} ${dst}${mac === undefined ? '' : ` lladdr ${mac}`} dev index ${ifindex}`,
};

/** The request of a dump; the kernel picks family and link. */
export const getNeighbours = (filter: { readonly family: Family; readonly ifindex?: number | undefined }): Request => ({
  type: RTM_GETNEIGH,
  flags: 0,
  write: (writer) => {
    writeNd(writer, NEUTRAL[filter.family], { ifindex: 0 });
    if (filter.ifindex !== undefined) writer.u32(NDA_IFINDEX, filter.ifindex);
  },
  describe: `ip -${filter.family} neighbour show`,
});
