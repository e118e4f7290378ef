import { aligned, u16At, u32At } from './bytes.js';
import { NLMSG_HEADER_BYTES } from './constants.js';
import { DecodeError } from './decode-error.js';

/** One message in a receive buffer. It is only valid inside the callback that got it: the buffer is used again. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly seq: number;
  /** Of a notification: who caused it; zero for the kernel itself. */
  readonly portId: number;
  readonly bytes: Uint8Array;
  /** Where the payload starts. */
  readonly offset: number;
  /** Bytes of payload. */
  readonly length: number;
}

/**
 * Visits the messages of one datagram. The visitor returns 'stop' to leave the rest out.
 * @throws {DecodeError} for a length that does not fit
 */
export function eachMessage(
  bytes: Uint8Array,
  end: number,
  // biome-ignore lint/suspicious/noConfusingVoidType: most visitors return nothing
  visit: (message: Message) => 'stop' | void,
): void {
  let at = 0;
  while (end - at >= NLMSG_HEADER_BYTES) {
    const size = u32At(bytes, at);
    if (size < NLMSG_HEADER_BYTES || size > end - at) {
      throw new DecodeError(`length ${size} with ${end - at} bytes left`, { table: 'nlmsghdr', offset: at });
    }
    const message: Message = {
      type: u16At(bytes, at + 4),
      flags: u16At(bytes, at + 6),
      seq: u32At(bytes, at + 8),
      portId: u32At(bytes, at + 12),
      bytes,
      offset: at + NLMSG_HEADER_BYTES,
      length: size - NLMSG_HEADER_BYTES,
    };
    if (visit(message) === 'stop') return;
    at += aligned(size);
  }
}
