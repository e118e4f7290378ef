import { createHash } from 'node:crypto';
import { type Address, comparePrefixes, familyOf, type Prefix } from '../model/ip.js';
import { type Key, type Kind, keyOf } from '../planner/kind.js';
import { linkKey } from './link.js';
import { wireguardDeviceKey } from './wireguard-device.js';

/** Another end that a WireGuard device talks to. @see wg(8) `wg set … peer` */
export interface WireguardPeer {
  readonly kind: 'wireguard-peer';
  readonly dev: string;
  /** Base64; the device tells its peers apart by nothing else. */
  readonly publicKey: string;
  /** `192.168.10.2:51820` or `[fd00::2]:51820`; absent until a peer that published none has sent something. */
  readonly endpoint?: string;
  /** What may come from the peer and goes to it, sorted, with commas: each prefix has one peer per device. */
  readonly allowedIps: string;
  /** 0: never. */
  readonly keepaliveSeconds: number;
  /** `none`, or what tells one preshared key from another and is not the key. */
  readonly presharedKey: string;
  /** Whether the link is ours. */
  readonly onOwnLink: boolean;
}

const WIREGUARD_KEY_BYTES = 32;

/** The 32 bytes of a key in base64; undefined when the text is not one. */
export function wireguardKeyBytes(text: string): Uint8Array | undefined {
  const value = Buffer.from(text, 'base64');
  return value.length === WIREGUARD_KEY_BYTES && value.toString('base64') === text ? value : undefined;
}

/** Tells preshared keys apart without telling what they are: 32 bits of a hash cannot be turned back into 256. */
export const presharedKeyName = (secret: Uint8Array | undefined): string =>
  secret === undefined || secret.every((byte) => byte === 0)
    ? 'none'
    : `sha256:${createHash('sha256').update('flan preshared key').update(secret).digest('hex').slice(0, 8)}`;

export const endpointText = (address: Address, port: number): string =>
  familyOf(address) === 4 ? `${address}:${port}` : `[${address}]:${port}`;

type PeerInit = Omit<WireguardPeer, 'kind' | 'allowedIps'> & { readonly allowedIps: readonly Prefix[] };

export const wireguardPeer = ({ allowedIps, ...init }: PeerInit): WireguardPeer => ({
  kind: 'wireguard-peer',
  ...init,
  allowedIps: [...allowedIps].sort(comparePrefixes).join(','),
});

export const allowedIpsOf = ({ allowedIps }: WireguardPeer): Prefix[] =>
  allowedIps === '' ? [] : (allowedIps.split(',') as Prefix[]);

export const wireguardPeerKey = (dev: string, publicKey: string): Key => keyOf('wireguard-peer', dev, publicKey);

export const wireguardPeerKind: Kind<WireguardPeer> = {
  kind: 'wireguard-peer',
  // Before the routes, so that no packet comes to a device that does not know where to send it.
  rank: 45,
  readByName: true,
  key: ({ dev, publicKey }) => wireguardPeerKey(dev, publicKey),
  fields: ['endpoint', 'allowedIps', 'keepaliveSeconds', 'presharedKey'],
  inPlace: ['endpoint', 'allowedIps', 'keepaliveSeconds', 'presharedKey'],
  optional: ['endpoint'],
  needs: ({ dev }) => [linkKey(dev), wireguardDeviceKey(dev)],
  owns: ({ onOwnLink }) => onOwnLink,
  describe: ({ endpoint, allowedIps, keepaliveSeconds, presharedKey }) =>
    [
      endpoint === undefined ? '' : `endpoint ${endpoint}`,
      `allowed ips ${allowedIps}`,
      keepaliveSeconds === 0 ? '' : `keepalive ${keepaliveSeconds} s`,
      presharedKey === 'none' ? '' : 'with preshared key',
    ]
      .filter((word) => word !== '')
      .join(' '),
};
