import type { Address, Family } from '../../model/ip.js';
import { attributes, type Decoded } from './attributes.js';
import { u32At } from './bytes.js';
import { address, bytes, string, u8, u32 } from './codecs.js';
import { RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR } from './constants.js';
import { afOf, familyOfAf, requireHeader } from './families.js';
import { type Request, type Verb, verbFlags } from './request.js';
import type { Writer } from './writer.js';

/** @see uapi/linux/if_addr.h IFA_* */
const table = attributes('IFA', {
  address: address(1), // ADDRESS: the address, or the other end of a point-to-point link
  local: address(2), // LOCAL: the own end; IPv6 has it on point-to-point links only
  broadcast: address(4), // BROADCAST
  anycast: address(5), // ANYCAST
  label: string(3), // LABEL, IPv4 only
  priority: u32(9), // RT_PRIORITY, of the prefix route
  protocol: u8(11), // PROTO, who made it (IFAPROT_*)
  allFlags: u32(8), // FLAGS: `flags` in 32 bits
  cacheInfo: bytes(6), // CACHEINFO, struct ifa_cacheinfo
  multicast: address(7), // MULTICAST
});

/** One address of a link. @see uapi/linux/if_addr.h `struct ifaddrmsg`, ip-address(8) */
export interface AddressMessage extends Decoded<typeof table> {
  readonly family: Family;
  /** Length of the prefix that is on the link. */
  readonly len: number;
  /** The low eight IFA_F_ bits: `flagsOf` has all of them. */
  readonly flags: number;
  /** RT_SCOPE_* */
  readonly scope: number;
  readonly index: number;
}
export type AddressFields = Pick<AddressMessage, 'family' | 'len' | 'index'> & Partial<AddressMessage>;

export const flagsOf = (message: AddressMessage): number => message.allFlags ?? message.flags;
/** The own address. */
export const localOf = (message: AddressMessage): Address | undefined => message.local ?? message.address;
/** The other end, where there is one. */
export const peerOf = (message: AddressMessage): Address | undefined =>
  message.local !== undefined && message.local !== message.address ? message.address : undefined;

export function writeAddressMessage(writer: Writer, message: AddressFields): void {
  const { family, len, flags = 0, scope = 0, index, ...rest } = message;
  writer.bytes4(afOf(family), len, flags, scope);
  writer.word(index);
  table.write(writer, rest);
}

/** @throws {DecodeError} */
export function decodeAddress(buffer: Uint8Array, offset: number, length: number): AddressMessage {
  requireHeader('ifaddrmsg', { offset, length, need: 8 });
  return {
    family: familyOfAf(buffer[offset] ?? 0, { table: 'ifaddrmsg', offset }),
    len: buffer[offset + 1] ?? 0,
    flags: buffer[offset + 2] ?? 0,
    scope: buffer[offset + 3] ?? 0,
    index: u32At(buffer, offset + 4),
    ...table.read(buffer, offset + 8, length - 8),
  };
}

/** IPv4 wants the address as `local` (and as `address` too, unless there is a peer); IPv6 as `address`. */
export const addressRequest = (verb: Verb, message: AddressFields): Request => ({
  type: verb === 'delete' ? RTM_DELADDR : RTM_NEWADDR,
  flags: verbFlags[verb],
  write: (writer) => writeAddressMessage(writer, message),
  get describe() {
    return `ip address ${verb} ${message.local ?? message.address ?? '?'}/${message.len} dev index ${message.index}`;
  },
});

/** The request of a dump; the kernel picks family and link. */
export const getAddresses = (filter: {
  readonly family?: Family | undefined;
  readonly index?: number | undefined;
}): Request => ({
  type: RTM_GETADDR,
  flags: 0,
  write: (writer) => {
    writer.bytes4(filter.family === undefined ? 0 : afOf(filter.family), 0, 0, 0);
    writer.word(filter.index ?? 0);
  },
  describe: 'ip address show',
});
