import { type Key, type Kind, keyOf } from '../planner/kind.js';
import { linkKey } from './link.js';

/**
 * What makes a link of WireGuard's one end of tunnels: its key, of which only the public half is ever in a resource, and
 * its UDP port. A device without a key counts as absent. @see wg(8) `wg set`
 */
export interface WireguardDevice {
  readonly kind: 'wireguard-device';
  readonly dev: string;
  /** Base64. The driver reads the private half from its file at the moment it sets it. */
  readonly publicKey: string;
  readonly listenPort: number;
  /** Mark on the outer packets; flan sets none. */
  readonly firewallMark: number;
  /** Whether the link is ours: WireGuard has no mark of its own. */
  readonly onOwnLink: boolean;
}

export const wireguardDeviceKey = (dev: string): Key => keyOf('wireguard-device', dev);

export const wireguardDeviceKind: Kind<WireguardDevice> = {
  kind: 'wireguard-device',
  rank: 12,
  key: ({ dev }) => wireguardDeviceKey(dev),
  fields: ['publicKey', 'listenPort', 'firewallMark'],
  inPlace: ['publicKey', 'listenPort', 'firewallMark'],
  needs: ({ dev }) => [linkKey(dev)],
  owns: ({ onOwnLink }) => onOwnLink,
  describe: ({ publicKey, listenPort, firewallMark }) =>
    `public key ${publicKey} listen port ${listenPort}${firewallMark === 0 ? '' : ` fwmark ${firewallMark}`}`,
};
