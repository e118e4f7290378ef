import { type Address, addressToBytes, familyOf } from '../../src/model/ip.js';

/** The Internet checksum, as RFC 1071 writes it down: the yardstick. */
export function naiveChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

export interface PacketFields {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: 'tcp' | 'udp';
  readonly payload: Uint8Array;
  readonly ttl?: number;
  readonly id?: number;
  readonly dontFragment?: 'yes' | 'no';
  readonly sequence?: number;
  /** TCP: the flag bits; an acknowledgement when absent. */
  readonly flags?: number;
  /** TCP: a multiple of 4 bytes. */
  readonly options?: Uint8Array;
}

const ACK = 0x10;

/** A whole packet with right checksums. */
export function packet(fields: PacketFields): Uint8Array {
  const { source, destination, protocol, payload, ttl = 64, id = 1, dontFragment = 'yes' } = fields;
  const transport = protocol === 'tcp' ? tcp(fields) : udp(payload.length);
  const isV4 = familyOf(source) === 4;
  const header = new Uint8Array(isV4 ? 20 : 40);
  const view = new DataView(header.buffer);
  const inner = transport.length + payload.length;
  const number = protocol === 'tcp' ? 6 : 17;
  if (isV4) {
    header[0] = 0x45;
    view.setUint16(2, 20 + inner);
    view.setUint16(4, id);
    view.setUint16(6, dontFragment === 'yes' ? 0x4000 : 0);
    header[8] = ttl;
    header[9] = number;
    header.set(addressToBytes(source), 12);
    header.set(addressToBytes(destination), 16);
    view.setUint16(10, naiveChecksum(header));
  } else {
    header[0] = 0x60;
    view.setUint16(4, inner);
    header[6] = number;
    header[7] = ttl;
    header.set(addressToBytes(source), 8);
    header.set(addressToBytes(destination), 24);
  }
  const whole = Uint8Array.from([...header, ...transport, ...payload]);
  const checksum = transportChecksum(whole);
  new DataView(whole.buffer).setUint16(
    header.length + (protocol === 'tcp' ? 16 : 6),
    protocol === 'udp' && checksum === 0 ? 0xffff : checksum,
  );
  return whole;
}

/** 0 for a packet whose transport checksum is right; the right one for a packet that has 0 there. */
export function transportChecksum(whole: Uint8Array): number {
  const isV4 = (whole[0] ?? 0) >> 4 === 4;
  const start = isV4 ? 20 : 40;
  const addresses = isV4 ? whole.slice(12, 20) : whole.slice(8, 40);
  const inner = whole.slice(start);
  const length = [inner.length >>> 24, inner.length >>> 16, inner.length >>> 8, inner.length].map((n) => n & 255);
  return naiveChecksum(Uint8Array.from([...addresses, ...length, 0, 0, 0, whole[isV4 ? 9 : 6] ?? 0, ...inner]));
}

export const headerChecksum = (whole: Uint8Array): number =>
  (whole[0] ?? 0) >> 4 === 4 ? naiveChecksum(whole.slice(0, 20)) : 0;

function tcp({ sequence = 1, flags = ACK, options = new Uint8Array() }: PacketFields): Uint8Array {
  const header = new Uint8Array(20 + options.length);
  const view = new DataView(header.buffer);
  view.setUint16(0, 40000);
  view.setUint16(2, 80);
  view.setUint32(4, sequence);
  view.setUint32(8, 77);
  header[12] = (header.length / 4) << 4;
  header[13] = flags;
  view.setUint16(14, 512);
  header.set(options, 20);
  return header;
}

function udp(payloadBytes: number): Uint8Array {
  const header = new Uint8Array(8);
  const view = new DataView(header.buffer);
  view.setUint16(0, 40000);
  view.setUint16(2, 53);
  view.setUint16(4, 8 + payloadBytes);
  return header;
}
