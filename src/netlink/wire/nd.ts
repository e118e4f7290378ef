import { macToBytes } from '../../model/mac.js';
import { badLength, type RawAttribute, writeRaw } from './attributes.js';
import { i32At, u16At, u16beAt, u32At, u32beAt } from './bytes.js';
import { NLA_TYPE_MASK } from './constants.js';
import { DecodeError } from './decode-error.js';
import { requireHeader } from './families.js';
import { type NdFields, NdMessage } from './nd-message.js';
import type { Writer } from './writer.js';

export { type NdFields, NdMessage } from './nd-message.js';

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

/** What is written where the fields do not say. */
export interface NdDefaults {
  readonly af: number;
  readonly state?: number;
  readonly flags?: number;
}

export function writeNd(writer: Writer, { af, state = 0, flags = 0 }: NdDefaults, nd: NdFields): void {
  writer.word(af);
  writer.word(nd.ifindex);
  writer.word((nd.state ?? state) | ((nd.flags ?? flags) << 16) | ((nd.type ?? 0) << 24));
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
      if (size === 4) nd.dst4 = u32beAt(bytes, at) | 0;
      else if (size === 16) nd.dstBytes = bytes.slice(at, at + 16);
      else throw wrongSize(span);
      return;
    case NDA.LLADDR:
      if (size !== 6) break; // another hardware's address: kept as it is
      nd.macHigh = u16beAt(bytes, at);
      nd.macLow = u32beAt(bytes, at + 2) | 0;
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
