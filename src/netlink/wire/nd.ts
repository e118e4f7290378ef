import { type Address, addressFromBytes, formatIPv4 } from '../../model/ip.js';
import { type Mac, macFromBytes, macToBytes } from '../../model/mac.js';
import { badLength, type RawAttribute, writeRaw } from './attributes.js';
import { i32At, u16At, u16beAt, u32At, u32beAt } from './bytes.js';
import { NLA_TYPE_MASK } from './constants.js';
import { DecodeError } from './decode-error.js';
import { requireHeader } from './families.js';
import type { Writer } from './writer.js';

/** @see uapi/linux/neighbour.h NDA_* */
const NDA = {
  DST: 1,
  LLADDR: 2,
  VLAN: 5,
  PORT: 6,
  VNI: 7,
  IFINDEX: 8,
  MASTER: 9,
  PROTOCOL: 12,
  FLAGS_EXT: 15,
} as const;

/** What a neighbour or FDB entry is made from. */
export interface NdFields {
  readonly ifindex: number;
  /** Of a neighbour: its IP address. Of a vxlan FDB entry: the remote tunnel endpoint. */
  readonly dst?: Address | undefined;
  readonly mac?: Mac | undefined;
  /** NUD_* */
  readonly state?: number | undefined;
  /** NTF_* */
  readonly flags?: number | undefined;
  /** RTN_* for a neighbour; zero for an FDB entry. */
  readonly type?: number | undefined;
  readonly vlan?: number | undefined;
  readonly port?: number | undefined;
  readonly vni?: number | undefined;
  /** Link that an FDB entry sends through. */
  readonly through?: number | undefined;
  /** Bridge that the link is in. */
  readonly master?: number | undefined;
  /** Who made it (rtm_protocol numbers). */
  readonly protocol?: number | undefined;
  readonly flagsExt?: number | undefined;
  readonly unknown?: readonly RawAttribute[] | undefined;
}

/**
 * `struct ndmsg` with its attributes: a neighbour of IPv4 or IPv6, or (AF_BRIDGE) an FDB entry. Hot like routes: numbers
 * when decoded, text when asked for.
 */
export class NdMessage implements NdFields {
  /** AF_INET, AF_INET6 or AF_BRIDGE. */
  af = 0;
  ifindex = 0;
  state = 0;
  flags = 0;
  type = 0;
  /** An IPv4 `dst` as an unsigned number, -1 for none; of an IPv6 one, its 16 bytes. */
  dst4 = -1;
  dstBytes: Uint8Array | undefined = undefined;
  /** The six bytes as two numbers, -1 for none. */
  macHigh = -1;
  macLow = 0;
  vlan: number | undefined = undefined;
  port: number | undefined = undefined;
  vni: number | undefined = undefined;
  through: number | undefined = undefined;
  master: number | undefined = undefined;
  protocol: number | undefined = undefined;
  flagsExt: number | undefined = undefined;
  unknown: readonly RawAttribute[] | undefined = undefined;
  #dst: Address | undefined = undefined;
  #mac: Mac | undefined = undefined;

  get dst(): Address | undefined {
    if (this.dst4 >= 0) this.#dst ??= formatIPv4(this.dst4);
    else if (this.dstBytes !== undefined) this.#dst ??= addressFromBytes(this.dstBytes, 0, 6);
    return this.#dst;
  }

  get mac(): Mac | undefined {
    if (this.macHigh >= 0) this.#mac ??= macOf(this.macHigh, this.macLow);
    return this.#mac;
  }

  /** Plain data, for comparing and printing. */
  fields(): NdFields & { readonly af: number } {
    const { af, ifindex, dst, mac, state, flags, type, vlan, port, vni, through, master } = this;
    const { protocol, flagsExt, unknown } = this;
    return {
      ...{ af, ifindex, dst, mac, state, flags, type, vlan, port, vni, through, master },
      ...{ protocol, flagsExt, unknown },
    };
  }
}

const macOf = (high: number, low: number): Mac =>
  macFromBytes(Uint8Array.of(high >>> 8, high, low >>> 24, low >>> 16, low >>> 8, low));

