import type { Arena } from '../sys/arena.js';
import { fold, type Sum, sumBytes, sumPseudoHeader, wireWord } from './checksum.js';
import { TCP, TRANSPORT_BYTES, type UDP } from './ip-header.js';
import { HEADER_BYTES, type Outbox } from './outbox.js';

/** TCP flags as bits of the word that starts at the data offset. @see RFC 9293 §3.1 */
const CWR = 0x80;
const FIN_OR_PSH = 0x09;

/**
 * Cuts a packet that holds several segments of TCP or UDP into the packets that it stands for, as a network card does:
 * each gets a copy of the headers with its own length, number and checksums; its payload stays where it is.
 * @returns how many packets; 0 when the headers make no sense
 */
export function split({ outbox, arena: { view }, sum: sumPayload }: Splitter, big: BigPacket): number {
  const { packet, length, transport, segmentBytes, protocol, slot } = big;
  const isTcp = protocol === TCP;
  const transportBytes = isTcp ? (view.getUint8(packet + transport + 12) >>> 4) << 2 : TRANSPORT_BYTES[protocol];
  const headerBytes = transport + transportBytes;
  const payloadBytes = length - headerBytes;
  if (
    transportBytes < TRANSPORT_BYTES[protocol] ||
    headerBytes > HEADER_BYTES ||
    payloadBytes <= 0 ||
    segmentBytes <= 0
  )
    return 0;
  const isV4 = view.getUint8(packet) >>> 4 === 4;
  const id = isV4 ? view.getUint16(packet + 4) : 0;
  const sequence = isTcp ? view.getInt32(packet + transport + 4) : 0;
  const flags = isTcp ? view.getUint8(packet + transport + 13) : 0;
  if (isV4) blankIpv4(view, packet);
  blankTransport(view, packet + transport, protocol);
  const sumHeader4 = isV4 ? sumBytes(view, packet, transport) : 0;
  const sumTransport = sumPseudoHeader(view, packet, protocol) + sumBytes(view, packet + transport, transportBytes);
  let count = 0;
  for (let done = 0; done < payloadBytes; done += segmentBytes) {
    const size = Math.min(segmentBytes, payloadBytes - done);
    outbox.begin(slot, headerBytes + size);
    const header = outbox.takeHeader();
    for (let i = 0; i < headerBytes; i += 4) view.setInt32(header + i, view.getInt32(packet + i, true), true);
    const inner = transportBytes + size;
    if (isV4) {
      const total = transport + inner;
      const number = (id + count) & 0xffff;
      view.setUint16(header + 2, total);
      view.setUint16(header + 4, number);
      view.setUint16(header + 10, ~fold(sumHeader4 + wireWord(total) + wireWord(number)), true);
    } else view.setUint16(header + 4, transport - 40 + inner);
    const payload = packet + headerBytes + done;
    let sum = sumTransport + sumPayload(payload, size) + wireWord(inner);
    const at = header + transport;
    if (isTcp) {
      const own = (sequence + done) | 0;
      const isLast = done + size === payloadBytes;
      const kept = (isLast ? flags : flags & ~FIN_OR_PSH) & (count === 0 ? 0xff : ~CWR);
      view.setInt32(at + 4, own);
      view.setUint8(at + 13, kept);
      sum += wireWord(own >>> 16) + wireWord(own & 0xffff) + wireWord(kept);
      view.setUint16(at + 16, ~fold(sum), true);
    } else {
      view.setUint16(at + 4, inner);
      const checksum = ~fold(sum + wireWord(inner)) & 0xffff;
      view.setUint16(at + 6, checksum === 0 ? 0xffff : checksum, true); // 0 means none, RFC 768
    }
    outbox.add(header, headerBytes);
    outbox.add(payload, size);
    count++;
  }
  return count;
}

export interface Splitter {
  readonly outbox: Outbox;
  readonly arena: Arena;
  readonly sum: Sum;
}

export interface BigPacket {
  /** Where the IP header starts. */
  readonly packet: number;
  readonly length: number;
  /** Where the transport header starts, counted from the IP header. */
  readonly transport: number;
  readonly protocol: typeof TCP | typeof UDP;
  /** Payload of each packet but the last. */
  readonly segmentBytes: number;
  readonly slot: number;
}

/** Blanks the fields that differ from packet to packet, so that the sum of the header leaves them out. */
function blankIpv4(view: DataView, packet: number): void {
  view.setUint16(packet + 2, 0);
  view.setUint16(packet + 4, 0);
  view.setUint16(packet + 10, 0);
}

/** The same for the header of TCP or UDP. */
function blankTransport(view: DataView, at: number, protocol: BigPacket['protocol']): void {
  view.setInt32(at + 4, 0); // TCP: sequence number; UDP: length and checksum
  if (protocol !== TCP) return;
  view.setUint8(at + 13, 0);
  view.setUint16(at + 16, 0);
}
