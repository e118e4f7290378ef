import { FlanError } from '../../errors.js';
import { suggestion } from '../../model/did-you-mean.js';
import {
  type Address,
  addressOf,
  type Family,
  familyOf,
  isCanonicalPrefix,
  lengthOf,
  makePrefix,
  type Prefix,
  tryAddress,
  tryCidr,
} from '../../model/ip.js';
import { isJsonObject, type Json, type JsonObject } from '../../model/json.js';
import { type Lease, type LeaseStack, type LeaseSubnets, leaseKey } from '../../model/lease.js';

/** Members of a lease as people write it, in the order that flan writes them. */
export const LEASE_FIELDS = [
  'node',
  'nodeId',
  'subnet',
  'ipv6Subnet',
  'publicIP',
  'publicIPv6',
  'backendType',
  'backendData',
  'backendV6Data',
  'expires',
] as const;

type Field = (typeof LEASE_FIELDS)[number];

const KNOWN: ReadonlySet<string> = new Set(LEASE_FIELDS);

/** Where a member stands: `leases/node-b.yaml:3:1`. Without a field: the lease itself. */
export type Where = (field?: string) => string;

export interface WrittenLease {
  readonly value: Json;
  readonly where: Where;
  /** What the lease will say of where it comes from. */
  readonly origin: string;
}

/**
 * Reads one lease.
 * @throws {FlanError} E_LEASE with file, line and column
 */
export function decodeLeaseFields({ value, where, origin }: WrittenLease): Lease {
  if (!isJsonObject(value)) throw bad(where(), 'a lease must be a mapping with subnet, publicIP and the like');
  // Not Object.keys: what is here is done for every lease when a process starts, before V8 has optimised it.
  for (const name in value) {
    if (!KNOWN.has(name)) {
      throw bad(where(name), `a lease has no member '${name}'${suggestion(name, LEASE_FIELDS)}`);
    }
  }
  const read: Reader = { value, where };
  const ipv4 = half(read, IPV4_FIELDS);
  const ipv6 = half(read, IPV6_FIELDS);
  if (!ipv4 && !ipv6) throw bad(where(), 'it has neither subnet nor ipv6Subnet');
  const node = text(read, 'node');
  const nodeId = text(read, 'nodeId');
  const expiresAtMs = moment(read, 'expires');
  // Member by member: V8 gives the result of a spread a hidden class of its own, four times the size of the lease.
  const subnets: Draft<LeaseSubnets> = {};
  if (ipv4) subnets.ipv4 = ipv4.subnet;
  if (ipv6) subnets.ipv6 = ipv6.subnet;
  const lease: Draft<Lease> = { key: leaseKey(subnets), backendType: text(read, 'backendType') ?? '' };
  if (node) lease.node = node;
  if (nodeId) lease.nodeId = nodeId;
  if (ipv4) lease.ipv4 = ipv4;
  if (ipv6) lease.ipv6 = ipv6;
  if (expiresAtMs !== undefined) lease.expiresAtMs = expiresAtMs;
  lease.origin = origin;
  return lease;
}

type Draft<T> = { -readonly [K in keyof T]: T[K] };

/** The reverse: only members that say something. */
export function encodeLeaseFields(lease: Lease): Readonly<Partial<Record<Field, Json>>> {
  const all: Record<Field, Json | undefined> = {
    node: lease.node,
    nodeId: lease.nodeId,
    subnet: lease.ipv4?.subnet,
    ipv6Subnet: lease.ipv6?.subnet,
    publicIP: lease.ipv4?.publicIp,
    publicIPv6: lease.ipv6?.publicIp,
    backendType: lease.backendType === '' ? undefined : lease.backendType,
    backendData: lease.ipv4?.backendData,
    backendV6Data: lease.ipv6?.backendData,
    expires: lease.expiresAtMs === undefined ? undefined : new Date(lease.expiresAtMs).toISOString(),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

interface Reader {
  readonly value: JsonObject;
  readonly where: Where;
}

interface HalfFields {
  readonly family: Family;
  readonly subnet: Field;
  readonly publicIp: Field;
  readonly data: Field;
}

const IPV4_FIELDS: HalfFields = { family: 4, subnet: 'subnet', publicIp: 'publicIP', data: 'backendData' };
const IPV6_FIELDS: HalfFields = { family: 6, subnet: 'ipv6Subnet', publicIp: 'publicIPv6', data: 'backendV6Data' };

function half(read: Reader, fields: HalfFields): LeaseStack | undefined {
  const subnet = cidr(read, fields);
  const publicIp = address(read, fields);
  const backendData = read.value[fields.data];
  if (subnet === undefined) {
    const useless = publicIp !== undefined ? fields.publicIp : backendData !== undefined ? fields.data : undefined;
    if (useless !== undefined) throw bad(read.where(useless), `${useless} is given but ${fields.subnet} is not`);
    return undefined;
  }
  const stack: Draft<LeaseStack> = { subnet };
  if (publicIp) stack.publicIp = publicIp;
  if (backendData !== undefined) stack.backendData = backendData;
  return stack;
}

/** Bits of a subnet at most: flannel's names of leases have 5 and 7 bits for the length. */
const LONGEST: Readonly<Record<Family, number>> = { 4: 31, 6: 127 };

function cidr(read: Reader, { subnet: field, family }: HalfFields): Prefix | undefined {
  const written = text(read, field);
  if (written === undefined) return undefined;
  const isSubnet = isCanonicalPrefix(written) && familyOf(written) === family && lengthOf(written) <= LONGEST[family];
  if (isSubnet) return written;
  // Of the few others what is wrong with them is told, if anything is.
  const parsed = tryCidr(written);
  if (parsed === undefined || familyOf(parsed.address) !== family) {
    throw bad(
      read.where(field),
      `${field} '${written}' is not an IPv${family} subnet like ${family === 4 ? '10.244.3.0/24' : 'fd00:10:244:3::/64'}`,
    );
  }
  const subnet = makePrefix(parsed.address, parsed.len);
  if (addressOf(subnet) !== parsed.address) {
    throw bad(read.where(field), `${field} '${written}' has host bits set (did you mean '${subnet}'?)`);
  }
  if (parsed.len > LONGEST[family]) throw bad(read.where(field), `${field} '${written}' is a single address`);
  return subnet;
}

function address(read: Reader, { publicIp: field, family }: HalfFields): Address | undefined {
  const written = text(read, field);
  if (written === undefined) return undefined;
  const parsed = tryAddress(written);
  if (parsed === undefined || familyOf(parsed) !== family) {
    throw bad(read.where(field), `${field} '${written}' is not an IPv${family} address`);
  }
  return parsed;
}

function moment(read: Reader, field: Field): number | undefined {
  const written = text(read, field);
  if (written === undefined) return undefined;
  // RFC 3339 section 5.6; Date.parse alone would take much more.
  const full = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/.test(written);
  const ms = full ? Date.parse(written.replace(' ', 'T').toUpperCase()) : Number.NaN;
  if (Number.isNaN(ms)) {
    throw bad(read.where(field), `${field} '${written}' is not a time like 2026-01-31T12:00:00Z (RFC 3339)`);
  }
  return ms;
}

function text({ value, where }: Reader, field: Field): string | undefined {
  const found = value[field];
  if (found === undefined || found === null || found === '') return undefined;
  if (typeof found !== 'string') throw bad(where(field), `${field} must be text, not ${JSON.stringify(found)}`);
  return found;
}

const bad = (where: string, what: string): FlanError =>
  new FlanError('E_LEASE', `lease in ${where}: ${what}`, {
    where,
    hint: 'Correct the file; flan reads it again by itself.',
  });
