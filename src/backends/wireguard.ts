import { FlanError } from '../errors.js';
import type { LinkAddress } from '../kinds/address.js';
import { KNOWN_AFTER_APPLY } from '../kinds/lease.js';
import type { Link } from '../kinds/link.js';
import { route } from '../kinds/route.js';
import type { WireguardDevice } from '../kinds/wireguard-device.js';
import { endpointText, presharedKeyName, wireguardKeyBytes, wireguardPeer } from '../kinds/wireguard-peer.js';
import type { External } from '../model/facts.js';
import { addressOf, bitsOf, type Family, isPrivate4, isUniqueLocal6, type Prefix } from '../model/ip.js';
import { isJsonObject, type Json, type JsonObject } from '../model/json.js';
import { type Lease, leaseName, stackOf } from '../model/lease.js';
import { networkOf } from '../model/network.js';
import { optionReader } from '../model/options.js';
import type { Warning } from '../model/warning.js';
import type { Resource } from '../planner/kind.js';
import type { Backend, BackendContext } from './backend.js';

export interface WireguardOptions {
  /** Of `flannel-wg`. */
  readonly listenPort: number;
  /** Of `flannel-wg-v6`. */
  readonly listenPortV6: number;
  /** MTU of the underlay, where it is not that of the external interface. */
  readonly mtu: number | undefined;
  /** 32 bytes shared by all nodes, beside the keys. */
  readonly presharedKey: Uint8Array | undefined;
  /** 0: never. */
  readonly keepaliveSeconds: number;
  /**
   * `separate`: a device per family, each with its own family outside. The others have one device for both, and the
   * outer packets of the family that they are named after; `auto` chooses for each peer.
   */
  readonly mode: 'separate' | 'auto' | 'ipv4' | 'ipv6';
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
const MAX_PORT = 0xffff;

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

/** One WireGuard device of this node. */
interface Device {
  readonly name: string;
  readonly listenPort: number;
  /** The families inside. */
  readonly families: readonly Family[];
}

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

interface Towards {
  readonly device: Device;
  readonly lease: Lease;
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

interface Published {
  readonly publicKey?: string;
  readonly endpoint?: string;
}

/** What a peer's lease says about the other end of one device. */
function published(context: Context, { device, lease }: Towards): Published {
  const outer = outerFamily(context, { device, lease });
  const data = device.families.map((family) => readData(stackOf(lease, family)?.backendData));
  const publicKey = data.find((each) => each.publicKey !== undefined)?.publicKey;
  const address = outer && stackOf(lease, outer)?.publicIp;
  const endpoint = address && endpointText(address, portOf(context, { device, lease }));
  return { ...(publicKey !== undefined && { publicKey }), ...(endpoint !== undefined && { endpoint }) };
}

function portOf({ options }: Context, { device, lease }: Towards): number {
  const ports = device.families.flatMap((family) => readData(stackOf(lease, family)?.backendData).port ?? []);
  const [port = device.listenPort] = ports;
  // flanneld publishes ListenPortV6 for its only device too, which listens on ListenPort.
  return options.mode !== 'separate' && port === options.listenPortV6 ? options.listenPort : port;
}

function readData(data: Json | undefined): { readonly publicKey?: string; readonly port?: number } {
  if (!isJsonObject(data)) return {};
  const [key, port] = [member(data, 'publickey'), member(data, 'port')];
  return {
    ...(typeof key === 'string' && wireguardKeyBytes(key) && { publicKey: key }),
    ...(typeof port === 'number' && Number.isInteger(port) && port > 0 && port <= MAX_PORT && { port }),
  };
}

const member = (data: JsonObject, lowerCaseName: string): Json | undefined =>
  Object.entries(data).find(([name]) => name.toLowerCase() === lowerCaseName)?.[1];

/** The family of the packets that go to a peer; undefined when it has published no address that will do. */
function outerFamily({ options, external }: Context, { device, lease }: Towards): Family | undefined {
  const usable = ([4, 6] as const).filter((family) => external[family] && stackOf(lease, family)?.publicIp);
  if (options.mode === 'separate') return usable.find((family) => device.families.includes(family));
  if (options.mode !== 'auto') return usable.find((family) => family === (options.mode === 'ipv4' ? 4 : 6));
  if (usable.length < 2) return usable[0];
  // IPv6 where IPv4 would have to cross a NAT and IPv6 would not.
  const [theirs4, theirs6, ours6] = [lease.ipv4?.publicIp, lease.ipv6?.publicIp, external[6]?.publicIp];
  const isGlobal6 = theirs6 && ours6 && !isUniqueLocal6(theirs6) && !isUniqueLocal6(ours6);
  return theirs4 && isPrivate4(theirs4) && isGlobal6 ? 6 : 4;
}
