import type { HostAddress, HostLink } from '../model/facts.js';
import {
  type Address,
  type Family,
  familyOf,
  isGlobalUnicast,
  isLinkLocal,
  makePrefix,
  type Prefix,
} from '../model/ip.js';

/**
 * The addresses of an interface that other nodes could send to, best first: global before link-local, permanent
 * before leased, lasting before temporary, else the kernel's order. Deprecated ones are left out.
 */
export const usableAddresses = (link: HostLink, family: Family): Address[] =>
  link.addresses
    .filter((a) => familyOf(a.address) === family && !a.deprecated)
    .filter((a) => isGlobalUnicast(a.address) || isLinkLocal(a.address))
    .toSorted((a, b) => rank(a) - rank(b))
    .map((a) => a.address);

const rank = ({ address, permanent, temporary }: HostAddress): number =>
  (isLinkLocal(address) ? 4 : 0) + (permanent ? 0 : 2) + (temporary ? 1 : 0);

export const holds = (link: HostLink, address: Address): boolean => link.addresses.some((a) => a.address === address);

export function onLinkPrefixes(link: HostLink, family: Family): Prefix[] {
  const own = link.addresses.filter(({ address }) => familyOf(address) === family);
  return [...new Set(own.map(({ address, len, peer }) => makePrefix(peer ?? address, len)))];
}