export function writeNd(writer: Writer, af: number, nd: NdFields): void {
  writer.word(af);
  writer.word(nd.ifindex);
  writer.word((nd.state ?? 0) | ((nd.flags ?? 0) << 16) | ((nd.type ?? 0) << 24));
  if (nd.mac !== undefined) writer.blob(NDA.LLADDR, macToBytes(nd.mac));
  if (nd.dst !== undefined) writer.address(NDA.DST, nd.dst);
  if (nd.vlan !== undefined) writer.u16(NDA.VLAN, nd.vlan);
  if (nd.port !== undefined) writer.u16be(NDA.PORT, nd.port);
  if (nd.vni !== undefined) writer.u32(NDA.VNI, nd.vni);
  if (nd.through !== undefined) writer.u32(NDA.IFINDEX, nd.through);
  if (nd.master !== undefined) writer.u32(NDA.MASTER, nd.master);
  if (nd.protocol !== undefined) writer.u8(NDA.PROTOCOL, nd.protocol);
  if (nd.flagsExt !== undefined) writer.u32(NDA.FLAGS_EXT, nd.flagsExt);
  writeRaw(writer, nd.unknown);
}

/** @throws {DecodeError} */
export function decodeNd(bytes: Uint8Array, offset: number, length: number): NdMessage {
  requireHeader('ndmsg', { offset, length, need: 12 });
  const nd = new NdMessage();
  nd.af = bytes[offset] ?? 0;
  nd.ifindex = i32At(bytes, offset + 4);
  nd.state = u16At(bytes, offset + 8);
  nd.flags = bytes[offset + 10] ?? 0;
  nd.type = bytes[offset + 11] ?? 0;
  const end = offset + length;
  for (let at = offset + 12; end - at >= 4; ) {
    const size = u16At(bytes, at);
    const type = u16At(bytes, at + 2);
    if (size < 4 || size > end - at) throw badLength({ table: 'NDA', type, size, left: end - at, offset: at });
    readAttribute(nd, { type, bytes, at: at + 4, size: size - 4 });
    at += (size + 3) & ~3;
  }
  return nd;
}

interface Span {
  readonly type: number;
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly size: number;
}

function readAttribute(nd: NdMessage, span: Span): void {
  const { bytes, at, size } = span;
  switch (span.type & NLA_TYPE_MASK) {
    case NDA.DST:
      if (size === 4) nd.dst4 = u32beAt(bytes, at);
      else if (size === 16) nd.dstBytes = bytes.slice(at, at + 16);
      else throw wrongSize(span);
      return;
    case NDA.LLADDR:
      if (size !== 6) break; // another hardware's address: kept as it is
      nd.macHigh = u16beAt(bytes, at);
      nd.macLow = u32beAt(bytes, at + 2);
      return;
    case NDA.VLAN:
      nd.vlan = sized(span, 2) && u16At(bytes, at);
      return;
    case NDA.PORT:
      nd.port = sized(span, 2) && u16beAt(bytes, at);
      return;
    case NDA.VNI:
      nd.vni = sized(span, 4) && u32At(bytes, at);
      return;
    case NDA.IFINDEX:
      nd.through = sized(span, 4) && u32At(bytes, at);
      return;
    case NDA.MASTER:
      nd.master = sized(span, 4) && u32At(bytes, at);
      return;
    case NDA.PROTOCOL:
      nd.protocol = sized(span, 1) && (bytes[at] ?? 0);
      return;
    case NDA.FLAGS_EXT:
      nd.flagsExt = sized(span, 4) && u32At(bytes, at);
      return;
  }
  const raw: RawAttribute = { type: span.type, value: bytes.slice(at, at + size) };
  nd.unknown = nd.unknown === undefined ? [raw] : [...nd.unknown, raw];
}

function sized(span: Span, bytes: number): number {
  if (span.size !== bytes) throw wrongSize(span);
  return bytes;
}

const wrongSize = ({ type, size, at }: Span): DecodeError =>
  new DecodeError(`a value of ${size} bytes`, { table: 'NDA', attribute: type & NLA_TYPE_MASK, offset: at });
