import { FlanError } from '../errors.js';
import { errnoName } from '../sys/ffi.js';
import type { Ack } from './wire/ack.js';
import type { Request } from './wire/request.js';

/** The kernel's refusal of one request. A value, not thrown by itself: many of a batch may fail. */
export class NetlinkError {
  readonly errno: number;
  /** `EEXIST`, `ESRCH`, … */
  readonly code: string;
  /** The extended ack's sentence, where the kernel has one. */
  readonly text: string | undefined;
  /** Which byte of the request is wrong, where the kernel says. */
  readonly offset: number | undefined;

  constructor(ack: Ack) {
    this.errno = ack.errno;
    this.code = errnoName(ack.errno);
    this.text = ack.text;
    this.offset = ack.offset;
  }
}

const HINTS: Readonly<Record<string, string>> = {
  EPERM: 'Run as root or with CAP_NET_ADMIN.',
  EACCES: 'Run as root or with CAP_NET_ADMIN.',
  EOPNOTSUPP: 'Check that this kernel has that kind of link or route built in or loaded as a module.',
  EEXIST: 'Look for who else made one in the same place.',
  ENODEV: 'Check that the link still exists.',
  ENETUNREACH: 'Check that the gateway is on a link that is up, or use onlink.',
  ENETDOWN: 'Bring the link up first.',
  ENOSPC: 'Raise the limit that the kernel names, or remove entries.',
  ENOBUFS: 'Raise net.core.rmem_max, or program fewer at a time.',
};
const PASSING = new Set(['ENOBUFS', 'EBUSY', 'EAGAIN', 'ENOMEM', 'EINTR']);

/** A refusal as an error for people: what was asked in ip(8) words, errno, the kernel's own sentence. */
export function refusal(request: Pick<Request, 'type' | 'describe'>, error: NetlinkError): FlanError {
  const what = request.describe ?? `netlink request ${request.type}`;
  const detail = error.text === undefined ? '' : `: ${error.text}`;
  const place = error.offset === undefined ? '' : ` (byte ${error.offset} of the request)`;
  const code = error.code === 'EPERM' || error.code === 'EACCES' ? 'E_PERMISSION' : 'E_NETLINK';
  return new FlanError(code, `${what}: ${error.code}${detail}${place}`, {
    hint: HINTS[error.code],
    retry: PASSING.has(error.code),
    cause: error,
  });
}
