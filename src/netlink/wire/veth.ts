import type { LinkFields } from './link.js';
import { writeLink } from './link.js';
import { Writer } from './writer.js';

const VETH_INFO_PEER = 1; // @see uapi/linux/veth.h

/** IFLA_INFO_DATA that makes both ends of a veth pair at once. The kernel never reports it. */
export function vethInfo(peer: LinkFields): { readonly kind: 'veth'; readonly data: Uint8Array } {
  const writer = new Writer(256);
  const start = writer.open(VETH_INFO_PEER);
  writeLink(writer, peer);
  writer.close(start);
  return { kind: 'veth', data: writer.written().slice() };
}
