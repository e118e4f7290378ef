import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addressOf, familyOf, lengthOf, parsePrefix } from '../../../src/model/ip.js';
import { DecodeError } from '../../../src/netlink/wire/decode-error.js';
import {
  decodeWireguard,
  setWireguard,
  setWireguardPeers,
  type WireguardDeviceMessage,
} from '../../../src/netlink/wire/wireguard.js';
import { Writer } from '../../../src/netlink/wire/writer.js';
import { address as addressOfFamily } from './arbitrary.js';

const address = fc.oneof(addressOfFamily(4), addressOfFamily(6));
const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const u16 = fc.integer({ min: 0, max: 65_535 });
const big = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const allowedIp = address.chain((text) =>
  fc.integer({ min: 0, max: text.includes(':') ? 128 : 32 }).map((length) => {
    const prefix = parsePrefix(`${text}/${length}`);
    return { family: familyOf(prefix) === 4 ? 2 : 10, address: addressOf(prefix), length: lengthOf(prefix) };
  }),
);
const peer = fc.record(
  {
    publicKey: key,
    presharedKey: key,
    flags: fc.integer({ min: 0, max: 7 }),
    endpoint: fc.record({ address, port: u16 }),
    keepaliveSeconds: u16,
    lastHandshakeMs: fc.integer({ min: 0, max: 2 ** 42 }),
    receivedBytes: big,
    sentBytes: big,
    allowedIps: fc.array(allowedIp, { maxLength: 5 }),
  },
  { requiredKeys: ['publicKey'] },
);
const device = fc.record(
  { privateKey: key, listenPort: u16, firewallMark: u16, peers: fc.array(peer, { maxLength: 20 }) },
  { requiredKeys: [] },
);

function written(change: Omit<WireguardDeviceMessage, 'name'>): [Uint8Array, number, number] {
  const writer = new Writer(8);
  setWireguard({ familyId: 30, name: 'flannel-wg' }, change).write(writer);
  return [writer.bytes, 0, writer.length];
}

test('a device and its peers read back as they were written', () => {
  fc.assert(
    fc.property(device, (change) => {
      expect(decodeWireguard(...written(change))).toEqual({ name: 'flannel-wg', ...change });
    }),
    { numRuns: 300 },
  );
});

test('peers written straight from values are those that the tables write', () => {
  fc.assert(
    fc.property(fc.array(peer, { maxLength: 20 }), (peers) => {
      const set = peers.map(({ publicKey, presharedKey, flags = 0, endpoint, keepaliveSeconds, allowedIps }) => ({
        ...{ publicKey, presharedKey, endpoint, keepaliveSeconds, allowedIps },
        ...(flags !== 0 && { flags }),
      }));
      const writer = new Writer(8);
      writer.bytes.fill(0xff);
      const settings = set.map(({ publicKey, allowedIps, flags = 0, ...rest }) => ({
        ...{ ...rest, flags, publicKey: Buffer.from(publicKey).toString('base64') },
        allowedIps: allowedIps?.map((ip) => parsePrefix(`${ip.address}/${ip.length}`)),
      }));
      setWireguardPeers({ familyId: 30, name: 'flannel-wg' }, settings).write(writer);
      const told = decodeWireguard(writer.bytes, 0, writer.length);
      const plain = (list: readonly object[] = []) => JSON.parse(JSON.stringify(list)) as unknown;
      expect(plain(told.peers)).toEqual(plain(set));
    }),
    { numRuns: 300 },
  );
});

test('whatever the bytes: a device or a DecodeError', () => {
  fc.assert(
    fc.property(device, fc.nat(), fc.nat(255), (change, at, value) => {
      const [bytes, offset, length] = written(change);
      bytes[at % length] = value;
      try {
        decodeWireguard(bytes, offset, length);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }),
    { numRuns: 1000 },
  );
});

test('a family of peers is laid out as the header file says', () => {
  const [bytes, , length] = written({ listenPort: 0x1234 });
  // genlmsghdr: WG_CMD_SET_DEVICE, version 1; WGDEVICE_A_IFNAME; WGDEVICE_A_LISTEN_PORT.
  expect(Buffer.from(bytes.subarray(0, length)).toString('hex')).toBe(
    `01010000${'0f000200'}${Buffer.from('flannel-wg\0\0').toString('hex')}${'06000600'}34120000`,
  );
});
