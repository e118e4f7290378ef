import { didYouMean } from '../model/did-you-mean.js';
import {
  type Address,
  addressAt,
  addressOf,
  bitsOf,
  compareAddresses,
  contains,
  type Family,
  familyOf,
  isUnspecified,
  lengthOf,
  makePrefix,
  type Prefix,
  parsePrefix,
  sizeOf,
  tryAddress,
  tryPrefix,
} from '../model/ip.js';
import type { NetworkStack } from '../model/network.js';
import type { OptionReader } from '../model/options.js';

/** The names of one family's options in net-conf.json. */
export const stackNames = (family: Family) =>
  family === 4
    ? ({ enable: 'EnableIPv4', network: 'Network', len: 'SubnetLen', min: 'SubnetMin', max: 'SubnetMax' } as const)
    : ({
        enable: 'EnableIPv6',
        network: 'IPv6Network',
        len: 'IPv6SubnetLen',
        min: 'IPv6SubnetMin',
        max: 'IPv6SubnetMax',
      } as const);

export interface StackInput {
  readonly reader: OptionReader;
  readonly family: Family;
  /** The options as they are written: one may be meant for the network. */
  readonly written: readonly string[];
}

/** Reads one family's half by flannel's rules, plus SubnetMin <= SubnetMax. @throws {FlanError} E_NETWORK_CONFIG */
export function decodeStack(input: StackInput): NetworkStack {
  const network = decodePrefix(input);
  const subnetLen = decodeLength(input, network);
  const subnetSize = sizeOf(makePrefix(addressOf(network), subnetLen));
  const { reader, family } = input;
  const names = stackNames(family);
  const bound = (name: string) => decodeBound({ ...input, name, network, subnetLen });
  // flannel leaves the first subnet free: its first address is the network's own.
  const subnetMin = bound(names.min) ?? addressAt(network, subnetSize);
  const subnetMax = bound(names.max) ?? addressAt(network, sizeOf(network) - subnetSize);
  if (compareAddresses(subnetMin, subnetMax) > 0) {
    throw reader.refuse(names.min, `${subnetMin} is above ${names.max} ${subnetMax}: no subnet is left to lease`);
  }
  return { network, subnetLen, subnetMin, subnetMax };
}

function decodePrefix({ reader, family, written }: StackInput): Prefix {
  const { network: name, enable } = stackNames(family);
  const text = reader.string(name);
  const prefix = text === undefined ? undefined : tryPrefix(text);
  if (text !== undefined && (prefix === undefined || familyOf(prefix) !== family)) {
    throw reader.refuse(name, `must be a valid IPv${family} CIDR such as ${EXAMPLE[family]}, not '${text}'`);
  }
  // Go reads an all-zero prefix as the absent one.
  if (prefix === undefined || (isUnspecified(addressOf(prefix)) && lengthOf(prefix) === 0)) {
    const hint = family === 4 ? `Define it, or set "${enable}": false.` : `Define it, or leave "${enable}" out.`;
    const others = written.filter((other) => other.toLowerCase() !== name.toLowerCase());
    const meant = prefix === undefined ? didYouMean(name, others) : undefined;
    const is =
      prefix === undefined ? 'is not defined in the network config' : `is ${prefix}, which counts as not defined`;
    const near = meant === undefined ? '' : `, but '${meant}' is there`;
    throw reader.refuse(name, `${is}${near}`, meant === undefined ? hint : `Write '${name}' instead of '${meant}'.`);
  }
  const [what] = Object.entries(UNFIT).find(([, ranges]) => ranges.some((range) => overlap(range, prefix))) ?? [];
  if (what === undefined) return prefix;
  throw reader.refuse(
    name,
    `${prefix} holds ${what} addresses, which no pod can have`,
    `Take one such as ${EXAMPLE[family]}.`,
  );
}

/** @see RFC 6890 */
const UNFIT: Readonly<Record<string, readonly Prefix[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'].map(parsePrefix),
  multicast: ['224.0.0.0/4', 'ff00::/8'].map(parsePrefix),
  'link-local': ['169.254.0.0/16', 'fe80::/10'].map(parsePrefix),
  unspecified: ['0.0.0.0/8', '::/128'].map(parsePrefix),
};

const overlap = (a: Prefix, b: Prefix): boolean => contains(a, b) || contains(b, a);

const EXAMPLE = { 4: '10.244.0.0/16', 6: 'fd00:10:244::/48' } as const;

/** flannel: /24 or /64 when at least four of them fit, else a quarter of the network. */
function decodeLength({ reader, family }: StackInput, network: Prefix): number {
  const names = stackNames(family);
  const own = lengthOf(network);
  const given = reader.integer(names.len);
  if (given !== undefined && given < 0) throw reader.refuse(names.len, `must not be negative, but is ${given}`);
  // Go cannot tell 0 from absent.
  if (given === undefined || given === 0) {
    const smallest = bitsOf(family) - 4;
    if (own > smallest) {
      throw reader.refuse(names.network, `is too small: ${network}. Minimum useful network prefix is /${smallest}`);
    }
    const usual = family === 4 ? 24 : 64;
    return own <= usual - 2 ? usual : own + 2;
  }
  const longest = bitsOf(family) - 2;
  if (given > longest) throw reader.refuse(names.len, `must be less than /${longest + 1}, but is /${given}`);
  if (given < own + 2) {
    throw reader.refuse(
      names.len,
      `/${given}: network ${network} must be able to accommodate at least four subnets`,
      `Make it ${own + 2} or more, or the network wider.`,
    );
  }
  return given;
}

interface BoundInput extends StackInput {
  readonly name: string;
  readonly network: Prefix;
  readonly subnetLen: number;
}

/** SubnetMin or SubnetMax; undefined when absent, which the unspecified address is too. */
function decodeBound({ reader, family, name, network, subnetLen }: BoundInput): Address | undefined {
  const text = reader.string(name);
  if (text === undefined) return undefined;
  const address = tryAddress(text);
  if (address === undefined || familyOf(address) !== family) {
    throw reader.refuse(name, `must be an IPv${family} address, not '${text}'`);
  }
  if (isUnspecified(address)) return undefined;
  if (!contains(network, address)) {
    throw reader.refuse(name, `is not in the range of the ${stackNames(family).network}: ${address}, ${network}`);
  }
  const subnet = makePrefix(address, subnetLen);
  if (addressOf(subnet) !== address) {
    throw reader.refuse(
      name,
      `is not on a ${stackNames(family).len} boundary: ${address}`,
      `The /${subnetLen} it lies in starts at ${addressOf(subnet)}.`,
    );
  }
  return address;
}
