import { suggestion } from '../model/did-you-mean.js';
import type { HostFacts, HostLink } from '../model/facts.js';
import { type Address, type Family, familyOf, isLinkLocal, tryAddress } from '../model/ip.js';
import { holds, usableAddresses } from './usable.js';

/** What the settings say about the external interface. */
export interface Selection {
  /** Names or addresses. */
  readonly iface: readonly string[];
  /** Matched against usable addresses, then names; nowhere anchored. */
  readonly ifaceRegex: readonly RegExp[];
  readonly ifaceCanReach?: Address | undefined;
  readonly publicIp?: Address | undefined;
  readonly publicIpv6?: Address | undefined;
}

/** One way to find the interface of a family. Rules are tried in order; the first that answers wins. */
export interface Rule {
  /** As the user wrote it: `--iface eth1`. */
  readonly name: string;
  find(facts: HostFacts, family: Family): readonly Candidate[];
}

/** An interface that a rule points at, best first. Without `link` it says why there is none. */
export interface Candidate {
  readonly link?: HostLink;
  /** The address that the rule itself names. */
  readonly address?: Address | undefined;
  readonly why: string;
}

const other = (family: Family): Family => (family === 4 ? 6 : 4);

/** Whether an interface option is given. Then nothing else decides. */
export const interfaceAsked = ({ iface, ifaceRegex, ifaceCanReach }: Selection): boolean =>
  iface.length > 0 || ifaceRegex.length > 0 || ifaceCanReach !== undefined;

/** The rules for a family: the interface options in flannel's order, or the public addresses and the default route. */
export function rulesOf(selection: Selection, family: Family): readonly Rule[] {
  const { iface, ifaceRegex, ifaceCanReach, publicIp, publicIpv6 } = selection;
  if (interfaceAsked(selection)) {
    return [
      ...iface.map((text) => byNameOrAddress(text, `--iface ${text}`)),
      ...ifaceRegex.map(byRegex),
      ...(ifaceCanReach === undefined ? [] : [byReach(ifaceCanReach)]),
    ];
  }
  const publicAddresses = family === 4 ? [publicIp, publicIpv6] : [publicIpv6, publicIp];
  return [...publicAddresses.filter((address) => address !== undefined).map(byPublicAddress), byDefaultRoute];
}

function byNameOrAddress(text: string, name: string): Rule {
  const address = tryAddress(text);
  if (address !== undefined) return byAddress(address, name);
  return {
    name,
    find: ({ links }) => {
      const link = links.find((candidate) => candidate.name === text);
      const names = links.map((candidate) => candidate.name);
      return [link ? { link, why: 'this is its name' } : { why: `no interface '${text}'${suggestion(text, names)}` }];
    },
  };
}

/** The interface that holds the address. It serves the other family too, with an address of that family. */
const byAddress = (address: Address, name: string): Rule => ({
  name,
  find: ({ links }, family) => {
    const link = links.find((candidate) => holds(candidate, address));
    if (link === undefined) return [{ why: `no interface has ${address}` }];
    if (familyOf(address) === family) return [{ link, address, why: `it has ${address}` }];
    return [{ link, why: `it has ${address}, the IPv${other(family)} address asked for` }];
  },
});

/**
 * A public address that no interface has is that of a translation (NAT) in front of the host: no reason to give up.
 * The other family's tells where to look first, but a link-local address there is no match.
 */
function byPublicAddress(address: Address): Rule {
  const name = `--public-ip${familyOf(address) === 6 ? 'v6' : ''} ${address}`;
  const rule = byAddress(address, name);
  return {
    name,
    find: (facts, family) => {
      if (familyOf(address) === family) return rule.find(facts, family);
      return rule.find(facts, family).map(({ link, why }) => {
        const global = link && usableAddresses(link, family).find((candidate) => !isLinkLocal(candidate));
        return link && global === undefined
          ? { why: `${link.name} has no global IPv${family} address` }
          : { ...(link && { link }), address: global, why };
      });
    },
  };
}

/** By this family's addresses, else by the other's, else by name. */
const byRegex = (pattern: RegExp): Rule => ({
  name: `--iface-regex ${pattern.source}`,
  find: ({ links }, family) => {
    const matching = (link: HostLink, of: Family) => usableAddresses(link, of).find((address) => pattern.test(address));
    const candidates: Candidate[] = [
      ...links.map((link) => ({ link, address: matching(link, family), why: 'its address matches' })),
    ].filter(({ address }) => address !== undefined);
    if (candidates.length > 0) return candidates;
    const byOther = links.filter((link) => matching(link, other(family)) !== undefined);
    if (byOther.length > 0) return byOther.map((link) => ({ link, why: `its IPv${other(family)} address matches` }));
    const named = links.filter(({ name }) => pattern.test(name)).map((link) => ({ link, why: 'its name matches' }));
    return named.length > 0 ? named : [{ why: 'no address and no name matches' }];
  },
});

/** The interface and the source address that the kernel would use. */
const byReach = (target: Address): Rule => ({
  name: `--iface-can-reach ${target}`,
  find: ({ links, lookups }, family) => {
    const answer = lookups[target];
    const link = links.find(({ name }) => name === answer?.dev);
    if (answer === undefined || link === undefined) return [{ why: `the kernel has no route to ${target}` }];
    if (link.loopback) return [{ why: `${target} is an address of this host` }];
    const why = `the route to ${target} goes through it`;
    return [{ link, address: familyOf(target) === family ? answer.source : undefined, why }];
  },
});

/** The lowest metric wins, as in the kernel; a family with no default route stays with the other's interface. */
const byDefaultRoute: Rule = {
  name: 'default route',
  find: ({ links, defaultRoutes }, family) => {
    const through = (of: Family) =>
      defaultRoutes
        .filter((route) => route.family === of)
        .toSorted((a, b) => a.metric - b.metric)
        .flatMap(({ dev, metric }) => {
          const link = links.find(({ name }) => name === dev);
          return link ? [{ link, metric }] : [];
        });
    const own = through(family).map(({ link, metric }) => ({
      link,
      why: `IPv${family} default route, metric ${metric}`,
    }));
    if (own.length > 0) return own;
    const borrowed = through(other(family))
      .map(({ link }) => ({ link, address: usableAddresses(link, family).find((address) => !isLinkLocal(address)) }))
      .filter(({ address }) => address !== undefined)
      .map((candidate) => ({
        ...candidate,
        why: `no IPv${family} default route; the IPv${other(family)} one goes through it`,
      }));
    return borrowed.length > 0 ? borrowed : [{ why: `there is no IPv${family} default route` }];
  },
};
