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

/** How requests of one family are written and described. */
export interface Wording<T> {
  readonly write: (writer: Writer, fields: T) => void;
  readonly describe: (verb: Verb, fields: T) => string;
}

/** One of perhaps a hundred thousand: a class, because a literal with a getter costs more than the kernel's own work. */
export class ObjectRequest<T> implements Request {
  readonly flags: number;

  constructor(
    readonly type: number,
    private readonly verb: Verb,
    private readonly fields: T,
    private readonly wording: Wording<T>,
  ) {
    this.flags = verbFlags[verb];
  }

  write(writer: Writer): void {
    this.wording.write(writer, this.fields);
  }

  get describe(): string {
    return this.wording.describe(this.verb, this.fields);
  }
}
