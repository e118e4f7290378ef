import { describe, expect, it } from 'vitest';
import type { BackendContext } from '../../src/backends/backend.js';
import { type IpsecOptions, ipsec } from '../../src/backends/ipsec.js';
import { kinds } from '../../src/kinds/index.js';
import { childName, connectionName, endsOf, hiddenIn, type IpsecConnection } from '../../src/kinds/ipsec-connection.js';
import { type IpsecSecret, pskName, secretId, secretOf } from '../../src/kinds/ipsec-secret.js';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import type { Lease, LeaseKey } from '../../src/model/lease.js';

const PSK = '0123456789abcdef'.repeat(6);

const lease = (n: number, publicIp = `192.168.10.${n}`): Lease => ({
  key: `10.244.${n}.0-24` as LeaseKey,
  node: `node-${n}`,
  backendType: 'ipsec',
  ipv4: { subnet: parsePrefix(`10.244.${n}.0/24`), publicIp: parseAddress(publicIp) },
});

const context = (raw: object = {}, publicIp = '192.168.10.1', mtu = 1500): BackendContext<IpsecOptions> => ({
  network: {
    nftables: false,
    ipv4: { network: parsePrefix('10.244.0.0/16') } as never,
    backend: { type: 'ipsec', options: {} },
  },
  options: ipsec.options({ PSK, ...raw }),
  identity: { node: 'node-1', nodeId: 'id-1' },
  external: {
    4: {
      family: 4,
      dev: 'eth0',
      index: 2,
      mtu,
      address: parseAddress('192.168.10.1'),
      publicIp: parseAddress(publicIp),
      onLink: [],
    },
  },
  own: lease(1, publicIp),
  protocol: 70,
  alias: 'flan',
  links: [],
  lookup: () => undefined,
});

const connectionTo = (about: BackendContext<IpsecOptions>, peer: Lease): IpsecConnection | undefined =>
  ipsec.peer(about, peer).find((one) => one.kind === 'ipsec-connection') as IpsecConnection | undefined;

describe('options of backend ipsec', () => {
  it('are flannel’s, with flannel’s defaults', () => {
    expect(ipsec.options({ PSK })).toEqual({
      psk: PSK,
      udpEncap: false,
      espProposal: 'aes128gcm16-sha256-prfsha256-ecp256',
    });
    expect(ipsec.options({ psk: PSK, udpencap: true, espproposal: 'aes256gcm16-x25519' })).toEqual({
      psk: PSK,
      udpEncap: true,
      espProposal: 'aes256gcm16-x25519',
    });
  });

  it.each([
    ['no key', {}],
    ['an empty key', { PSK: '' }],
    ['a key that is too short', { PSK: PSK.slice(1) }],
    ['a key that is no text', { PSK: 7 }],
    ['several proposals', { PSK, ESPProposal: 'aes128gcm16,aes256gcm16' }],
    ['what would be read as more than a proposal', { PSK, ESPProposal: 'aes128; x' }],
    ['UDPEncap that is no truth value', { PSK, UDPEncap: 'yes' }],
  ])('with %s are refused, and the key is not repeated', (_what, raw) => {
    const refusal = (() => {
      try {
        ipsec.options(raw);
        return undefined;
      } catch (error) {
        return error as Error & { code: string };
      }
    })();
    expect(refusal).toMatchObject({ code: 'E_NETWORK_CONFIG' });
    expect(refusal?.message).not.toContain(PSK.slice(1));
  });
});

describe('backend ipsec', () => {
  it('takes from the MTU what flannel takes', () => {
    expect(ipsec.overheadBytes(context(), 4)).toBe(77);
    expect(ipsec.overheadBytes(context({ UDPEncap: true }), 4)).toBe(85);
    expect(() => ipsec.check(context({}, '192.168.10.1', 140))).toThrow('leaves an MTU of 63');
    expect(ipsec.check(context({}, '192.168.10.1', 145))).toEqual([]);
  });

  it('publishes nothing but its type', () => {
    expect(ipsec.advertise(context())).toEqual({});
    expect(ipsec.publishedType).toBe('ipsec');
  });

  it('names connections and their children as flannel does, with a mark and what charon does not tell', () => {
    const connection = connectionTo(context({ UDPEncap: true }), lease(2));
    expect(connection).toBeDefined();
    if (connection === undefined) return;
    expect(connectionName(connection)).toBe('flan:192.168.10.1-10.244.1.0/24-10.244.2.0/24-192.168.10.2');
    expect(kinds.key(connection)).toBe('ipsec-connection/192.168.10.1-10.244.1.0/24-10.244.2.0/24-192.168.10.2');
    expect(childName(connection)).toBe('10.244.1.0/24-10.244.2.0/24;aes128gcm16-sha256-prfsha256-ecp256;udp');
    expect(hiddenIn(childName(connection))).toEqual({
      espProposal: 'aes128gcm16-sha256-prfsha256-ecp256',
      encapsulation: 'always',
    });
    expect(endsOf(connectionName(connection))).toMatchObject({ remotePublicIp: '192.168.10.2', mark: 'flan' });
    expect(endsOf(connectionName({ ...connection, mark: 'none' }))).toMatchObject({ mark: 'none' });
    expect(['road-warrior', 'a-b-c-d', 'flan:', 'flan:192.168.10.1-x'].map(endsOf)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('is behind NAT known by its public address', () => {
    expect(connectionTo(context({}, '203.0.113.9'), lease(2))).toMatchObject({
      localAddress: '192.168.10.1',
      localPublicIp: '203.0.113.9',
    });
  });

  it('does not connect to its own address', () => {
    expect(ipsec.peer(context(), lease(2, '192.168.10.1'))).toEqual([]);
    expect(ipsec.checkPeer(context(), lease(2, '192.168.10.1'))).toMatchObject([{ code: 'W_PEER_SAME_ADDRESS' }]);
    expect(ipsec.checkPeer(context(), lease(2))).toEqual([]);
  });

  it('waits for its own subnet', () => {
    expect(ipsec.peer({ ...context(), own: undefined }, lease(2))).toEqual([]);
    expect(ipsec.local({ ...context(), own: undefined })).toHaveLength(2);
  });

  it('never holds the key itself', () => {
    const all = [...ipsec.local(context()), ...ipsec.peer(context(), lease(2))];
    expect(JSON.stringify(all)).not.toContain(PSK.slice(0, 16));
    const secret = all.find((one) => one.kind === 'ipsec-secret') as IpsecSecret;
    expect(secret.psk).toBe(pskName(PSK));
    expect(secretOf(secretId(secret))).toEqual(secret);
    expect(['', 'ike-1', 'flan|', 'flan|10.244.0.0/16|x|y', `${secretId(secret)}|more`].map(secretOf)).toEqual(
      Array(5).fill(undefined),
    );
    expect(pskName(`${PSK}0`)).not.toBe(pskName(PSK));
  });
});

describe('what belongs to flan', () => {
  const ownership = { protocol: 70, networks: ['10.244.0.0/16'] };
  const connection = connectionTo(context(), lease(2)) as IpsecConnection;
  const owns = (one: IpsecConnection, networks = ownership.networks): boolean =>
    kinds.of(one).owns(one, { ...ownership, networks });

  it('has the mark and lies in a network that is served', () => {
    expect(owns(connection)).toBe(true);
    expect(owns({ ...connection, mark: 'none' })).toBe(false);
    expect(owns(connection, ['10.99.0.0/16', 'fd00::/48'])).toBe(false);
  });
});
