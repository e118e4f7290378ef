import { addressFromBytes, contains, makePrefix, type Prefix } from '../../model/ip.js';
import { CommandSocket } from '../../netlink/command.js';
import { u16At, u32At } from '../../netlink/wire/bytes.js';
import type { Message } from '../../netlink/wire/frame.js';
import type { Request } from '../../netlink/wire/request.js';

/** @see uapi/linux/netlink.h, uapi/linux/xfrm.h */
const NETLINK_XFRM = 6;
const XFRM_MSG_DELPOLICY = 0x14;
const XFRM_MSG_GETPOLICY = 0x15;
const AF_INET = 2;

/** Of `struct xfrm_userpolicy_info`, which begins with a `struct xfrm_selector`. */
const AT = { dst: 0, src: 16, family: 40, dstLength: 42, srcLength: 43, index: 156, dir: 160 } as const;
const INFO_BYTES = 168;
const SELECTOR_WORDS = 14;

export interface PolicyPlace {
  readonly netns: string | undefined;
  readonly networks: readonly string[];
}

interface Policy {
  readonly index: number;
  /** XFRM_POLICY_* */
  readonly dir: number;
}

/**
 * Takes out of the kernel what a charon left there that was killed: the IPsec policies between subnets of the networks,
 * which would swallow all packets from one to another. @throws {FlanError} E_NETLINK, E_PERMISSION
 */
export function removePolicies({ netns, networks }: PolicyPlace): void {
  const socket = CommandSocket.open({ netns, protocol: NETLINK_XFRM });
  try {
    const left = socket.dump(dumpRequest, (message) => policyIn(message, networks));
    // Somebody else may have been quicker.
    socket.batch(left.map(deleteRequest));
  } finally {
    socket.close();
  }
}

function policyIn({ bytes, offset, length }: Message, networks: readonly string[]): Policy | undefined {
  if (length < INFO_BYTES || u16At(bytes, offset + AT.family) !== AF_INET) return undefined;
  const isOurs = (address: number, lengthAt: number): boolean => {
    const subnet = makePrefix(addressFromBytes(bytes, offset + address, 4), bytes[offset + lengthAt] ?? 0);
    return networks.some((network) => contains(network as Prefix, subnet));
  };
  if (!isOurs(AT.src, AT.srcLength) || !isOurs(AT.dst, AT.dstLength)) return undefined;
  return { index: u32At(bytes, offset + AT.index), dir: bytes[offset + AT.dir] ?? 0 };
}

const selectorOfAny = (writer: Parameters<Request['write']>[0]): void => {
  for (let i = 0; i < SELECTOR_WORDS; i++) writer.word(0);
};

const dumpRequest: Request = {
  type: XFRM_MSG_GETPOLICY,
  flags: 0,
  describe: 'ip xfrm policy list',
  write: (writer) => {
    selectorOfAny(writer);
    writer.word(0);
    writer.word(0);
  },
};

/** `struct xfrm_userpolicy_id`: with an index the selector does not matter. */
const deleteRequest = ({ index, dir }: Policy): Request => ({
  type: XFRM_MSG_DELPOLICY,
  flags: 0,
  describe: `ip xfrm policy delete index ${index}`,
  write: (writer) => {
    selectorOfAny(writer);
    writer.word(index);
    writer.bytes4(dir, 0, 0, 0);
  },
});
