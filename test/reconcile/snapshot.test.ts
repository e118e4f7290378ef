import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { presharedKeyName, wireguardPeer } from '../../src/kinds/wireguard-peer.js';
import { parsePrefix } from '../../src/model/ip.js';
import type { Network } from '../../src/model/network.js';
import {
  networkWithoutSecrets,
  resourceWithoutSecrets,
  resourceWithSecrets,
} from '../../src/reconcile/network-without-secrets.js';

const networkWith = (options: Network['backend']['options']): Network => ({
  nftables: false,
  backend: { type: 'wireguard', options },
});

const peerWith = (presharedKey: string) =>
  wireguardPeer({
    ...{ dev: 'flannel-wg', publicKey: 'A', keepaliveSeconds: 0, onOwnLink: true, presharedKey },
    allowedIps: [parsePrefix('10.244.2.0/24')],
  });

describe('a network config without secrets', () => {
  const secret = randomBytes(32);
  const network = networkWith({ psk: secret.toString('base64'), ListenPort: 51820 });
  const redacted = networkWithoutSecrets(network);

  it('has an image in the place of a key, and everything else as it was', () => {
    const image = String(redacted.backend.options.psk);
    expect(JSON.stringify(redacted)).not.toContain(secret.toString('base64'));
    expect(Buffer.from(image, 'base64')).toHaveLength(32);
    expect(redacted).toEqual(networkWith({ psk: image, ListenPort: 51820 }));
    expect(networkWithoutSecrets(network)).toEqual(redacted);
    expect(networkWithoutSecrets(networkWith({ PSK: 'no key' })).backend.options.PSK).toBe('');
  });

  it('names peers by the image, and leads back for who has the key', () => {
    const peer = peerWith(presharedKeyName(secret));
    const away = resourceWithoutSecrets(network)(peer);
    const image = Buffer.from(String(redacted.backend.options.psk), 'base64');
    expect(away).toEqual(peerWith(presharedKeyName(image)));
    expect(resourceWithSecrets(network)(away)).toEqual(peer);
    expect(resourceWithoutSecrets(network)(peerWith('sha256:other'))).toEqual(peerWith('sha256:other'));
  });
});
