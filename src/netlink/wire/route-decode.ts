import { type Address, addressFromBytes } from '../../model/ip.js';
import { attributes, badLength, type RawAttribute } from './attributes.js';
import { u16At, u32At, u32beAt } from './bytes.js';
import { u32 } from './codecs.js';
import { NLA_TYPE_MASK, RTA } from './constants.js';
import { DecodeError } from './decode-error.js';
import { familyOfAf, requireHeader } from './families.js';
import { type RareFields, RouteMessage } from './route-message.js';
import { readNextHops } from './route-nexthop.js';

/** Only the path MTU is looked into. @see uapi/linux/rtnetlink.h RTAX_* */
export const routeMetrics = attributes('RTAX', { mtu: u32(2) });

/**
 * Reads `struct rtmsg` and what follows. Written out by hand: a table takes half as long again per route.
 * @throws {DecodeError}
 */
export function decodeRoute(bytes: Uint8Array, offset: number, length: number): RouteMessage {
  requireHeader('rtmsg', { offset, length, need: 12 });
  const route = new RouteMessage();
  route.family = familyOfAf(bytes[offset] ?? 0, { table: 'rtmsg', offset });
  route.dstLen = bytes[offset + 1] ?? 0;
  const srcLen = bytes[offset + 2] ?? 0;
  if (srcLen > 0) route.rare = { srcLen };
  const bits = route.family === 4 ? 32 : 128;
  if (route.dstLen > bits || srcLen > bits) {
    throw new DecodeError(`a prefix longer than ${bits} bits`, { table: 'rtmsg', attribute: 'dst_len', offset });
  }
  route.tos = bytes[offset + 3] ?? 0;
  route.table = bytes[offset + 4] ?? 0;
  route.protocol = bytes[offset + 5] ?? 0;
  route.scope = bytes[offset + 6] ?? 0;
  route.type = bytes[offset + 7] ?? 0;
  route.flags = u32At(bytes, offset + 8);

  const end = offset + length;
  for (let at = offset + 12; end - at >= 4; ) {
    const size = u16At(bytes, at);
    const type = u16At(bytes, at + 2);
    if (size < 4 || size > end - at) throw badLength({ table: 'RTA', type, size, left: end - at, offset: at });
    if (size !== 8 || !readWord(route, type, u32At(bytes, at + 4))) {
      readAttribute(route, { type, bytes, at: at + 4, size: size - 4 });
    }
    at += (size + 3) & ~3;
  }
  return route;
}

/** The attributes that nearly every route has, and no others, without anything made on the way. */
function readWord(route: RouteMessage, type: number, value: number): boolean {
  switch (type) {
    case RTA.TABLE:
      route.table = value;
      return true;
    case RTA.OIF:
      route.oif = value;
      return true;
    case RTA.PRIORITY:
      route.priority = value;
      return true;
    case RTA.DST:
      if (route.family !== 4) return false;
      route.dst4 = maskedTo(swapped(value), route.dstLen);
      return true;
    case RTA.GATEWAY:
      if (route.family !== 4) return false;
      route.via4 = swapped(value);
      return true;
    default:
      return false;
  }
}

/** Network order to a signed number. */
const swapped = (value: number): number =>
  (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);

interface Span {
  readonly type: number;
  readonly bytes: Uint8Array;
  /** Where the value is, and how many bytes it has. */
  readonly at: number;
  readonly size: number;
}

function readAttribute(route: RouteMessage, span: Span): void {
  const { bytes, at, size } = span;
  switch (span.type & NLA_TYPE_MASK) {
    case RTA.TABLE:
      route.table = word(span);
      return;
    case RTA.DST:
      if (route.family === 4) route.dst4 = maskedTo(ipv4(span), route.dstLen);
      else route.dstBytes = maskedBytes(ipv6(span), route.dstLen);
      return;
    case RTA.OIF:
      route.oif = word(span);
      return;
    case RTA.GATEWAY:
      if (route.family === 4) route.via4 = ipv4(span);
      else route.viaBytes = ipv6(span);
      return;
    case RTA.PRIORITY:
      route.priority = word(span);
      return;
    case RTA.PREFSRC:
      rareOf(route).prefsrc = addressAt(route, span);
      return;
    case RTA.SRC:
      rareOf(route).src = addressAt(route, span);
      return;
    case RTA.IIF:
      rareOf(route).iif = word(span);
      return;
    case RTA.VIA:
      readVia(route, span);
      return;
    case RTA.METRICS: {
      const metrics = routeMetrics.read(bytes, at, size);
      // A nest that holds more than the MTU stays whole, so that writing it back loses nothing.
      if (metrics.mtu !== undefined) rareOf(route).mtu = metrics.mtu;
      if (metrics.unknown !== undefined) keep(route, span);
      return;
    }
    case RTA.MULTIPATH:
      rareOf(route).nexthops = readNextHops({ family: route.family, bytes, offset: at, length: size });
      return;
    default:
      keep(route, span);
  }
}

function keep(route: RouteMessage, { type, bytes, at, size }: Span): void {
  const raw: RawAttribute = { type, value: bytes.slice(at, at + size) };
  const rare = rareOf(route);
  rare.unknown = rare.unknown === undefined ? [raw] : [...rare.unknown, raw];
}

function rareOf(route: RouteMessage): RareFields {
  route.rare ??= {};
  return route.rare;
}

function addressAt(route: RouteMessage, span: Span): Address {
  if (span.size !== (route.family === 4 ? 4 : 16)) throw wrongSize(span);
  return addressFromBytes(span.bytes, span.at, route.family);
}

function word(span: Span): number {
  if (span.size !== 4) throw wrongSize(span);
  return u32At(span.bytes, span.at);
}

function ipv4(span: Span): number {
  if (span.size !== 4) throw wrongSize(span);
  return u32beAt(span.bytes, span.at) | 0;
}

function ipv6(span: Span): Uint8Array {
  if (span.size !== 16) throw wrongSize(span);
  return span.bytes.slice(span.at, span.at + 16);
}

const wrongSize = ({ type, size, at }: Span): DecodeError =>
  new DecodeError(`a value of ${size} bytes`, { table: 'RTA', attribute: type & NLA_TYPE_MASK, offset: at });

/** Host bits are zero in every Prefix, whoever wrote the message. */
const maskedTo = (value: number, len: number): number => (len === 0 ? 0 : value & (0xffffffff << (32 - len)));

function maskedBytes(bytes: Uint8Array, len: number): Uint8Array {
  for (let i = len >> 3; i < 16; i++) bytes[i] = i === len >> 3 ? (bytes[i] ?? 0) & (0xff00 >> (len & 7)) : 0;
  return bytes;
}

/** A next hop of the other family: IPv4 by way of an IPv6 neighbour. struct rtvia: u16 family, then the address. */
function readVia(route: RouteMessage, span: Span): void {
  const family = familyOfAf(u16At(span.bytes, span.at), { table: 'rtvia', offset: span.at });
  if (span.size !== (family === 4 ? 6 : 18)) throw wrongSize(span);
  if (family === 4) route.via4 = u32beAt(span.bytes, span.at + 2) | 0;
  else route.viaBytes = span.bytes.slice(span.at + 2, span.at + 18);
}
