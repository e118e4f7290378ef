import { attributes, type Decoded } from './attributes.js';
import { list, string, u16, u32 } from './codecs.js';
import type { Request } from './request.js';
import type { Writer } from './writer.js';

/** Generic netlink's own header and its controller. @see uapi/linux/genetlink.h `struct genlmsghdr` */
export const GENL_HEADER_BYTES = 4;
const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;

export const genlGroup = attributes('CTRL_ATTR_MCAST_GRP', {
  name: string(1), // NAME
  id: u32(2), // ID
});

export const genlFamily = attributes('CTRL_ATTR', {
  id: u16(1), // FAMILY_ID: the message type of the family's messages
  name: string(2), // FAMILY_NAME
  version: u32(3), // VERSION
  headerBytes: u32(4), // HDRSIZE
  maxAttribute: u32(5), // MAXATTR
  groups: list(7, genlGroup), // MCAST_GROUPS
});
export type GenlFamily = Decoded<typeof genlFamily>;

export function writeGenlHeader(writer: Writer, header: { readonly command: number; readonly version: number }): void {
  writer.bytes4(header.command, header.version, 0, 0);
}

/** Asks for a family's number by its name; ENOENT when the kernel lacks it. */
export const getGenlFamily = (name: string): Request => ({
  type: GENL_ID_CTRL,
  flags: 0,
  write: (writer) => {
    writeGenlHeader(writer, { command: CTRL_CMD_GETFAMILY, version: 1 });
    genlFamily.write(writer, { name });
  },
  describe: `genl ctrl get name ${name}`,
});

/** @throws {DecodeError} */
export const decodeGenlFamily = (bytes: Uint8Array, offset: number, length: number): GenlFamily =>
  genlFamily.read(bytes, offset + GENL_HEADER_BYTES, Math.max(0, length - GENL_HEADER_BYTES));
