import { FlanError } from '../errors.js';
import type { LinkAddress } from '../kinds/address.js';
import { KNOWN_AFTER_APPLY } from '../kinds/lease.js';
import type { Link } from '../kinds/link.js';
import { route } from '../kinds/route.js';
import type { WireguardDevice } from '../kinds/wireguard-device.js';
import { presharedKeyName, wireguardKeyBytes, wireguardPeer } from '../kinds/wireguard-peer.js';
import type { External } from '../model/facts.js';
import { addressOf, bitsOf, type Family, type Prefix } from '../model/ip.js';
import type { Json } from '../model/json.js';
import { type Lease, leaseName, stackOf } from '../model/lease.js';
import { networkOf } from '../model/network.js';
import { optionReader } from '../model/options.js';
import type { Warning } from '../model/warning.js';
import type { Resource } from '../planner/kind.js';
import type { Backend, BackendContext } from './backend.js';
import { type Device, MAX_PORT, published, type Towards, type WayOptions } from './wireguard-peer-data.js';

export interface WireguardOptions extends WayOptions {
  /** MTU of the underlay, where it is not that of the external interface. */
  readonly mtu: number | undefined;
  /** 32 bytes shared by all nodes, beside the keys. */
  readonly presharedKey: Uint8Array | undefined;
  /** 0: never. */
  readonly keepaliveSeconds: number;
}

/** What flannel calls them: the one of IPv4, or of both, and the one of IPv6. */
const [DEVICE, DEVICE_V6] = ['flannel-wg', 'flannel-wg-v6'] as const;
export const WIREGUARD_DEVICES: readonly string[] = [DEVICE, DEVICE_V6];

type Context = BackendContext<WireguardOptions>;

/**
 * Outer IPv6 40, UDP 8, WireGuard 16 and its tag 16. Over IPv4 20 would be left, but flannel takes as much, nodes must
 * agree, and in mode auto a device sends both. @see the WireGuard paper, §5.4.6
 */
const OVERHEAD_BYTES = 80;
const MIN_MTU: Readonly<Record<Family, number>> = { 4: 68, 6: 1280 };

/** Encrypted tunnels. One route for the whole network leads in; which peer a packet is for WireGuard itself knows. */
export const wireguard: Backend<WireguardOptions> = {
  type: 'wireguard',
  publishedType: 'wireguard',
  families: [4, 6],
  remembers: false,
  usesLookups: () => false,

  optionNames: ['ListenPort', 'ListenPortV6', 'MTU', 'PSK', 'PersistentKeepaliveInterval', 'Mode'],
  options: (raw) => {
    const read = optionReader({ raw, path: 'Backend' });
    const psk = read.string('PSK') || undefined;
    const presharedKey = psk === undefined ? undefined : wireguardKeyBytes(psk);
    if (psk !== undefined && presharedKey === undefined) {
      throw read.refuse(
        'PSK',
        'must be 32 bytes in base64',
        'Make one with `wg genpsk`, or `openssl rand -base64 32`.',
      );
    }
    return {
      listenPort: read.integer('ListenPort', { min: 0, max: MAX_PORT }) || 51820,
      listenPortV6: read.integer('ListenPortV6', { min: 0, max: MAX_PORT }) || 51821,
      mtu: read.integer('MTU', { min: 0, max: MAX_PORT }) || undefined,
      presharedKey,
      keepaliveSeconds: read.integer('PersistentKeepaliveInterval', { min: 0, max: MAX_PORT }) ?? 0,
      mode: read.oneOf('Mode', ['separate', 'auto', 'ipv4', 'ipv6']) ?? 'separate',
    };
  },

  overheadBytes: ({ options, external }, family) => {
    const ext = external[family];
    return OVERHEAD_BYTES + (options.mtu === undefined || ext === undefined ? 0 : ext.mtu - options.mtu);
  },

  advertise: (context) => {
    const port = new Map(devices(context).flatMap(({ families, listenPort }) => families.map((f) => [f, listenPort])));
    return Object.fromEntries(
      externals(context).map(({ family }): [Family, Json] => [
        family,
        { PublicKey: context.publicKey ?? KNOWN_AFTER_APPLY, Port: port.get(family) ?? 0 },
      ]),
    );
  },

  local: (context) => devices(context).flatMap((device) => held(context, device)),

  peer: (context, lease) => devices(context).flatMap((device) => towards(context, { device, lease })),

  check: (context) => {
    const { mode, listenPort, listenPortV6 } = context.options;
    const needed: Family | undefined = mode === 'ipv4' ? 4 : mode === 'ipv6' ? 6 : undefined;
    if (needed !== undefined && context.external[needed] === undefined) {
      throw new FlanError(
        'E_BACKEND',
        `wireguard's mode ${mode} sends over IPv${needed}, which the network leaves out`,
        {
          hint: `Enable IPv${needed} in the network, or choose another Backend.Mode.`,
        },
      );
    }
    if (devices(context).length > 1 && listenPort === listenPortV6) {
      throw new FlanError('E_BACKEND', `Backend.ListenPort and Backend.ListenPortV6 are both ${listenPort}`, {
        hint: 'Each device needs a UDP port of its own: give them different ones, or set Backend.Mode to auto.',
      });
    }
    for (const { family, dev } of externals(context)) {
      const left = mtuOf(context);
      if (left >= MIN_MTU[family]) continue;
      throw new FlanError(
        'E_BACKEND',
        `wireguard leaves an MTU of ${left} on ${dev}: IPv${family} needs ${MIN_MTU[family]}`,
        { hint: 'Raise the MTU of the interface, or correct Backend.MTU.' },
      );
    }
    return [];
  },

  checkPeer: (context, lease) =>
    devices(context).flatMap((device): Warning[] => {
      if (allowedIps(device, lease).length === 0) return [];
      const where = `${leaseName(lease)} cannot be reached through ${device.name}`;
      const { publicKey, endpoint } = published(context, { device, lease });
      if (publicKey === undefined) {
        return [
          {
            code: 'W_PEER_NO_KEY',
            message: `${where}: it has published no public key`,
            hint: 'Look at the BackendData of its lease; its daemon publishes it when it starts.',
          },
        ];
      }
      if (publicKey === context.publicKey) {
        return [
          {
            code: 'W_PEER_SAME_KEY',
            message: `${where}: it has the same key as this node`,
            hint: 'One of the two is a copy of the other: run `flan wireguard rotate-key` on it.',
          },
        ];
      }
      if (endpoint !== undefined) return [];
      return [
        {
          code: 'W_PEER_NO_ENDPOINT',
          message: `${where} until it sends something itself: it has published no address that mode ${context.options.mode} can use`,
          hint: 'Give it a public address of that family, or choose another Backend.Mode.',
        },
      ];
    }),
};

