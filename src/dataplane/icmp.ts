import { addressFromBytes, isLoopback, isMulticast, isUnspecified } from '../model/ip.js';
import type { Arena } from '../sys/arena.js';
import { sendTo } from '../sys/udp-socket.js';
import { fold, sumBytes } from './checksum.js';
import { TOTAL } from './counters.js';
import { ICMP, ICMPV6, IPV6_HEADER_BYTES, isToOneNode } from './ip-header.js';

/** Type and code of each family. @see RFC 792, RFC 4443 §3 */
const NO_ROUTE = { v4: [3, 0], v6: [1, 0] } as const;
const EXPIRED = { v4: [11, 0], v6: [3, 0] } as const;
type Reason = typeof NO_ROUTE | typeof EXPIRED;

/** ICMP messages that are errors themselves; of ICMPv6 those below 128. @see RFC 1122 §3.2.2 */
const ERRORS4: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);
const IPV6_ERROR_LIMIT = 128;
/** Headers that say how many times 8 bytes they have: hop-by-hop options, routing, destination options. @see RFC 8200 §4 */
const OPTION_HEADERS: ReadonlySet<number> = new Set([0, 43, 60]);
const FRAGMENT = 44;

const HEADER_BYTES = 8;
/** As much of the packet as the smallest packet that everybody takes has room for. @see RFC 1812 §4.3.2.3, RFC 4443 §3.1 */
const QUOTE_BYTES = { v4: 576 - 20 - HEADER_BYTES, v6: 1280 - 40 - HEADER_BYTES } as const;

/** As many as the kernel itself would send. @see icmp_msgs_per_sec and icmp_msgs_burst in ip-sysctl */
const PER_SECOND = 1000;
const BURST = 50;

/** Tells senders what became of their packets. */
export interface IcmpErrors {
  /** No peer has the destination. `length` is what there is of the packet that starts at `packet`. */
  noRoute(packet: number, length: number): void;
  /** Its time to live has run out here. */
  expired(packet: number, length: number): void;
}

export interface IcmpInit {
  readonly arena: Arena;
  readonly counters: Float64Array;
  /** Raw sockets; the kernel adds the IP header with the source address that suits the way back. */
  readonly sockets: { readonly v4: number | undefined; readonly v6: number | undefined };
  readonly nowMs: () => number;
}

/** What RFC 1812 §4.3.2 asks of a router: never about errors, fragments but the first, or what was for many; not too many. */
export function icmpErrors({ arena, counters, sockets, nowMs }: IcmpInit): IcmpErrors {
  const { view, bytes } = arena;
  const allow = bucket(nowMs);
  const send = (reason: Reason, packet: number, length: number): number => {
    const family = view.getUint8(packet) >>> 4 === 4 ? 'v4' : 'v6';
    const socket = sockets[family];
    if (socket === undefined || !mayAnswer(arena, packet, length) || !allow()) return TOTAL.icmpWithheld;
    const quote = Math.min(length, QUOTE_BYTES[family]);
    const body = new Uint8Array(HEADER_BYTES + quote);
    body.set(reason[family]);
    body.set(bytes.subarray(packet, packet + quote), HEADER_BYTES);
    // The kernel itself computes the checksum of ICMPv6, which covers addresses that are not known here.
    if (family === 'v4') {
      const message = new DataView(body.buffer);
      message.setUint16(2, ~fold(sumBytes(message, 0, body.length)), true);
    }
    const source = addressFromBytes(bytes, packet + (family === 'v4' ? 12 : 8), family === 'v4' ? 4 : 6);
    return sendTo(socket, body, source) === 'sent' ? TOTAL.icmpSent : TOTAL.icmpWithheld;
  };
  const answer =
    (reason: Reason) =>
    (packet: number, length: number): void => {
      const total = send(reason, packet, length);
      counters[total] = (counters[total] ?? 0) + 1;
    };
  return { noRoute: answer(NO_ROUTE), expired: answer(EXPIRED) };
}

/** Whether a packet may be answered with an error. */
export function mayAnswer({ view, bytes }: Arena, packet: number, length: number): boolean {
  if (!isToOneNode(view, packet)) return false;
  const isV4 = view.getUint8(packet) >>> 4 === 4;
  const source = addressFromBytes(bytes, packet + (isV4 ? 12 : 8), isV4 ? 4 : 6);
  if (isUnspecified(source) || isMulticast(source) || isLoopback(source) || source === '255.255.255.255') return false;
  if (!isV4) return mayAnswer6(view, packet, length);
  if ((view.getUint16(packet + 6) & 0x1fff) !== 0) return false;
  const header = (view.getUint8(packet) & 15) << 2;
  const isError =
    view.getUint8(packet + 9) === ICMP && (length <= header || ERRORS4.has(view.getUint8(packet + header)));
  return !isError;
}

/** The same of IPv6, where other headers may stand before the message. */
function mayAnswer6(view: DataView, packet: number, length: number): boolean {
  let next = view.getUint8(packet + 6);
  let at = IPV6_HEADER_BYTES;
  while (next === FRAGMENT || OPTION_HEADERS.has(next)) {
    if (at + 8 > length) return false;
    if (next === FRAGMENT && view.getUint16(packet + at + 2) >>> 3 !== 0) return false;
    const bytes = next === FRAGMENT ? 8 : 8 * (1 + view.getUint8(packet + at + 1));
    next = view.getUint8(packet + at);
    at += bytes;
  }
  return next !== ICMPV6 || (at < length && view.getUint8(packet + at) >= IPV6_ERROR_LIMIT);
}

function bucket(nowMs: () => number): () => boolean {
  let tokens = BURST;
  let lastMs = nowMs();
  return () => {
    const now = nowMs();
    tokens = Math.min(BURST, tokens + ((now - lastMs) * PER_SECOND) / 1000);
    lastMs = now;
    if (tokens < 1) return false;
    tokens--;
    return true;
  };
}
