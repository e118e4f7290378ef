import {
  type Address,
  addressFromBytes,
  type Family,
  familyOf,
  lengthOf,
  type Prefix,
  writeAddress,
} from '../../model/ip.js';
import { attributes, type Decoded, type Row } from './attributes.js';
import { u16At, u16beAt, u32At } from './bytes.js';
import { address, bytes, list, string, u8, u16, u32 } from './codecs.js';
import { NLA_F_NESTED } from './constants.js';
import { GENL_HEADER_BYTES, writeGenlHeader } from './genl.js';
import type { Request } from './request.js';
import type { Writer } from './writer.js';

/** WireGuard's generic netlink family. @see uapi/linux/wireguard.h */
export const WIREGUARD_FAMILY = 'wireguard';
const WG_VERSION = 1;
const WG_CMD_GET_DEVICE = 0;
const WG_CMD_SET_DEVICE = 1;

/** WGPEER_A_FLAGS */
export const WGPEER_F_REMOVE_ME = 1;
export const WGPEER_F_REPLACE_ALLOWEDIPS = 2;

/** Curve25519 keys and preshared keys alike. */
export const WIREGUARD_KEY_BYTES = 32;

const AF_INET = 2;
const AF_INET6 = 10;

export interface SocketAddress {
  readonly address: Address;
  readonly port: number;
}

const key = (type: number): Row<Uint8Array> => {
  const { codec } = bytes(type);
  return { type, codec: { ...codec, fits: (length) => length === WIREGUARD_KEY_BYTES } };
};

/** Beyond 2⁵³ it is no longer exact; that is 8 PiB of traffic. */
const u64 = (type: number): Row<number> => ({
  type,
  codec: {
    fits: (length) => length === 8,
    read: (buffer, offset) => u32At(buffer, offset) + u32At(buffer, offset + 4) * 2 ** 32,
    write: (writer, raw, value) => writer.blob(raw, new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)),
  },
});

/** `struct __kernel_timespec`, as milliseconds since 1970; zero when it never was. */
const timespec = (type: number): Row<number> => ({
  type,
  codec: {
    fits: (length) => length === 16,
    read: (buffer, offset) =>
      (u32At(buffer, offset) + u32At(buffer, offset + 4) * 2 ** 32) * 1000 +
      Math.floor(u32At(buffer, offset + 8) / 1_000_000),
    write: (writer, raw, value) => {
      const seconds = Math.floor(value / 1000);
      const parts = BigInt64Array.of(BigInt(seconds), BigInt((value - seconds * 1000) * 1_000_000));
      writer.blob(raw, new Uint8Array(parts.buffer));
    },
  },
});

/** `struct sockaddr_in` or `struct sockaddr_in6`. */
const socketAddress = (type: number): Row<SocketAddress> => ({
  type,
  codec: {
    fits: (length) => length === 16 || length === 28,
    read: (buffer, offset) => {
      const family: Family = u16At(buffer, offset) === AF_INET ? 4 : 6;
      const at = offset + (family === 4 ? 4 : 8);
      return { address: addressFromBytes(buffer, at, family), port: u16beAt(buffer, offset + 2) };
    },
    write: writeSocketAddress,
  },
});

function writeSocketAddress(writer: Writer, type: number, { address: text, port }: SocketAddress): void {
  const isV4 = familyOf(text) === 4;
  const value = isV4 ? sockaddrIn : sockaddrIn6;
  value[0] = isV4 ? AF_INET : AF_INET6;
  value[2] = port >>> 8;
  value[3] = port;
  writeAddress(text, value, isV4 ? 4 : 8);
  writer.blob(type, value);
}
// Written over each time; what is not an address or a port in them stays zero.
const sockaddrIn = new Uint8Array(16);
const sockaddrIn6 = new Uint8Array(28);

const PEERS = 8;

const allowedIp = attributes('WGALLOWEDIP_A', {
  family: u16(1), // FAMILY
  address: address(2), // IPADDR
  length: u8(3), // CIDR_MASK
});

const peer = attributes('WGPEER_A', {
  publicKey: key(1), // PUBLIC_KEY
  presharedKey: key(2), // PRESHARED_KEY, zeros for none
  flags: u32(3), // FLAGS, WGPEER_F_*
  endpoint: socketAddress(4), // ENDPOINT
  keepaliveSeconds: u16(5), // PERSISTENT_KEEPALIVE_INTERVAL, 0 for never
  lastHandshakeMs: timespec(6), // LAST_HANDSHAKE_TIME
  receivedBytes: u64(7), // RX_BYTES
  sentBytes: u64(8), // TX_BYTES
  allowedIps: list(9 | NLA_F_NESTED, allowedIp), // ALLOWEDIPS
  protocolVersion: u32(10), // PROTOCOL_VERSION
});

