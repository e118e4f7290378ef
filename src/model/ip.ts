import { FlanError } from '../errors.js';

declare const brand: unique symbol;

/** An IP address in canonical text (dotted quad, or RFC 5952 for IPv6): equal addresses are equal strings. */
export type Address = string & { readonly [brand]: 'Address' };

/** A CIDR prefix in canonical text, host bits zero: `10.244.3.0/24`, `fd00:10:244:3::/64`. */
export type Prefix = string & { readonly [brand]: 'Prefix' };

export type Family = 4 | 6;

export const FAMILIES = [4, 6] as const satisfies readonly Family[];

export const familyOf = (text: Address | Prefix): Family => (text.includes(':') ? 6 : 4);

/** Width of an address in bits. */
export const bitsOf = (family: Family): 32 | 128 => (family === 4 ? 32 : 128);

/** Dotted quad to an unsigned 32-bit number; -1 when the text is not one. Leading zeros are refused, as in Go. */
export const parseIPv4 = (text: string): number => parseIPv4Until(text, text.length);

/** As a digit, counted from `0`. */
const DOT = -2;

function parseIPv4Until(text: string, end: number): number {
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < end; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) {
      if (octet === 0) return -1;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return -1;
    } else {
      if (digit !== DOT || octet < 0 || ++dots > 3) return -1;
      value = value * 256 + octet;
      octet = -1;
    }
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : -1;
}

export const formatIPv4 = (value: number): Address =>
  `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}` as Address;

/** Eight 16-bit groups of an IPv6 address, or undefined when the text is not one. A zone (`%eth0`) is refused. */
function parseIPv6(text: string): Uint16Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const groupsOf = (half: string): number[] | undefined => {
    if (half === '') return [];
    const groups: number[] = [];
    const parts = half.split(':');
    for (const [i, part] of parts.entries()) {
      if (part.includes('.')) {
        const v4 = i === parts.length - 1 ? parseIPv4(part) : -1;
        if (v4 < 0) return undefined;
        groups.push(v4 >>> 16, v4 & 0xffff);
      } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16));
      else return undefined;
    }
    return groups;
  };
  const head = groupsOf(halves[0] ?? '');
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? '') : [];
  if (!head || !tail) return undefined;
  // An IPv4 tail is only legal at the very end, so a head that is followed by `::` must not hold one.
  if (halves.length === 2 && (halves[0] ?? '').includes('.')) return undefined;
  const count = head.length + tail.length;
  if (halves.length === 2 ? count > 7 : count !== 8) return undefined;
  const groups = new Uint16Array(8);
  groups.set(head);
  groups.set(tail, 8 - tail.length);
  return groups;
}

/** RFC 5952: lower case, no leading zeros, the first longest run of two or more zero groups becomes `::`. */
function formatGroups(group: (i: number) => number): Address {
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; ) {
    let end = i;
    while (end < 8 && group(end) === 0) end++;
    if (end - i > length) [start, length] = [i, end - i];
    i = end === i ? i + 1 : end;
  }
  let text = '';
  for (let i = 0; i < 8; i++) {
    if (i === start) {
      text += '::';
      i += length - 1;
    } else text += text === '' || text.endsWith(':') ? group(i).toString(16) : `:${group(i).toString(16)}`;
  }
  return text as Address;
}

/** @returns the canonical address, or undefined when `text` is not an IP address */
export function tryAddress(text: string): Address | undefined {
  // What parses as IPv4 is canonical: there is one way to write it.
  if (!text.includes(':')) return parseIPv4(text) < 0 ? undefined : (text as Address);
  const groups = parseIPv6(text);
  return groups && formatGroups((i) => groups[i] ?? 0);
}

/** @throws {FlanError} E_ADDRESS */
export function parseAddress(text: string): Address {
  const address = tryAddress(text);
  if (address === undefined) throw new FlanError('E_ADDRESS', `not an IP address: '${text}'`);
  return address;
}

/** Network byte order, 4 or 16 bytes written at `offset`; returns the count. The address must be canonical. */
export function writeAddress(address: Address, out: Uint8Array, offset: number): 4 | 16 {
  if (familyOf(address) === 4) {
    const value = parseIPv4(address);
    out[offset] = value >>> 24;
    out[offset + 1] = value >>> 16;
    out[offset + 2] = value >>> 8;
    out[offset + 3] = value;
    return 4;
  }
  const groups = parseIPv6(address) ?? new Uint16Array(8);
  for (let i = 0; i < 8; i++) {
    const group = groups[i] ?? 0;
    out[offset + 2 * i] = group >>> 8;
    out[offset + 2 * i + 1] = group;
  }
  return 16;
}

