import { FlanError } from '../errors.js';
import { didYouMean } from '../model/did-you-mean.js';
import { type Address, addressAt, contains, type Prefix, sizeOf, tryAddress, tryPrefix } from '../model/ip.js';
import { type Lease, leaseName, stacks, subnetsOf } from '../model/lease.js';
import type { Key } from '../planner/kind.js';
import type { Preview } from './compute.js';

/** What is to be explained. */
export type Subject =
  | {
      readonly type: 'address';
      readonly address: Address;
      readonly lease?: Lease;
      readonly as: 'pod' | 'node' | 'nothing';
    }
  | { readonly type: 'lease'; readonly lease: Lease }
  | { readonly type: 'object'; readonly key: Key };

/**
 * An address, a prefix, the key of an object or of a lease, or the name of a node.
 * @throws {FlanError} E_USAGE for what is none of these here
 */
export function subjectOf(asked: string, seen: Preview): Subject {
  const { listing, desired, observed } = seen;
  const address = tryAddress(asked) ?? firstOf(tryPrefix(asked));
  if (address !== undefined) return addressSubject(address, inUseFirst(seen));
  const key = asked as Key;
  if (desired.desired.has(key) || observed.has(key)) return { type: 'object', key };
  const lease = listing.leases.find((one) => one.key === asked || one.node === asked);
  if (lease !== undefined) return { type: 'lease', lease };
  const known = [...desired.desired.keys(), ...listing.leases.map(leaseName)];
  const meant = didYouMean(asked, known);
  throw new FlanError('E_USAGE', `'${asked}' is no address, no node, no lease and no object that flan knows of here`, {
    hint:
      meant === undefined
        ? 'List objects with `flan show desired`, leases with `flan lease list`.'
        : `Did you mean '${meant}'?`,
  });
}

/** The first that a host may have: packets to the network's own address go elsewhere. */
const firstOf = (prefix: Prefix | undefined): Address | undefined =>
  prefix && addressAt(prefix, sizeOf(prefix) > 2n ? 1 : 0);

/** Of several leases that claim an address the one that is used tells most. */
function inUseFirst({ listing, table }: Preview): readonly Lease[] {
  const own = new Set(table.own().map(({ key }) => key));
  const isUsed = ({ key }: Lease): boolean => own.has(key) || table.get(key) !== undefined;
  return [...listing.leases.filter(isUsed), ...listing.leases.filter((lease) => !isUsed(lease))];
}

function addressSubject(address: Address, leases: readonly Lease[]): Subject {
  const holder = leases.find((lease) => subnetsOf(lease).some((subnet) => contains(subnet, address)));
  if (holder !== undefined) return { type: 'address', address, lease: holder, as: 'pod' };
  const node = leases.find((lease) => stacks(lease).some(({ publicIp }) => publicIp === address));
  if (node !== undefined) return { type: 'address', address, lease: node, as: 'node' };
  return { type: 'address', address, as: 'nothing' };
}
