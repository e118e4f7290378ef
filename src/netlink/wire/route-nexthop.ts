import { type Address, addressFromBytes, type Family } from '../../model/ip.js';
import { eachAttribute, type RawAttribute, writeRaw } from './attributes.js';
import { aligned, i32At, u16At } from './bytes.js';
import { NLA_TYPE_MASK, RTA } from './constants.js';
import { DecodeError } from './decode-error.js';
import type { NextHop } from './route-message.js';
import type { Writer } from './writer.js';

// RTA_MULTIPATH: struct rtnexthop { u16 len; u8 flags; u8 hops; int ifindex; } with attributes behind each.
const HOP_BYTES = 8;

export interface NextHopSpan {
  readonly family: Family;
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly length: number;
}

/** @throws {DecodeError} */
export function readNextHops({ family, bytes, offset, length }: NextHopSpan): readonly NextHop[] {
  const hops: NextHop[] = [];
  const end = offset + length;
  for (let at = offset; end - at >= HOP_BYTES; ) {
    const size = u16At(bytes, at);
    if (size < HOP_BYTES || size > end - at) {
      throw new DecodeError(`length ${size} with ${end - at} bytes left`, { table: 'rtnexthop', offset: at });
    }
    hops.push(readNextHop({ family, bytes, offset: at, length: size }));
    at += aligned(size);
  }
  return hops;
}

function readNextHop({ family, bytes, offset, length }: NextHopSpan): NextHop {
  let via: Address | undefined;
  const unknown: RawAttribute[] = [];
  const span = { table: 'rtnexthop', bytes, offset: offset + HOP_BYTES, end: offset + length };
  eachAttribute(span, (type, valueAt, valueBytes) => {
    const isGateway = (type & NLA_TYPE_MASK) === RTA.GATEWAY && valueBytes === (family === 4 ? 4 : 16);
    if (isGateway && via === undefined) via = addressFromBytes(bytes, valueAt, family);
    else unknown.push({ type, value: bytes.slice(valueAt, valueAt + valueBytes) });
  });
  const hop = {
    oif: i32At(bytes, offset + 4),
    via,
    weight: (bytes[offset + 3] ?? 0) + 1,
    flags: bytes[offset + 2] ?? 0,
  };
  return unknown.length === 0 ? hop : { ...hop, unknown };
}

export function writeNextHops(writer: Writer, hops: readonly NextHop[]): void {
  const start = writer.open(RTA.MULTIPATH);
  for (const hop of hops) {
    const at = writer.length;
    writer.bytes4(0, 0, hop.flags, hop.weight - 1);
    writer.word(hop.oif);
    if (hop.via !== undefined) writer.address(RTA.GATEWAY, hop.via);
    writeRaw(writer, hop.unknown);
    writer.patchLength(at, writer.length - at);
  }
  writer.close(start);
}
