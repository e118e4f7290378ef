import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { WireguardChange } from '../../../src/drivers/wireguard/transport.js';
import { endpointFrom, errnoOf, setText, stateFrom } from '../../../src/drivers/wireguard/uapi.js';
import { endpointText } from '../../../src/kinds/wireguard-peer.js';
import { parsePrefix } from '../../../src/model/ip.js';
import { address as addressOfFamily } from '../../netlink/wire/arbitrary.js';

const address = fc.oneof(addressOfFamily(4), addressOfFamily(6));
const secret = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const name = (n: number): string => Buffer.from(secret(n)).toString('base64');
const publicKeyOf = (bytes: Uint8Array): string => `public half of ${bytes[0]}`;

it('an endpoint reads back as it was written', () => {
  fc.assert(
    fc.property(address, fc.integer({ min: 1, max: 65_535 }), (ip, port) => {
      expect(endpointFrom(endpointText(ip, port))).toEqual({ address: ip, port });
    }),
  );
});

it.each(['', 'nonsense', '1.2.3.4', '1.2.3:5', undefined])('%j is no endpoint', (text) => {
  expect(endpointFrom(text)).toBeUndefined();
});

it('an endpoint with a zone is one without', () => {
  expect(endpointFrom('[fe80::1%eth0]:7')).toEqual({ address: 'fe80::1', port: 7 });
});

it('a change is written as the protocol says, peers after the device', () => {
  const change: WireguardChange = {
    privateKey: secret(1),
    listenPort: 51820,
    peers: [
      { publicKey: name(2), remove: true },
      { publicKey: name(3), presharedKey: secret(0), keepaliveSeconds: 0, allowedIps: [parsePrefix('10.244.3.0/24')] },
    ],
  };
  expect(setText(change).split('\n')).toEqual([
    'set=1',
    `private_key=${'01'.repeat(32)}`,
    'listen_port=51820',
    `public_key=${'02'.repeat(32)}`,
    'remove=true',
    `public_key=${'03'.repeat(32)}`,
    `preshared_key=${'00'.repeat(32)}`,
    'persistent_keepalive_interval=0',
    'replace_allowed_ips=true',
    'allowed_ip=10.244.3.0/24',
    '',
    '',
  ]);
});

it('an answer is complete when its errno is there', () => {
  expect(errnoOf('listen_port=1\nerrno=0\n')).toBeUndefined();
  expect(errnoOf('listen_port=1\nerrno=0\n\n')).toBe(0);
  expect(errnoOf('errno=-98\n\n')).toBe(-98);
});

it('a device is read without its secrets', () => {
  const answer = [
    `private_key=${'07'.repeat(32)}`,
    'listen_port=51820',
    'fwmark=5',
    `public_key=${'02'.repeat(32)}`,
    `preshared_key=${'09'.repeat(32)}`,
    'protocol_version=1',
    'endpoint=[fd00::2]:51821',
    'last_handshake_time_sec=100',
    'last_handshake_time_nsec=500000000',
    'tx_bytes=11',
    'rx_bytes=12',
    'persistent_keepalive_interval=25',
    'allowed_ip=10.244.2.0/24',
    'allowed_ip=fd00:10:244:2::/64',
    `public_key=${'03'.repeat(32)}`,
    `preshared_key=${'00'.repeat(32)}`,
    'errno=0',
    '',
    '',
  ].join('\n');
  const state = stateFrom('flannel-wg', { answer, publicKeyOf });
  expect(state).toEqual({
    dev: 'flannel-wg',
    publicKey: 'public half of 7',
    listenPort: 51820,
    firewallMark: 5,
    peers: [
      {
        publicKey: name(2),
        presharedKey: expect.stringMatching(/^sha256:[0-9a-f]{8}$/),
        endpoint: { address: 'fd00::2', port: 51821 },
        keepaliveSeconds: 25,
        allowedIps: ['10.244.2.0/24', 'fd00:10:244:2::/64'],
        lastHandshakeMs: 100_500,
        receivedBytes: 12,
        sentBytes: 11,
      },
      { publicKey: name(3), presharedKey: 'none', keepaliveSeconds: 0, allowedIps: [], receivedBytes: 0, sentBytes: 0 },
    ],
  });
  expect(JSON.stringify(state)).not.toMatch(/(07){4}|(09){4}/);
});

it('a device without a key has no public one', () => {
  const answer = `private_key=${'00'.repeat(32)}\nlisten_port=0\nerrno=0\n\n`;
  expect(stateFrom('wg0', { answer, publicKeyOf })).not.toHaveProperty('publicKey');
  expect(stateFrom('wg0', { answer: 'listen_port=0\nerrno=0\n\n', publicKeyOf })).not.toHaveProperty('publicKey');
});
