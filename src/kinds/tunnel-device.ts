import type { Address } from '../model/ip.js';
import { type Key, type Kind, keyOf } from '../planner/kind.js';
import { isOwnAlias } from './link.js';

/**
 * The process side of a TUN device: somebody has it open and carries its packets over UDP. The device as the kernel
 * shows it (MTU, state, our mark) is the link of the same name.
 */
export interface TunnelDevice {
  readonly kind: 'tunnel-device';
  readonly name: string;
  /** `idle`: the device is there, and nobody carries its packets. */
  readonly state: 'running' | 'idle';
  /** UDP port of this node. */
  readonly port: number;
  /** Where it is received on and sent from, IPv4 first. */
  readonly addresses: readonly Address[];
  /** Threads; what a running one has stays until the next start. */
  readonly queues: number;
  /** The mark of the link. */
  readonly alias: string;
}

/** The one that there is: flannel asks the kernel for `flannel%d`. */
export const TUNNEL_DEVICE = 'flannel0';

export const tunnelDeviceKey = (name: string): Key => keyOf('tunnel-device', name);

export const tunnelDeviceKind: Kind<TunnelDevice> = {
  kind: 'tunnel-device',
  // Before the link: it makes the device, which then has its MTU and state set like any other link.
  rank: 5,
  key: ({ name }) => tunnelDeviceKey(name),
  fields: ['state', 'port', 'addresses'],
  inPlace: ['state', 'port', 'addresses'],
  needs: () => [],
  owns: ({ alias }, ownership) => isOwnAlias(alias, ownership),
  describe: ({ state, port, addresses }) =>
    state === 'idle' ? 'idle' : `udp ${addresses.map((a) => (a.includes(':') ? `[${a}]` : a)).join(' ')} port ${port}`,
};