export function addressToBytes(address: Address): Uint8Array {
  const bytes = new Uint8Array(familyOf(address) === 4 ? 4 : 16);
  writeAddress(address, bytes, 0);
  return bytes;
}

/** Reads `family`'s width of network-order bytes at `offset`. */
export function addressFromBytes(bytes: Uint8Array, offset: number, family: Family): Address {
  const at = (i: number) => bytes[offset + i] ?? 0;
  if (family === 4) return `${at(0)}.${at(1)}.${at(2)}.${at(3)}` as Address;
  return formatGroups((i) => (at(2 * i) << 8) | at(2 * i + 1));
}

export function addressToBigInt(address: Address): bigint {
  if (familyOf(address) === 4) return BigInt(parseIPv4(address));
  let value = 0n;
  for (const group of parseIPv6(address) ?? []) value = (value << 16n) | BigInt(group);
  return value;
}

/** @throws {FlanError} E_ADDRESS when the value does not fit the family */
export function addressFromBigInt(value: bigint, family: Family): Address {
  if (value < 0n || value >> BigInt(bitsOf(family)) !== 0n) {
    throw new FlanError('E_ADDRESS', `address arithmetic left the IPv${family} range`);
  }
  if (family === 4) return formatIPv4(Number(value));
  return formatGroups((i) => Number((value >> BigInt(16 * (7 - i))) & 0xffffn));
}

/** The prefix of length `len` around an address: host bits are cleared. `len` must be in the family's range. */
export function makePrefix(address: Address, len: number): Prefix {
  const family = familyOf(address);
  if (family === 4) {
    const mask = len === 0 ? 0 : (0xffffffff << (32 - len)) >>> 0;
    const value = parseIPv4(address);
    const first = (value & mask) >>> 0;
    return `${first === value ? address : formatIPv4(first)}/${len}` as Prefix;
  }
  const host = BigInt(128 - len);
  return `${addressFromBigInt((addressToBigInt(address) >> host) << host, 6)}/${len}` as Prefix;
}

/** A prefix with what the text holds beside it: the address as written, host bits kept. */
export interface AddressWithLength {
  readonly address: Address;
  readonly len: number;
}

/** `10.1.2.3/24` → its two halves; undefined when it is not CIDR notation. */
export function tryCidr(text: string): AddressWithLength | undefined {
  const slash = text.lastIndexOf('/');
  const len = slash < 0 ? -1 : parseLength(text, slash + 1);
  const address = len < 0 ? undefined : tryAddress(text.slice(0, slash));
  if (address === undefined || len > bitsOf(familyOf(address))) return undefined;
  return { address, len };
}

