import { describe, expect, it } from 'vitest';
import { type BackendContext, overlayMtu } from '../../src/backends/backend.js';
import { type WireguardOptions, wireguard } from '../../src/backends/wireguard.js';
import { decodeNetwork } from '../../src/config/network.js';
import type { FlanError } from '../../src/errors.js';
import type { WireguardPeer } from '../../src/kinds/wireguard-peer.js';
import type { External } from '../../src/model/facts.js';
import { type Family, parseAddress, parsePrefix } from '../../src/model/ip.js';
import type { Json, JsonObject } from '../../src/model/json.js';
import { type Lease, type LeaseStack, leaseKey } from '../../src/model/lease.js';

const { network } = decodeNetwork(
  { EnableIPv6: true, Network: '10.244.0.0/16', IPv6Network: 'fd00:10:244::/48', Backend: { Type: 'wireguard' } },
  'test',
);
const key = (n: number): string => Buffer.alloc(32, n).toString('base64');
const [OURS, THEIRS] = [key(1), key(2)];

const external = (family: Family, change: Partial<External> = {}): External => {
  const address = parseAddress(family === 4 ? '192.168.10.1' : '2001:db8::1');
  return { family, dev: 'eth0', index: 2, mtu: 1500, address, publicIp: address, onLink: [], ...change };
};

const context = (
  backend: JsonObject = {},
  externals: readonly External[] = [external(4), external(6)],
): BackendContext<WireguardOptions> => ({
  ...{ network, identity: { node: 'node-a', nodeId: 'id-a' }, own: undefined, protocol: 70 },
  ...{ alias: 'flan', links: [], lookup: () => undefined, publicKey: OURS },
  options: wireguard.options(backend),
  external: Object.fromEntries(externals.map((one) => [one.family, one])),
});

interface Half {
  readonly ip?: string;
  readonly data?: Json;
}

function lease({ v4, v6 }: { readonly v4?: Half; readonly v6?: Half }): Lease {
  const half = (subnet: string, { ip, data }: Half): LeaseStack => ({
    subnet: parsePrefix(subnet),
    ...(ip !== undefined && { publicIp: parseAddress(ip) }),
    ...(data !== undefined && { backendData: data }),
  });
  const halves = {
    ...(v4 && { ipv4: half('10.244.2.0/24', v4) }),
    ...(v6 && { ipv6: half('fd00:10:244:2::/64', v6) }),
  };
  const subnets = {
    ...(halves.ipv4 && { ipv4: halves.ipv4.subnet }),
    ...(halves.ipv6 && { ipv6: halves.ipv6.subnet }),
  };
  return { key: leaseKey(subnets), node: 'node-b', backendType: 'wireguard', ...halves };
}

const data = (port?: number): Json => ({ PublicKey: THEIRS, ...(port !== undefined && { Port: port }) });
const peersOf = (ctx: BackendContext<WireguardOptions>, one: Lease) =>
  (wireguard.peer(ctx, one) as readonly WireguardPeer[]).map(({ dev, endpoint, allowedIps }) => [
    dev,
    endpoint,
    allowedIps,
  ]);

