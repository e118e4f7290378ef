import { createHash } from 'node:crypto';
import { ipsec } from '../backends/ipsec.js';
import { type IpsecSecret, pskName } from '../kinds/ipsec-secret.js';
import { presharedKeyName, type WireguardPeer, wireguardKeyBytes } from '../kinds/wireguard-peer.js';
import type { Network } from '../model/network.js';
import type { Resource } from '../planner/kind.js';

/** Options of a backend that are secrets, in small letters. */
const SECRET_OPTIONS: ReadonlySet<string> = new Set(['psk', 'accesskeysecret']);

/**
 * A network config fit to be given away: its secret options are replaced by images of them. An image is a key like the
 * real one, the same for the same secret, and leads back to it only by trying 2^256 of them.
 */
export const networkWithoutSecrets = (network: Network): Network => ({
  ...network,
  backend: {
    ...network.backend,
    options: Object.fromEntries(
      Object.entries(network.backend.options).map(([name, value]) => [
        name,
        typeof value === 'string' && SECRET_OPTIONS.has(name.toLowerCase()) ? imageFor(network, value) : value,
      ]),
    ),
  },
});

const isIpsec = ({ backend }: Network): boolean => backend.type === ipsec.type;

const imageFor = (network: Network, secret: string): string =>
  isIpsec(network) ? imageOfText(secret) : imageOf(secret);

/** Of a text of at least 96 characters, one of 128. */
const imageOfText = (secret: string): string =>
  createHash('sha512').update('flan snapshot\n').update(secret).digest('hex');

/** Something that is no key is no secret of that strength, and left as a word that says so. */
function imageOf(secret: string): string {
  const bytes = wireguardKeyBytes(secret);
  // All zeroes is how WireGuard says that there is none.
  if (bytes?.every((byte) => byte === 0)) return secret;
  return bytes === undefined ? '' : createHash('sha256').update('flan snapshot\n').update(bytes).digest('base64');
}

/** What was observed, in terms of the images: a peer with the network's key is one with its image. */
export const resourceWithoutSecrets = (network: Network): ((resource: Resource) => Resource) =>
  renamed(secretNames(network));

/** The way back, for whoever has the network config with its secrets. */
export const resourceWithSecrets = (network: Network): ((resource: Resource) => Resource) =>
  renamed(secretNames(network).map(([real, image]) => [image, real]));

const renamed = (names: readonly (readonly [from: string, to: string])[]): ((resource: Resource) => Resource) => {
  const known = new Map(names);
  return (resource) => {
    if (resource.kind === 'wireguard-peer') {
      const peer = resource as WireguardPeer;
      return { ...peer, presharedKey: known.get(peer.presharedKey) ?? peer.presharedKey } as Resource;
    }
    if (resource.kind === 'ipsec-secret') {
      const secret = resource as IpsecSecret;
      return { ...secret, psk: known.get(secret.psk) ?? secret.psk } as Resource;
    }
    return resource;
  };
};

const secretNames = (network: Network): (readonly [real: string, image: string])[] =>
  Object.entries(network.backend.options).flatMap(([name, value]) =>
    typeof value === 'string' && SECRET_OPTIONS.has(name.toLowerCase())
      ? [[nameFor(network, value), nameFor(network, imageFor(network, value))] as const]
      : [],
  );

const nameFor = (network: Network, key: string): string =>
  isIpsec(network) ? pskName(key) : presharedKeyName(wireguardKeyBytes(key));
