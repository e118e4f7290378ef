import { FlanError } from '../../errors.js';
import { linkKey } from '../../kinds/link.js';
import { presharedKeyName } from '../../kinds/wireguard-peer.js';
import { makePrefix, type Prefix } from '../../model/ip.js';
import { CommandSocket } from '../../netlink/command.js';
import { NetlinkError, refusal } from '../../netlink/errors.js';
import { NETLINK_GENERIC } from '../../netlink/wire/constants.js';
import type { Message } from '../../netlink/wire/frame.js';
import { decodeGenlFamily, getGenlFamily } from '../../netlink/wire/genl.js';
import {
  decodeWireguard,
  getWireguard,
  type PeerSetting,
  setWireguard,
  setWireguardPeers,
  WGPEER_F_REMOVE_ME,
  WGPEER_F_REPLACE_ALLOWEDIPS,
  WIREGUARD_FAMILY,
  type WireguardAllowedIp,
  type WireguardDeviceMessage,
  type WireguardPeerMessage,
} from '../../netlink/wire/wireguard.js';
import type { PeerChange, PeerState, WireguardChange, WireguardState, WireguardTransport } from './transport.js';

/** Of peers in one message. They sit in one attribute, whose length has 16 bits. */
const MESSAGE_BYTES = 32_768;
/** A peer with key, preshared key, flags, endpoint, keepalive and the nests' headers. */
const PEER_BYTES = 148;
const ALLOWED_IP_BYTES = 48;

/** The kernel's own WireGuard, over generic netlink; undefined where the kernel has none. Loads its module. */
export function kernelWireguard({
  netns,
}: {
  readonly netns?: string | undefined;
} = {}): WireguardTransport | undefined {
  const socket = CommandSocket.open({ netns, protocol: NETLINK_GENERIC });
  const request = getGenlFamily(WIREGUARD_FAMILY);
  const family = socket.tryGet(request, ({ bytes, offset, length }) => decodeGenlFamily(bytes, offset, length));
  if (family instanceof NetlinkError || family.id === undefined) {
    socket.close();
    if (!(family instanceof NetlinkError) || family.code === 'ENOENT') return undefined;
    throw refusal(request, family);
  }
  const familyId = family.id;

  const read = (dev: string): WireguardState | undefined => {
    const ask = getWireguard({ familyId, name: dev });
    const decode = ({ type, bytes, offset, length }: Message) =>
      type === familyId ? decodeWireguard(bytes, offset, length) : undefined;
    const found = socket.tryDump(ask, decode);
    if (!(found instanceof NetlinkError)) return stateOf(dev, found);
    // EOPNOTSUPP: a link of another kind.
    if (found.code === 'ENODEV' || found.code === 'EOPNOTSUPP') return undefined;
    throw refusal(ask, found);
  };

  const write = (dev: string, { peers = [], ...device }: WireguardChange): void => {
    const call = { familyId, name: dev };
    const requests = portionsOf(peers).map((portion) => setWireguardPeers(call, portion));
    if (Object.keys(device).length > 0 || requests.length === 0) requests.unshift(setWireguard(call, device));
    // One after another: where one is refused the next is not sent.
    for (const each of requests) {
      const [result] = socket.batch([each]);
      if (result === undefined) continue;
      if (result === 'unknown')
        throw new FlanError('E_RACE', `wg set ${dev}: the kernel's answer was lost`, { retry: true });
      if (result.code === 'ENODEV' || result.code === 'EOPNOTSUPP') throw deviceMissing(dev);
      throw refusal(each, result);
    }
  };

  return {
    name: 'kernel',
    read: async (dev) => read(dev),
    write: async (dev, change) => write(dev, change),
    close: () => socket.close(),
  };
}

export const deviceMissing = (dev: string): FlanError =>
  new FlanError('E_LINK_MISSING', `there is no WireGuard device '${dev}'`, { retry: true, where: linkKey(dev) });

function portionsOf(peers: readonly PeerChange[]): PeerSetting[][] {
  const portions: PeerSetting[][] = [];
  let room = 0;
  for (const peer of peers) {
    const size = PEER_BYTES + (peer.allowedIps?.length ?? 0) * ALLOWED_IP_BYTES;
    const last = portions.at(-1);
    if (last === undefined || room < size) {
      portions.push([settingOf(peer)]);
      room = MESSAGE_BYTES - size;
    } else {
      last.push(settingOf(peer));
      room -= size;
    }
  }
  return portions;
}

function settingOf(change: PeerChange): PeerSetting {
  const { publicKey, remove, allowedIps, presharedKey, endpoint, keepaliveSeconds } = change;
  const flags = (remove ? WGPEER_F_REMOVE_ME : 0) | (allowedIps ? WGPEER_F_REPLACE_ALLOWEDIPS : 0);
  return { publicKey, flags, presharedKey, endpoint, keepaliveSeconds, allowedIps };
}

function stateOf(dev: string, messages: readonly WireguardDeviceMessage[]): WireguardState {
  const { publicKey, listenPort = 0, firewallMark = 0 } = messages[0] ?? {};
  const peers: PeerState[] = [];
  for (const message of messages.flatMap((each) => each.peers ?? [])) {
    const peer = peerState(message);
    const last = peers.at(-1);
    // Allowed IPs that did not fit the message before.
    if (last?.publicKey === peer.publicKey) {
      peers[peers.length - 1] = { ...last, allowedIps: [...last.allowedIps, ...peer.allowedIps] };
    } else peers.push(peer);
  }
  return { dev, ...(publicKey && { publicKey: base64(publicKey) }), listenPort, firewallMark, peers };
}

const base64 = (key: Uint8Array): string => Buffer.from(key).toString('base64');

function peerState(message: WireguardPeerMessage): PeerState {
  const { publicKey = new Uint8Array(), endpoint, keepaliveSeconds = 0, lastHandshakeMs, allowedIps = [] } = message;
  return {
    publicKey: base64(publicKey),
    presharedKey: presharedKeyName(message.presharedKey),
    ...(endpoint && { endpoint }),
    keepaliveSeconds,
    allowedIps: allowedIps.flatMap(prefixOf),
    ...(lastHandshakeMs !== undefined && lastHandshakeMs > 0 && { lastHandshakeMs }),
    receivedBytes: message.receivedBytes ?? 0,
    sentBytes: message.sentBytes ?? 0,
  };
}

const prefixOf = ({ address, length }: WireguardAllowedIp): Prefix[] =>
  address === undefined || length === undefined ? [] : [makePrefix(address, length)];