describe('backend wireguard', () => {
  it('publishes what flannel does', () => {
    expect(wireguard.advertise(context())).toEqual({
      4: { PublicKey: OURS, Port: 51820 },
      6: { PublicKey: OURS, Port: 51821 },
    });
  });

  it('publishes the port that it listens on where one device serves both families', () => {
    const { 6: v6 } = wireguard.advertise(context({ Mode: 'auto', ListenPort: 4500 }));
    expect(v6).toEqual({ PublicKey: OURS, Port: 4500 });
  });

  it('shows a key that there is not yet as known after apply', () => {
    const { publicKey: _, ...without } = context();
    expect(JSON.stringify([wireguard.advertise(without), wireguard.local(without)])).toContain('(known after apply)');
  });

  it('leaves 80 bytes, of the underlay that the options name', () => {
    expect(overlayMtu(wireguard, context())).toBe(1420);
    expect(overlayMtu(wireguard, context({ MTU: 1400 }))).toBe(1320);
    expect(overlayMtu(wireguard, context({}, [external(4), external(6, { mtu: 1450 })]))).toBe(1370);
  });

  const both = { v4: { ip: '10.0.0.2', data: data(1) }, v6: { ip: '2001:db8::2', data: data(2) } };
  const inside = '10.244.2.0/24,fd00:10:244:2::/64';
  const separate = (...halves: readonly (readonly string[])[]) => halves;
  it.each([
    [
      'separate',
      {},
      both,
      separate(
        ['flannel-wg', '10.0.0.2:1', '10.244.2.0/24'],
        ['flannel-wg-v6', '[2001:db8::2]:2', 'fd00:10:244:2::/64'],
      ),
    ],
    [
      'no port: our own',
      {},
      { v4: { ip: '10.0.0.2', data: data() } },
      separate(['flannel-wg', '10.0.0.2:51820', '10.244.2.0/24']),
    ],
    [
      'port 0: our own',
      { ListenPortV6: 9 },
      { v6: { ip: '2001:db8::2', data: data(0) } },
      separate(['flannel-wg-v6', '[2001:db8::2]:9', 'fd00:10:244:2::/64']),
    ],
    ['auto, private IPv4 and global IPv6', { Mode: 'auto' }, both, separate(['flannel-wg', '[2001:db8::2]:1', inside])],
    [
      'auto, public IPv4',
      { Mode: 'auto' },
      { ...both, v4: { ip: '198.51.100.2', data: data(1) } },
      separate(['flannel-wg', '198.51.100.2:1', inside]),
    ],
    [
      'auto, unique local IPv6',
      { Mode: 'auto' },
      { ...both, v6: { ip: 'fd00::2', data: data(2) } },
      separate(['flannel-wg', '10.0.0.2:1', inside]),
    ],
    [
      'auto, no IPv6 address',
      { Mode: 'auto' },
      { ...both, v6: { data: data(2) } },
      separate(['flannel-wg', '10.0.0.2:1', inside]),
    ],
    ['ipv4', { Mode: 'ipv4' }, both, separate(['flannel-wg', '10.0.0.2:1', inside])],
    ['ipv6', { Mode: 'IPv6' }, both, separate(['flannel-wg', '[2001:db8::2]:1', inside])],
    [
      'the port that flanneld gets wrong',
      { Mode: 'ipv6' },
      { v6: { ip: '2001:db8::2', data: data(51821) } },
      separate(['flannel-wg', '[2001:db8::2]:51820', 'fd00:10:244:2::/64']),
    ],
    [
      'names in any case',
      {},
      { v4: { ip: '10.0.0.2', data: { publickey: THEIRS, PORT: 7 } } },
      separate(['flannel-wg', '10.0.0.2:7', '10.244.2.0/24']),
    ],
  ] as const)('reaches a peer: %s', (_, options, half, expected) => {
    expect(peersOf(context(options), lease(half))).toEqual(expected);
  });

  it.each([
    ['W_PEER_NO_KEY', {}, { v4: { ip: '10.0.0.2' } }, 0],
    ['W_PEER_NO_KEY', {}, { v4: { ip: '10.0.0.2', data: { PublicKey: 'short' } } }, 0],
    ['W_PEER_SAME_KEY', {}, { v4: { ip: '10.0.0.2', data: { PublicKey: OURS } } }, 0],
    ['W_PEER_NO_ENDPOINT', { Mode: 'ipv6' }, { v4: { ip: '10.0.0.2', data: data(1) } }, 1],
  ] as const)('says %s', (code, options, half, peers) => {
    expect(wireguard.checkPeer(context(options), lease(half)).map((warning) => warning.code)).toEqual([code]);
    expect(peersOf(context(options), lease(half))).toHaveLength(peers);
  });

  it('has nothing to say of a peer that is fine', () => {
    expect(wireguard.checkPeer(context(), lease(both))).toEqual([]);
  });

  const thrown = (act: () => unknown): FlanError => {
    try {
      act();
    } catch (error) {
      return error as FlanError;
    }
    throw new Error('nothing was thrown');
  };
  it.each([
    ['E_BACKEND', { Mode: 'ipv6' }, [external(4)]],
    ['E_BACKEND', { ListenPort: 51821 }, [external(4), external(6)]],
    ['E_BACKEND', {}, [external(4), external(6, { mtu: 1300 })]],
  ] as const)('refuses what cannot work: %s', (code, options, externals) => {
    expect(thrown(() => wireguard.check(context(options, externals))).code).toBe(code);
  });

  it('refuses a preshared key that is none, without telling it', () => {
    const error = thrown(() => wireguard.options({ PSK: 'nearly-a-secret' }));
    expect(error.code).toBe('E_NETWORK_CONFIG');
    expect(error.message).not.toContain('nearly-a-secret');
  });

  it('refuses a mode that flannel has not', () => {
    expect(thrown(() => wireguard.options({ Mode: 'both' })).message).toContain('Backend.Mode');
  });

  it('puts no secret into a resource', () => {
    const secret = key(9);
    const text = JSON.stringify(wireguard.peer(context({ PSK: secret }), lease(both)));
    expect(text).toMatch(/"presharedKey":"sha256:[0-9a-f]{8}"/);
    expect(text).not.toContain(secret);
  });
});