const externals = ({ external }: Context): External[] => Object.values(external);

function devices({ external, options }: Context): Device[] {
  const { mode, listenPort, listenPortV6 } = options;
  const families = ([4, 6] as const).filter((family) => external[family] !== undefined);
  if (families.length === 0) return [];
  if (mode !== 'separate') return [{ name: DEVICE, listenPort, families }];
  return families.map((family) =>
    family === 4
      ? { name: DEVICE, listenPort, families: [4] }
      : { name: DEVICE_V6, listenPort: listenPortV6, families: [6] },
  );
}

/** The smallest over the enabled families: one device may carry both. */
const mtuOf = (context: Context): number =>
  Math.min(...externals(context).map(({ mtu, family }) => mtu - wireguard.overheadBytes(context, family)));

function held(context: Context, { name, listenPort, families }: Device): Resource[] {
  const { network, own, alias, protocol, publicKey = KNOWN_AFTER_APPLY } = context;
  const link: Link = {
    kind: 'link',
    name,
    type: 'wireguard',
    up: true,
    mtu: mtuOf(context),
    alias,
    fixed: { infoKind: 'wireguard' },
  };
  const device: WireguardDevice = {
    kind: 'wireguard-device',
    dev: name,
    publicKey,
    listenPort,
    firewallMark: 0,
    onOwnLink: true,
  };
  const inside = families.flatMap((family): Resource[] => {
    const subnet = own && stackOf(own, family)?.subnet;
    const whole = networkOf(network, family)?.network;
    if (subnet === undefined || whole === undefined) return [];
    const address: LinkAddress = {
      kind: 'address',
      dev: name,
      address: addressOf(subnet),
      len: bitsOf(family),
      onOwnLink: true,
    };
    return [address, route({ dst: whole, dev: name, proto: protocol })];
  });
  return [link, device, ...inside];
}

const allowedIps = ({ families }: Device, lease: Lease): Prefix[] =>
  families.flatMap((family) => stackOf(lease, family)?.subnet ?? []);

function towards(context: Context, { device, lease }: Towards): Resource[] {
  const { publicKey, endpoint } = published(context, { device, lease });
  const prefixes = allowedIps(device, lease);
  // A device ignores a peer that has its own key.
  if (publicKey === undefined || publicKey === context.publicKey || prefixes.length === 0) return [];
  const { keepaliveSeconds, presharedKey } = context.options;
  return [
    wireguardPeer({
      dev: device.name,
      publicKey,
      ...(endpoint !== undefined && { endpoint }),
      allowedIps: prefixes,
      keepaliveSeconds,
      presharedKey: presharedKeyName(presharedKey),
      onOwnLink: true,
    }),
  ];
}
