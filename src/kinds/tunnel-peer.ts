import type { Address, Prefix } from '../model/ip.js';
import { type Key, type Kind, keyOf } from '../planner/kind.js';
import { tunnelDeviceKey } from './tunnel-device.js';

/** Where the packets for one subnet go; and who alone may send packets from it. */
export interface TunnelPeer {
  readonly kind: 'tunnel-peer';
  readonly dev: string;
  readonly subnet: Prefix;
  /** The peer's address on the underlay. */
  readonly endpoint: Address;
  /** Its UDP port. */
  readonly port: number;
}

export const tunnelPeerKey = ({ dev, subnet }: Pick<TunnelPeer, 'dev' | 'subnet'>): Key =>
  keyOf('tunnel-peer', dev, subnet);

export const tunnelPeerKind: Kind<TunnelPeer> = {
  kind: 'tunnel-peer',
  rank: 40,
  key: tunnelPeerKey,
  fields: ['endpoint', 'port'],
  inPlace: ['endpoint', 'port'],
  needs: ({ dev }) => [tunnelDeviceKey(dev)],
  // Lives in a process of ours and nowhere else.
  owns: () => true,
  describe: ({ endpoint, port }) => `to ${endpoint} port ${port}`,
};
