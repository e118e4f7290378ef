import { attributes } from './attributes.js';
import { aligned, i32At, u32At } from './bytes.js';
import { bytes, string, u32 } from './codecs.js';
import { NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_DONE, NLMSG_HEADER_BYTES } from './constants.js';
import { DecodeError } from './decode-error.js';
import type { Message } from './frame.js';

/** What the kernel says beside errno. @see uapi/linux/netlink.h NLMSGERR_ATTR_* */
export const extendedAck = attributes('NLMSGERR_ATTR', {
  text: string(1), // MSG
  offset: u32(2), // OFFS, of the attribute that is wrong, from the start of the request
  cookie: bytes(3), // COOKIE
  policy: bytes(4), // POLICY
  missingType: u32(5), // MISS_TYPE
  missingNest: u32(6), // MISS_NEST
});

/** The end of a request: NLMSG_ERROR, of which errno 0 is a success, or NLMSG_DONE. */
export interface Ack {
  /** Positive; 0 for success. */
  readonly errno: number;
  readonly text?: string | undefined;
  readonly offset?: number | undefined;
}

/** @throws {DecodeError} */
export function decodeAck(message: Message): Ack {
  const { bytes: buffer, offset, length } = message;
  const isDone = message.type === NLMSG_DONE;
  const table = isDone ? 'NLMSG_DONE' : 'nlmsgerr';
  if (length < (isDone ? 4 : 4 + NLMSG_HEADER_BYTES)) {
    throw new DecodeError(`a payload of ${length} bytes`, { table, offset });
  }
  const errno = Math.abs(i32At(buffer, offset));
  if ((message.flags & NLM_F_ACK_TLVS) === 0) return { errno };
  const echoed = message.flags & NLM_F_CAPPED ? NLMSG_HEADER_BYTES : u32At(buffer, offset + 4);
  const skip = isDone ? 4 : 4 + aligned(echoed);
  if (skip > length) throw new DecodeError(`an echo of ${echoed} bytes`, { table, offset });
  const extended = extendedAck.read(buffer, offset + skip, length - skip);
  return { errno, text: extended.text, offset: extended.offset };
}
