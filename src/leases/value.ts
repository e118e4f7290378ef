import { FlanError } from '../errors.js';
import { type Address, type Family, familyOf, isUnspecified, tryAddress } from '../model/ip.js';
import { isJsonObject, type Json, type JsonObject } from '../model/json.js';
import { type Lease, type LeaseKey, type LeaseStack, parseLeaseKey } from '../model/lease.js';

/**
 * The value of a lease as flannel stores it: compact JSON, members in this order, `PublicIP` always there. `NodeName`
 * and `NodeID` are ours and come last; Go's decoder passes over members that it does not know.
 */
export function encodeLeaseValue(lease: Lease): string {
  return JSON.stringify({
    PublicIP: lease.ipv4?.publicIp ?? '0.0.0.0',
    PublicIPv6: lease.ipv6?.publicIp ?? null,
    BackendType: lease.backendType === '' ? undefined : lease.backendType,
    BackendData: lease.ipv4?.backendData,
    BackendV6Data: lease.ipv6?.backendData,
    NodeName: lease.node,
    NodeID: lease.nodeId,
  });
}

export interface StoredLease {
  /** The last part of the entry's name: `10.5.52.0-24`. */
  readonly key: string;
  readonly text: string;
  /** The store's full name of it, for errors. */
  readonly entry: string;
  readonly expiresAtMs?: number | undefined;
  readonly origin?: string | undefined;
}

/**
 * Reads a lease that any version of flannel or flan has written: old ones have no `PublicIPv6` and no `BackendType`.
 * Backend data is kept whatever it is. Names are matched as Go does, ignoring case where no exact one is there.
 * Data of a family that the key does not name has no subnet to belong to and is dropped.
 * @throws {FlanError} E_LEASE naming the entry
 */
export function decodeLeaseValue({ key, text, entry, expiresAtMs, origin }: StoredLease): Lease {
  const subnets = parseLeaseKey(key);
  if (subnets === undefined) {
    throw bad({
      entry,
      what: `'${key}' is not the name of a subnet`,
      hint: 'Name it like 10.5.52.0-24 or 10.5.52.0-24&fd00:5:52::-64.',
    });
  }
  const value = parseObject(text, entry);
  const half = (subnet: LeaseStack['subnet'], family: Family): LeaseStack => {
    const publicIp = addressMember(value, { name: family === 4 ? 'PublicIP' : 'PublicIPv6', family, entry });
    const backendData = member(value, family === 4 ? 'BackendData' : 'BackendV6Data');
    return { subnet, ...(publicIp && { publicIp }), ...(backendData !== undefined && { backendData }) };
  };
  const node = textMember(value, 'NodeName', entry);
  const nodeId = textMember(value, 'NodeID', entry);
  return {
    key: key as LeaseKey,
    ...(node && { node }),
    ...(nodeId && { nodeId }),
    backendType: textMember(value, 'BackendType', entry) ?? '',
    ...(subnets.ipv4 && { ipv4: half(subnets.ipv4, 4) }),
    ...(subnets.ipv6 && { ipv6: half(subnets.ipv6, 6) }),
    ...(expiresAtMs !== undefined && { expiresAtMs }),
    ...(origin !== undefined && { origin }),
  };
}

function parseObject(text: string, entry: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw bad({
      entry,
      what: 'the value is not JSON',
      hint: 'Remove the entry, or restart the node that wrote it.',
      cause,
    });
  }
  if (!isJsonObject(value)) throw bad({ entry, what: 'the value is not a JSON object' });
  return value;
}

function member(value: JsonObject, name: string): Json | undefined {
  if (Object.hasOwn(value, name)) return value[name];
  const folded = name.toLowerCase();
  const other = Object.keys(value).find((key) => key.toLowerCase() === folded);
  return other === undefined ? undefined : value[other];
}

function textMember(value: JsonObject, name: string, entry: string): string | undefined {
  const found = member(value, name);
  if (found === undefined || found === null) return undefined;
  if (typeof found !== 'string') throw bad({ entry, what: `${name} is not a string` });
  return found;
}

interface AddressMember {
  readonly name: string;
  readonly family: Family;
  readonly entry: string;
}

/** flannel writes the unspecified address for "none". */
function addressMember(value: JsonObject, { name, family, entry }: AddressMember): Address | undefined {
  const text = textMember(value, name, entry);
  if (text === undefined) return undefined;
  const address = tryAddress(text);
  if (address === undefined || familyOf(address) !== family)
    throw bad({ entry, what: `${name} is not an IPv${family} address: '${text}'` });
  return isUnspecified(address) ? undefined : address;
}

interface Bad {
  readonly entry: string;
  readonly what: string;
  readonly hint?: string;
  readonly cause?: unknown;
}

const bad = ({ entry, what, hint = 'Correct the entry or remove it.', cause }: Bad): FlanError =>
  new FlanError('E_LEASE', `lease ${entry}: ${what}`, { hint, where: entry, cause });