/** The number that one to three digits from `start` to the end of the text make; -1 when there is anything else. */
function parseLength(text: string, start: number): number {
  const count = text.length - start;
  if (count < 1 || count > 3) return -1;
  let value = 0;
  for (let i = start; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

/** Whether a text is a prefix just as it is written here, as nearly all are: told of IPv4 without making any text. */
export function isCanonicalPrefix(text: string): text is Prefix {
  const slash = text.indexOf('/');
  const len = slash < 0 ? -1 : parseLength(text, slash + 1);
  if (len < 0) return false;
  if (text.includes(':')) return tryPrefix(text) === text;
  const value = parseIPv4Until(text, slash);
  const isPadded = text.charCodeAt(slash + 1) === ZERO && text.length > slash + 2;
  return value >= 0 && len <= 32 && !isPadded && startsAlike(value << len, 0, 32 - len);
}

const ZERO = 48;

/** Host bits are masked off, as Go's net.ParseCIDR does. */
export function tryPrefix(text: string): Prefix | undefined {
  const cidr = tryCidr(text);
  return cidr && makePrefix(cidr.address, cidr.len);
}

/** @throws {FlanError} E_ADDRESS */
export function parsePrefix(text: string): Prefix {
  const prefix = tryPrefix(text);
  if (prefix === undefined) throw new FlanError('E_ADDRESS', `not a prefix in CIDR notation: '${text}'`);
  return prefix;
}

export const addressOf = (prefix: Prefix): Address => prefix.slice(0, prefix.indexOf('/')) as Address;
export const lengthOf = (prefix: Prefix): number => parseLength(prefix, prefix.indexOf('/') + 1);

/** The address `offset` places after the prefix's first. @throws {FlanError} E_ADDRESS outside the family's range */
export const addressAt = (prefix: Prefix, offset: bigint | number): Address =>
  addressFromBigInt(addressToBigInt(addressOf(prefix)) + BigInt(offset), familyOf(prefix));

/** Number of addresses. */
export const sizeOf = (prefix: Prefix): bigint => 1n << BigInt(bitsOf(familyOf(prefix)) - lengthOf(prefix));

export const lastAddressOf = (prefix: Prefix): Address => addressAt(prefix, sizeOf(prefix) - 1n);

/** The single-address prefix: /32 or /128. */
export const hostPrefix = (address: Address): Prefix => `${address}/${bitsOf(familyOf(address))}` as Prefix;

/** Whether `inner`, an address or a prefix, lies wholly inside `outer`. Families never mix. */
export function contains(outer: Prefix, inner: Address | Prefix): boolean {
  if (familyOf(outer) !== familyOf(inner)) return false;
  const len = lengthOf(outer);
  const slash = inner.indexOf('/');
  const isPrefix = slash >= 0;
  if (isPrefix && lengthOf(inner as Prefix) < len) return false;
  if (familyOf(outer) === 4) {
    // Asked some ten times for every lease: without making text of the masked address.
    const start = parseIPv4Until(outer, outer.indexOf('/'));
    return startsAlike(start, parseIPv4Until(inner, isPrefix ? slash : inner.length), len);
  }
  return makePrefix(isPrefix ? addressOf(inner as Prefix) : (inner as Address), len) === outer;
}

export const overlaps = (a: Prefix, b: Prefix): boolean =>
  lengthOf(a) <= lengthOf(b) ? contains(a, b) : contains(b, a);

/** IPv4 before IPv6, then by value. */
export function compareAddresses(a: Address, b: Address): number {
  const family = familyOf(a);
  if (family !== familyOf(b)) return family - familyOf(b);
  if (family === 4) return parseIPv4(a) - parseIPv4(b);
  const [x, y] = [addressToBigInt(a), addressToBigInt(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

/** By address, then the shorter (wider) prefix first. */
export const comparePrefixes = (a: Prefix, b: Prefix): number =>
  compareAddresses(addressOf(a), addressOf(b)) || lengthOf(a) - lengthOf(b);

/**
 * Tells whether an address or a prefix lies wholly inside one of `prefixes`. Made for what is asked of every lease: the
 * one that is asked about is taken apart once, and the prefixes never again.
 */
export function within(prefixes: readonly Prefix[]): (inner: Address | Prefix) => boolean {
  const ipv6 = prefixes.filter((prefix) => familyOf(prefix) === 6);
  const ipv4 = prefixes
    .filter((prefix) => familyOf(prefix) === 4)
    .map((prefix) => ({ value: parseIPv4(addressOf(prefix)), len: lengthOf(prefix) }));
  return (inner) => {
    if (familyOf(inner) === 6) return ipv6.some((prefix) => contains(prefix, inner));
    const slash = inner.indexOf('/');
    const value = parseIPv4Until(inner, slash < 0 ? inner.length : slash);
    const innerLen = slash < 0 ? 32 : parseLength(inner, slash + 1);
    return ipv4.some((outer) => outer.len <= innerLen && startsAlike(value, outer.value, outer.len));
  };
}

/** Whether the first `len` bits are the same. A shift by 32 would be none. */
const startsAlike = (a: number, b: number, len: number): boolean => len === 0 || (a ^ b) >>> (32 - len) === 0;

const oneOf = (...prefixes: readonly string[]): ((address: Address) => boolean) =>
  within(prefixes as readonly Prefix[]);

export const isUnspecified = (a: Address): boolean => a === '0.0.0.0' || a === '::';
export const isLoopback = oneOf('127.0.0.0/8', '::1/128');
export const isMulticast = oneOf('224.0.0.0/4', 'ff00::/8');
/** Loopback or multicast. */
export const isNobodys = oneOf('127.0.0.0/8', '::1/128', '224.0.0.0/4', 'ff00::/8');
export const isLinkLocal = oneOf('169.254.0.0/16', 'fe80::/10');
/** RFC 1918. */
export const isPrivate4 = oneOf('10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16');
/** RFC 4193. */
export const isUniqueLocal6 = oneOf('fc00::/7');
/** Go's net.IP.IsGlobalUnicast: private ranges count, link-local does not. */
export const isGlobalUnicast = (a: Address): boolean =>
  !isUnspecified(a) && !isLoopback(a) && !isMulticast(a) && !isLinkLocal(a) && a !== '255.255.255.255';
