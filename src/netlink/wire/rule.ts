import { type Address, addressOf, type Family, familyOf, lengthOf, makePrefix, type Prefix } from '../../model/ip.js';
import { attributes, type Decoded } from './attributes.js';
import { u32At } from './bytes.js';
import { address, bytes, string, u8, u32 } from './codecs.js';
import { FR_ACT_TO_TBL, RT_TABLE_COMPAT, RTM_DELRULE, RTM_GETRULE, RTM_NEWRULE } from './constants.js';
import { DecodeError } from './decode-error.js';
import { afOf, familyOfAf, requireHeader } from './families.js';
import { type Request, type Verb, verbFlags } from './request.js';
import type { Writer } from './writer.js';

/** @see uapi/linux/fib_rules.h FRA_* */
const table = attributes('FRA', {
  dstAddress: address(1), // DST
  srcAddress: address(2), // SRC
  iif: string(3), // IIFNAME
  goto: u32(4), // GOTO, a priority
  priority: u32(6), // PRIORITY
  mark: u32(10), // FWMARK
  flow: u32(11), // FLOW
  suppressGroup: u32(13), // SUPPRESS_IFGROUP, 0xffffffff for none
  suppressLength: u32(14), // SUPPRESS_PREFIXLEN, 0xffffffff for none
  tableNumber: u32(15), // TABLE
  markMask: u32(16), // FWMASK
  oif: string(17), // OIFNAME
  uidRange: bytes(20), // UID_RANGE, two u32
  protocol: u8(21), // PROTOCOL, who made it (rtm_protocol)
  ipProtocol: u8(22), // IP_PROTO
  sourcePorts: bytes(23), // SPORT_RANGE, two u16
  destinationPorts: bytes(24), // DPORT_RANGE, two u16
});
type Attributes = Decoded<typeof table>;

/** One policy routing rule. @see uapi/linux/fib_rules.h `struct fib_rule_hdr`, ip-rule(8) */
export interface RuleMessage extends Omit<Attributes, 'dstAddress' | 'srcAddress' | 'tableNumber'> {
  readonly family: Family;
  readonly dst?: Prefix | undefined;
  readonly src?: Prefix | undefined;
  readonly tos: number;
  readonly table: number;
  /** FR_ACT_* */
  readonly action: number;
  /** FIB_RULE_* */
  readonly flags: number;
}
export type RuleFields = Pick<RuleMessage, 'family'> & Partial<RuleMessage>;

export function writeRule(writer: Writer, rule: RuleFields): void {
  const { family, dst, src, tos = 0, table: number = 0, action = FR_ACT_TO_TBL, flags = 0, ...rest } = rule;
  const lengths = [dst, src].map((prefix) => (prefix === undefined ? 0 : lengthOf(prefix)));
  writer.bytes4(afOf(family), lengths[0] ?? 0, lengths[1] ?? 0, tos);
  writer.bytes4(number > 255 ? RT_TABLE_COMPAT : number, 0, 0, action);
  writer.word(flags);
  table.write(writer, {
    tableNumber: number,
    dstAddress: dst === undefined ? undefined : addressOf(dst),
    srcAddress: src === undefined ? undefined : addressOf(src),
    ...rest,
  });
}

/** @throws {DecodeError} */
export function decodeRule(buffer: Uint8Array, offset: number, length: number): RuleMessage {
  requireHeader('fib_rule_hdr', { offset, length, need: 12 });
  const family = familyOfAf(buffer[offset] ?? 0, { table: 'fib_rule_hdr', offset });
  const { dstAddress, srcAddress, tableNumber, ...rest } = table.read(buffer, offset + 12, length - 12);
  const prefix = (value: Address | undefined, len: number): Prefix | undefined => {
    if (value === undefined) return undefined;
    if (familyOf(value) !== family || len > (family === 4 ? 32 : 128)) {
      throw new DecodeError(`${value}/${len} in an IPv${family} rule`, { table: 'FRA', attribute: 'prefix', offset });
    }
    return makePrefix(value, len);
  };
  return {
    family,
    dst: prefix(dstAddress, buffer[offset + 1] ?? 0),
    src: prefix(srcAddress, buffer[offset + 2] ?? 0),
    tos: buffer[offset + 3] ?? 0,
    table: tableNumber ?? buffer[offset + 4] ?? 0,
    action: buffer[offset + 7] ?? 0,
    flags: u32At(buffer, offset + 8),
    ...rest,
  };
}

export const ruleRequest = (verb: Exclude<Verb, 'replace' | 'change' | 'append'>, rule: RuleFields): Request => ({
  type: verb === 'delete' ? RTM_DELRULE : RTM_NEWRULE,
  flags: verbFlags[verb],
  write: (writer) => writeRule(writer, rule),
  get describe() {
    const words = [`ip -${rule.family} rule ${verb}`];
    if (rule.priority !== undefined) words.push(`priority ${rule.priority}`);
    if (rule.src !== undefined) words.push(`from ${rule.src}`);
    if (rule.dst !== undefined) words.push(`to ${rule.dst}`);
    if (rule.mark !== undefined) words.push(`fwmark ${rule.mark}`);
    if (rule.table !== undefined) words.push(`lookup ${rule.table}`);
    return words.join(' ');
  },
});

/** The request of a dump. */
export const getRules = (family: Family): Request => ({
  type: RTM_GETRULE,
  flags: 0,
  write: (writer) => {
    writer.bytes4(afOf(family), 0, 0, 0);
    writer.word(0);
    writer.word(0);
  },
  describe: `ip -${family} rule show`,
});
