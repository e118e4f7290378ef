import { FlanError } from '../errors.js';
import {
  type Address,
  addressFromBigInt,
  addressOf,
  addressToBigInt,
  bitsOf,
  contains,
  familyOf,
  lengthOf,
  makePrefix,
  type Prefix,
  sizeOf,
} from '../model/ip.js';
import type { NetworkStack } from '../model/network.js';

/** An inclusive run of places that are taken; place 0 is SubnetMin. */
interface Run {
  readonly first: bigint;
  last: bigint;
}

/** The places of one family's subnets, and which are free: built once per allocation in O(leases log leases). */
export interface FreeSubnets {
  readonly total: bigint;
  readonly free: bigint;
  /** The n-th free subnet in order of address, `0 <= n < free`. */
  at(n: bigint): Prefix;
  /** Whether the subnet is one of the network's and overlaps nothing that is taken. */
  isFree(subnet: Prefix): boolean;
  /** The subnet at a place, counted from the start of the network and not from SubnetMin. */
  place(subnet: Prefix): bigint;
  atPlace(place: bigint): Prefix | undefined;
}

/** Whether a node may hold `subnet` under this configuration. */
export function fits(stack: NetworkStack, subnet: Prefix): boolean {
  if (familyOf(subnet) !== familyOf(stack.network) || lengthOf(subnet) !== stack.subnetLen) return false;
  const value = addressToBigInt(addressOf(subnet));
  return (
    contains(stack.network, subnet) &&
    value >= addressToBigInt(stack.subnetMin) &&
    value <= addressToBigInt(stack.subnetMax)
  );
}

/** @throws {FlanError} E_NETWORK_CONFIG when SubnetMin is after SubnetMax */
export function freeSubnets(stack: NetworkStack, taken: Iterable<Prefix>): FreeSubnets {
  const family = familyOf(stack.network);
  const shift = BigInt(bitsOf(family) - stack.subnetLen);
  // A bound that is not on a boundary is rounded inwards.
  const min = roundUp(stack.subnetMin, shift);
  const max = addressToBigInt(stack.subnetMax) >> shift;
  if (min > max) throw emptyRange(stack);
  const total = max - min + 1n;
  const runs = takenRuns({ taken, family, shift, min, total });
  const free = runs.reduce((rest, run) => rest - (run.last - run.first + 1n), total);
  const base = addressToBigInt(addressOf(stack.network)) >> shift;
  const subnetAt = (index: bigint): Prefix =>
    makePrefix(addressFromBigInt((min + index) << shift, family), stack.subnetLen);
  const isFree = (subnet: Prefix): boolean => {
    if (!fits(stack, subnet)) return false;
    const index = (addressToBigInt(addressOf(subnet)) >> shift) - min;
    const run = runs[lastNotAfter(runs, index)];
    return index >= 0n && (run === undefined || run.last < index);
  };
  return {
    total,
    free,
    isFree,
    at(n) {
      let index = n;
      for (const run of runs) {
        if (run.first > index) break;
        index += run.last - run.first + 1n;
      }
      return subnetAt(index);
    },
    place: (subnet) => (addressToBigInt(addressOf(subnet)) >> shift) - base,
    atPlace(place) {
      const index = place + base - min;
      return index >= 0n && index < total ? subnetAt(index) : undefined;
    },
  };
}

const roundUp = (address: Address, shift: bigint): bigint => (addressToBigInt(address) + (1n << shift) - 1n) >> shift;

interface Taken {
  readonly taken: Iterable<Prefix>;
  readonly family: 4 | 6;
  readonly shift: bigint;
  readonly min: bigint;
  readonly total: bigint;
}

/** The places that anything taken overlaps, sorted and merged. */
function takenRuns({ taken, family, shift, min, total }: Taken): readonly Run[] {
  const runs: Run[] = [];
  for (const prefix of taken) {
    if (familyOf(prefix) !== family) continue;
    const start = addressToBigInt(addressOf(prefix));
    const first = (start >> shift) - min;
    const last = ((start + sizeOf(prefix) - 1n) >> shift) - min;
    if (last < 0n || first >= total) continue;
    runs.push({ first: first < 0n ? 0n : first, last: last >= total ? total - 1n : last });
  }
  runs.sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const merged: Run[] = [];
  for (const run of runs) {
    const previous = merged.at(-1);
    if (previous === undefined || run.first > previous.last + 1n) merged.push(run);
    else if (run.last > previous.last) previous.last = run.last;
  }
  return merged;
}

/** Index of the last run that starts at or before `place`; -1 when there is none. */
function lastNotAfter(runs: readonly Run[], place: bigint): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((runs[middle]?.first ?? 0n) <= place) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const emptyRange = ({ network, subnetMin, subnetMax }: NetworkStack): FlanError =>
  new FlanError(
    'E_NETWORK_CONFIG',
    `no subnet can be leased from ${network}: SubnetMin ${subnetMin} is after SubnetMax ${subnetMax}`,
    {
      hint: 'Set SubnetMin to an address that is not after SubnetMax, or leave both out.',
    },
  );