const device = attributes('WGDEVICE_A', {
  ifindex: u32(1), // IFINDEX
  name: string(2), // IFNAME
  privateKey: key(3), // PRIVATE_KEY, zeros for none
  publicKey: key(4), // PUBLIC_KEY
  flags: u32(5), // FLAGS, WGDEVICE_F_*
  listenPort: u16(6), // LISTEN_PORT
  firewallMark: u32(7), // FWMARK
  peers: list(PEERS | NLA_F_NESTED, peer), // PEERS
});

export type WireguardPeerMessage = Decoded<typeof peer>;
export type WireguardDeviceMessage = Decoded<typeof device>;
export type WireguardAllowedIp = Decoded<typeof allowedIp>;

interface Call {
  /** What the controller says the family's message type is. */
  readonly familyId: number;
  readonly name: string;
}

/**
 * One device with its peers, as the request of a dump: the peers may come in several messages, and one peer's allowed
 * IPs may go on in the next message under the same public key. Needs CAP_NET_ADMIN.
 */
export const getWireguard = ({ familyId, name }: Call): Request => ({
  type: familyId,
  flags: 0,
  write: (writer) => {
    writeGenlHeader(writer, { command: WG_CMD_GET_DEVICE, version: WG_VERSION });
    device.write(writer, { name });
  },
  describe: `wg show ${name}`,
});

/** Changes what is given of a device, and of the peers that are given. */
export const setWireguard = ({ familyId, name }: Call, change: Omit<WireguardDeviceMessage, 'name'>): Request => ({
  type: familyId,
  flags: 0,
  write: (writer) => {
    writeGenlHeader(writer, { command: WG_CMD_SET_DEVICE, version: WG_VERSION });
    device.write(writer, { name, ...change });
  },
  describe: `wg set ${name}`,
});

/** What is to become of one peer; what is absent stays as it is. */
export interface PeerSetting {
  /** Base64. */
  readonly publicKey: string;
  /** WGPEER_F_* */
  readonly flags: number;
  readonly presharedKey?: Uint8Array | undefined;
  readonly endpoint?: SocketAddress | undefined;
  readonly keepaliveSeconds?: number | undefined;
  readonly allowedIps?: readonly Prefix[] | undefined;
}

/**
 * Changes peers, some hundred at a time: they sit in one attribute, whose length has 16 bits. Written straight from
 * values, because there may be thousands and the tables cost three times as much.
 */
export const setWireguardPeers = ({ familyId, name }: Call, peers: readonly PeerSetting[]): Request => ({
  type: familyId,
  flags: 0,
  write: (writer) => {
    writeGenlHeader(writer, { command: WG_CMD_SET_DEVICE, version: WG_VERSION });
    device.write(writer, { name });
    const start = writer.open(PEERS | NLA_F_NESTED);
    for (const setting of peers) writePeer(writer, setting);
    writer.close(start);
  },
  describe: `wg set ${name} peer`,
});

function writePeer(writer: Writer, setting: PeerSetting): void {
  const { publicKey, presharedKey, flags, endpoint, keepaliveSeconds, allowedIps } = setting;
  const start = writer.open(NLA_F_NESTED);
  writeKey(writer, 1, publicKey);
  if (presharedKey !== undefined) writer.blob(2, presharedKey);
  if (flags !== 0) writer.u32(3, flags);
  if (endpoint !== undefined) writeSocketAddress(writer, 4, endpoint);
  if (keepaliveSeconds !== undefined) writer.u16(5, keepaliveSeconds);
  if (allowedIps !== undefined) writeAllowedIps(writer, allowedIps);
  writer.close(start);
}

function writeAllowedIps(writer: Writer, allowedIps: readonly Prefix[]): void {
  const start = writer.open(9 | NLA_F_NESTED);
  for (const prefix of allowedIps) {
    const family = familyOf(prefix);
    const entry = writer.open(NLA_F_NESTED);
    writer.u16(1, family === 4 ? AF_INET : AF_INET6);
    writer.prefixAddress(2, prefix, family);
    writer.u8(3, lengthOf(prefix));
    writer.close(entry);
  }
  writer.close(start);
}

/** Decoded from base64 where it belongs. */
function writeKey(writer: Writer, type: number, text: string): void {
  const at = writer.reserve(4 + WIREGUARD_KEY_BYTES);
  writer.patchWord(at, (4 + WIREGUARD_KEY_BYTES) | (type << 16));
  if (view.buffer !== writer.bytes.buffer) view = Buffer.from(writer.bytes.buffer);
  view.write(text, at + 4, WIREGUARD_KEY_BYTES, 'base64');
}
let view = Buffer.alloc(0) as Buffer;

/** @throws {DecodeError} */
export const decodeWireguard = (buffer: Uint8Array, offset: number, length: number): WireguardDeviceMessage =>
  device.read(buffer, offset + GENL_HEADER_BYTES, Math.max(0, length - GENL_HEADER_BYTES));
