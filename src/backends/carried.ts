import { FlanError } from '../errors.js';
import { familiesOf, type Network } from '../model/network.js';
import type { Warning } from '../model/warning.js';
import type { Backend } from './backend.js';

export interface Carried {
  readonly network: Network;
  readonly warnings: readonly Warning[];
}

/**
 * The families of a network that a backend carries. The others are switched off, as flannel does it: no subnet of theirs
 * is leased, so that no pod gets an address that leads nowhere.
 * @throws {FlanError} E_BACKEND when nothing is left
 */
export function carriedBy({ type, families }: Pick<Backend, 'type' | 'families'>, network: Network): Carried {
  const lost = familiesOf(network).filter((family) => !families.includes(family));
  if (lost.length === 0) return { network, warnings: [] };
  const carried = families.map((family) => `IPv${family}`).join(' and ');
  const { ipv4, ipv6, ...rest } = network;
  const left = {
    ...rest,
    ...(ipv4 && families.includes(4) && { ipv4 }),
    ...(ipv6 && families.includes(6) && { ipv6 }),
  };
  if (familiesOf(left).length === 0) {
    throw new FlanError('E_BACKEND', `${type} carries ${carried} only, and the network has none of that`, {
      hint: `Give the network an ${carried} part, or choose a backend that carries IPv${lost.join(' and IPv')}: vxlan, wireguard, host-gw.`,
    });
  }
  const message = `${type} carries ${carried} only: the network's IPv${lost.join(' and IPv')} part is left alone, and no subnet of it is leased`;
  return {
    network: left,
    warnings: [
      { code: 'W_FAMILY_NOT_CARRIED', message, hint: 'Choose vxlan, wireguard or host-gw for both families.' },
    ],
  };
}
