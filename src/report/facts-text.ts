import type { Explanation } from '../host/external.js';
import type { External, HostFacts, HostLink, Identity } from '../model/facts.js';
import type { Family } from '../model/ip.js';
import { type Paint, plain } from './paint.js';
import { table } from './table.js';

export interface FactsView {
  readonly identity: Identity;
  readonly facts: HostFacts;
  readonly external: Readonly<Partial<Record<Family, External>>>;
  readonly explanation: readonly Explanation[];
}

const addressWords = ({ addresses }: HostLink): string =>
  addresses.map(({ address, len }) => `${address}/${len}`).join(' ');

/** What this host is, which interface carries the overlay, and why the others do not. */
export function factsText({ identity, facts, external, explanation }: FactsView, paint: Paint = plain): string {
  const links = facts.links.map((link) => [
    link.name,
    link.up ? 'up' : 'down',
    `mtu ${link.mtu}`,
    link.kind ?? '',
    addressWords(link),
  ]);
  const routes = facts.defaultRoutes.map(({ family, dev, via, metric }) => [
    `ipv${family}`,
    `dev ${dev}`,
    via === undefined ? '' : `via ${via}`,
    `metric ${metric}`,
  ]);
  const colourOf = { picked: paint.green, lost: paint.yellow, 'no match': paint.dim } as const;
  const rules = explanation.map(({ family, rule, dev = '-', verdict, why }) => [
    `ipv${family}`,
    rule,
    dev,
    colourOf[verdict](verdict),
    why,
  ]);
  // Behind a translation (1:1 NAT) peers know another address than the one that packets leave from.
  const chosen = Object.values(external).map(({ family, dev, address, publicIp }) => [
    `ipv${family}`,
    `dev ${dev}`,
    `sends from ${address}`,
    `peers use ${publicIp}`,
  ]);
  return [
    `node ${paint.bold(identity.node)}  id ${identity.nodeId}\n`,
    paint.bold('interfaces'),
    table(links),
    paint.bold('default routes'),
    routes.length === 0 ? '  none\n' : table(routes),
    paint.bold('external interface'),
    table(chosen),
    paint.bold('why'),
    table(rules),
  ].join('\n');
}
