import { FlanError } from '../errors.js';

declare const brand: unique symbol;

/** A 48-bit hardware address, lower case with colons: `0e:2a:11:22:33:44`. */
export type Mac = string & { readonly [brand]: 'Mac' };

export function tryMac(text: string): Mac | undefined {
  return /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(text) ? (text.toLowerCase().replaceAll('-', ':') as Mac) : undefined;
}

/** Of one interface: neither a group's nor nobody's. */
export const isUnicast = (mac: Mac): boolean =>
  mac !== '00:00:00:00:00:00' && (parseInt(mac.slice(0, 2), 16) & 1) === 0;

/** @throws {FlanError} E_ADDRESS */
export function parseMac(text: string): Mac {
  const mac = tryMac(text);
  if (mac === undefined) throw new FlanError('E_ADDRESS', `not a hardware (MAC) address: '${text}'`);
  return mac;
}

// Both are on the way of every FDB entry and neighbour.

export function macToBytes(mac: Mac): Uint8Array {
  const bytes = new Uint8Array(6);
  for (let i = 0; i < 6; i++) {
    bytes[i] = (hexDigit(mac.charCodeAt(3 * i)) << 4) | hexDigit(mac.charCodeAt(3 * i + 1));
  }
  return bytes;
}

/** Of a lower case digit. */
const hexDigit = (code: number): number => (code < 58 ? code - 48 : code - 87);

const OCTETS = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, '0'));

export function macFromBytes(bytes: Uint8Array): Mac {
  let text = OCTETS[bytes[0] ?? 0] ?? '';
  for (let i = 1; i < 6; i++) text += `:${OCTETS[bytes[i] ?? 0]}`;
  return text as Mac;
}

/** Makes six bytes a unicast, locally administered address (IEEE 802: bit 0 clear, bit 1 set of the first octet). */
export function localMac(seed: Uint8Array): Mac {
  const bytes = Uint8Array.from({ length: 6 }, (_, i) => seed[i] ?? 0);
  bytes[0] = ((bytes[0] ?? 0) & 0xfe) | 0x02;
  return macFromBytes(bytes);
}

/** The same MAC for the same text, on every run: 48 bits of FNV-1a, made local and unicast. */
export function macFor(text: string): Mac {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return localMac(Uint8Array.from({ length: 6 }, (_, i) => Number((hash >> BigInt(8 * i)) & 0xffn)));
}
