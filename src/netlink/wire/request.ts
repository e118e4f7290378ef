import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST } from './constants.js';
import type { Writer } from './writer.js';

/** One message to the kernel. */
export interface Request {
  readonly type: number;
  /** NLM_F_ flags beyond NLM_F_REQUEST; the socket decides about NLM_F_ACK and NLM_F_DUMP. */
  readonly flags: number;
  /** Writes the payload behind the message header. */
  write(writer: Writer): void;
  /** The request in ip(8) words, for errors. */
  readonly describe?: string;
}

/** What is to happen to an object, as ip(8) says it. */
export type Verb = 'add' | 'replace' | 'change' | 'append' | 'delete';

/** @see netlink(7) "Additional flag bits for NEW requests" */
export const verbFlags: Readonly<Record<Verb, number>> = {
  add: NLM_F_CREATE | NLM_F_EXCL,
  replace: NLM_F_CREATE | NLM_F_REPLACE,
  change: NLM_F_REPLACE,
  append: NLM_F_CREATE | NLM_F_APPEND,
  delete: 0,
};

/** Writes header and payload; the sequence number is left zero. */
export function writeRequest(writer: Writer, request: Request, extraFlags: number): void {
  const start = writer.begin(request.type, NLM_F_REQUEST | request.flags | extraFlags);
  request.write(writer);
  writer.end(start);
}
