import { FlanError } from '../errors.js';
import type { External, HostFacts, HostLink } from '../model/facts.js';
import { type Address, type Family, isLinkLocal } from '../model/ip.js';
import type { Warning } from '../model/warning.js';
import { type Candidate, interfaceAsked, type Rule, rulesOf, type Selection } from './rules.js';
import { holds, onLinkPrefixes, usableAddresses } from './usable.js';

export type { Selection } from './rules.js';

/** What one rule came to for one family, in the order of trying. */
export interface Explanation {
  /** As the user wrote it, `--iface eth1`; or `default route`. */
  readonly rule: string;
  readonly family: Family;
  /** Absent when the rule points at no interface. */
  readonly dev?: string;
  readonly verdict: 'picked' | 'lost' | 'no match';
  readonly why: string;
}

export interface ExternalChoice {
  readonly external: Readonly<Partial<Record<Family, External>>>;
  readonly explanation: readonly Explanation[];
  readonly warnings: readonly Warning[];
}

export interface ExternalInput {
  readonly facts: HostFacts;
  readonly selection: Selection;
  readonly families: readonly Family[];
}

/**
 * Chooses the interface that carries packets between nodes. Follows flannel's rules, but: each family has its own
 * interface; of several default routes the lowest metric wins; a public address that no interface has leaves the
 * choice to the default route (flanneld exits) and is advertised as it is. What packets are sent from (`address`) is
 * always an address of the interface.
 * @throws {FlanError} E_IFACE when a family finds no interface; it lists what there is
 */
export function chooseExternal({ facts, selection, families }: ExternalInput): ExternalChoice {
  const asked = interfaceAsked(selection);
  const choices = families.map((family) => {
    const { explanation, picked } = tryRules({ facts, rules: rulesOf(selection, family), family });
    if (picked === undefined) throw noInterface({ facts, family, explanation });
    const external = complete({
      ...picked,
      family,
      publicIp: family === 4 ? selection.publicIp : selection.publicIpv6,
    });
    return { family, external, explanation, warnings: doubts({ facts, link: picked.link, external, asked }) };
  });
  return {
    external: Object.fromEntries(choices.map(({ family, external }) => [family, external])),
    explanation: choices.flatMap(({ explanation }) => explanation),
    warnings: choices.flatMap(({ warnings }) => warnings),
  };
}

interface Picked {
  readonly link: HostLink;
  readonly address: Address;
}

interface Attempt {
  readonly facts: HostFacts;
  readonly rules: readonly Rule[];
  readonly family: Family;
}

/** All rules are asked, also after one has won: people want to see what the others would have said. */
function tryRules({ facts, rules, family }: Attempt) {
  let picked: Picked | undefined;
  const explanation: Explanation[] = [];
  for (const rule of rules) {
    for (const candidate of rule.find(facts, family)) {
      const judged = judge(candidate, family);
      const told = { rule: rule.name, family, ...(candidate.link && { dev: candidate.link.name }) };
      if (judged.picked === undefined) {
        explanation.push({ ...told, verdict: candidate.link ? 'lost' : 'no match', why: judged.why });
      } else if (picked !== undefined) {
        explanation.push({ ...told, verdict: 'lost', why: `${judged.why}; ${picked.link.name} came first` });
      } else {
        picked = judged.picked;
        explanation.push({ ...told, verdict: 'picked', why: judged.why });
      }
    }
  }
  return { picked, explanation };
}

function judge({ link, address, why }: Candidate, family: Family): { readonly picked?: Picked; readonly why: string } {
  if (link === undefined) return { why };
  const usable = address !== undefined && holds(link, address) ? address : usableAddresses(link, family)[0];
  if (usable === undefined) return { why: `${why}, but it has no usable IPv${family} address` };
  if (link.mtu === 0) return { why: `${why}, but its MTU is 0` };
  return { picked: { link, address: usable }, why };
}

interface Completion extends Picked {
  readonly family: Family;
  readonly publicIp: Address | undefined;
}

/** A public address that the interface has is also what packets are sent from. */
function complete({ link, address, family, publicIp }: Completion): External {
  return {
    family,
    dev: link.name,
    index: link.index,
    mtu: link.mtu,
    address: publicIp !== undefined && holds(link, publicIp) ? publicIp : address,
    publicIp: publicIp ?? address,
    onLink: onLinkPrefixes(link, family),
  };
}

interface Doubtful {
  readonly facts: HostFacts;
  readonly link: HostLink;
  readonly external: External;
  /** The user chose the interface, so that a foreign public address is meant. */
  readonly asked: boolean;
}

function doubts({ facts, link, external, asked }: Doubtful): Warning[] {
  const { dev, address, publicIp, family } = external;
  const warnings: Warning[] = [];
  if (!link.up) {
    warnings.push({ code: 'W_IFACE_DOWN', message: `${dev} is down`, hint: `Bring it up: ip link set ${dev} up` });
  }
  const holder = publicIp === address ? undefined : facts.links.find((candidate) => holds(candidate, publicIp));
  if (holder !== undefined) {
    warnings.push({
      code: 'W_PUBLIC_IP_ELSEWHERE',
      message: `${publicIp} is advertised, but is on ${holder.name}, while packets leave from ${address} on ${dev}`,
      hint: `Give --iface ${holder.name} to use it for both.`,
    });
  } else if (publicIp !== address && !asked) {
    warnings.push({
      code: 'W_PUBLIC_IP_NOT_LOCAL',
      message: `${publicIp} is advertised, but no interface has it; packets leave from ${address} on ${dev}`,
      hint: `If it is that of a 1:1 NAT, say --iface ${dev} as well; else correct it.`,
    });
  }
  if (isLinkLocal(publicIp)) {
    warnings.push({
      code: 'W_PUBLIC_IP_LINK_LOCAL',
      message: `${publicIp} on ${dev} is link-local: only nodes on the same link can reach it`,
      hint: `Give ${dev} a global IPv${family} address, or choose another interface.`,
    });
  }
  return warnings;
}

interface Failure {
  readonly facts: HostFacts;
  readonly family: Family;
  readonly explanation: readonly Explanation[];
}

function noInterface({ facts, family, explanation }: Failure): FlanError {
  const tried = explanation.map(({ rule, dev, why }) => `${rule}: ${dev === undefined ? '' : `${dev}: `}${why}`);
  const there = facts.links.map(
    ({ name, addresses }) => `${name} (${addresses.map(({ address }) => address).join(', ') || 'no address'})`,
  );
  return new FlanError(
    'E_IFACE',
    `no interface for IPv${family} traffic between nodes: ${tried.join('; ')}. Interfaces here: ${there.join(', ')}`,
    { hint: 'Name one that has an address other nodes can reach: --iface NAME or --iface ADDRESS.' },
  );
}
