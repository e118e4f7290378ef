import { FlanError } from '../errors.js';
import type { Quarantine } from '../model/admission.js';
import type { HostFacts } from '../model/facts.js';
import { type Address, addressOf, contains, familyOf, lastAddressOf, makePrefix } from '../model/ip.js';
import { leaseName, subnetsOf } from '../model/lease.js';
import { LeaseTable, type LeaseView } from '../model/lease-table.js';
import { networksOf } from '../model/network.js';
import type { Inputs } from './inputs.js';

/** From where this node looks at leases: the table sorts them into peers, the own one, and those that are left out. */
export const leaseView = (made: Inputs, facts: HostFacts): LeaseView => ({
  network: made.network,
  own: { nodeId: made.identity.nodeId, lease: made.own },
  hostAddresses: foreignAddresses(made, facts),
  nobodysAddresses: nobodysAddresses(facts),
});

export const peerTable = (made: Inputs, facts: HostFacts): LeaseTable => new LeaseTable(leaseView(made, facts));

/**
 * Host addresses that no peer's subnet may cover. Not those inside our own subnet (the CNI bridge's), and before there
 * is an own subnet none inside the network at all: which of them are the overlay's cannot be told then.
 */
function foreignAddresses({ own, network }: Inputs, { links }: HostFacts): Address[] {
  const overlay = own ? subnetsOf(own) : networksOf(network);
  return links
    .filter(({ loopback }) => !loopback)
    .flatMap(({ addresses }) => addresses.map(({ address }) => address))
    .filter((address) => !overlay.some((prefix) => contains(prefix, address)));
}

/** Of networks with room for more than two addresses the first and the last are no node's. IPv6 has no such thing. */
const nobodysAddresses = ({ links }: HostFacts): Address[] =>
  links
    .flatMap(({ addresses }) => addresses)
    .filter(({ address, len, peer }) => familyOf(address) === 4 && len <= 30 && peer === undefined)
    .flatMap(({ address, len }) => {
      const network = makePrefix(address, len);
      return [addressOf(network), lastAddressOf(network)];
    });

/** A lease that is left out, as an error that people can act on. */
export const quarantineError = ({ lease, detail }: Quarantine): FlanError =>
  new FlanError('E_LEASE', `the lease of ${leaseName(lease)} is left out: ${detail}`, {
    where: lease.origin ?? lease.key,
    hint: 'Correct or release this lease; all others are used.',
  });
