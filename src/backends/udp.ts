import { FlanError } from '../errors.js';
import type { LinkAddress } from '../kinds/address.js';
import type { Link } from '../kinds/link.js';
import { route } from '../kinds/route.js';
import { TUNNEL_DEVICE, type TunnelDevice } from '../kinds/tunnel-device.js';
import type { TunnelPeer } from '../kinds/tunnel-peer.js';
import type { External } from '../model/facts.js';
import { addressOf, bitsOf, type Family } from '../model/ip.js';
import { isJsonObject, type Json } from '../model/json.js';
import { stackOf, stacks } from '../model/lease.js';
import { networkOf } from '../model/network.js';
import { optionReader } from '../model/options.js';
import type { Resource } from '../planner/kind.js';
import { type Backend, type BackendContext, overlayMtu } from './backend.js';

export interface UdpOptions {
  /** UDP port, the same on every node but for those whose lease says another. */
  readonly port: number;
  /** Ours: threads that carry packets; 0 for as many as help. */
  readonly queues: number;
}

type Context = BackendContext<UdpOptions>;

const DEFAULT_PORT = 8285;
const MAX_QUEUES = 16;

/** Outer headers: IP (20 or 40) and UDP 8. What is inside is the bare packet. */
const OVERHEAD_BYTES: Readonly<Record<Family, number>> = { 4: 28, 6: 48 };
const MIN_MTU: Readonly<Record<Family, number>> = { 4: 68, 6: 1280 };

/** Packets in UDP, carried by a process of ours: for hosts whose kernel has no tunnels. */
export const udp: Backend<UdpOptions> = {
  type: 'udp',
  publishedType: '',
  families: [4, 6],
  remembers: true,
  needsWatch: 'The udp backend carries packets in the process of `flan watch`',
  usesLookups: () => false,

  optionNames: ['Port', 'Queues'],
  options: (raw) => {
    const read = optionReader({ raw, path: 'Backend' });
    return {
      port: read.integer('Port', { min: 0, max: 0xffff }) || DEFAULT_PORT,
      queues: read.integer('Queues', { min: 0, max: MAX_QUEUES }) ?? 0,
    };
  },

  overheadBytes: (_context, family) => OVERHEAD_BYTES[family],
  // As flannel: peers take it that everybody has the network's port. What says otherwise, an operator has written.
  advertise: ({ own }) =>
    Object.fromEntries(
      (own === undefined ? [] : stacks(own)).flatMap(({ family, backendData }): [Family, Json][] => {
        const port = portOf(backendData);
        return port === undefined ? [] : [[family, { Port: port }]];
      }),
    ),

  local: (context) => {
    const { own, alias, options, network, protocol } = context;
    const external = externals(context);
    const device: TunnelDevice = {
      kind: 'tunnel-device',
      name: TUNNEL_DEVICE,
      state: 'running',
      port: options.port,
      addresses: external.map(({ address }) => address),
      queues: options.queues,
      alias,
    };
    const link: Link = {
      kind: 'link',
      name: TUNNEL_DEVICE,
      type: 'other',
      up: true,
      mtu: overlayMtu(udp, context),
      alias,
      fixed: { infoKind: 'tun' },
    };
    const inside = external.flatMap(({ family }): Resource[] => {
      const [subnet, whole] = [own && stackOf(own, family)?.subnet, networkOf(network, family)?.network];
      if (subnet === undefined || whole === undefined) return [];
      const address: LinkAddress = {
        kind: 'address',
        dev: TUNNEL_DEVICE,
        address: addressOf(subnet),
        len: bitsOf(family),
        onOwnLink: true,
      };
      // One for all peers: the data path tells them apart, and says which subnets nobody has.
      return [address, route({ dst: whole, dev: TUNNEL_DEVICE, scope: 'global', proto: protocol })];
    });
    return [device, link, ...inside];
  },

  peer: ({ external, options }, lease) =>
    stacks(lease).flatMap(({ family, subnet, publicIp, backendData }): TunnelPeer[] => {
      if (external[family] === undefined) return [];
      const port = portOf(backendData) ?? options.port;
      return [{ kind: 'tunnel-peer', dev: TUNNEL_DEVICE, subnet, endpoint: publicIp, port }];
    }),

  check: (context) => {
    const mtu = overlayMtu(udp, context);
    for (const { family, dev } of externals(context)) {
      if (mtu >= MIN_MTU[family]) continue;
      throw new FlanError('E_BACKEND', `udp leaves an MTU of ${mtu} on ${dev}: IPv${family} needs ${MIN_MTU[family]}`, {
        hint: 'Raise the MTU of the interface.',
      });
    }
    return [];
  },

  checkPeer: () => [],
};

/** IPv4 first. */
const externals = ({ external }: Context): External[] => [external[4], external[6]].filter((ext) => ext !== undefined);

/** A peer behind a port mapping says so in its lease; flannel itself writes nothing there. */
function portOf(data: Json | undefined): number | undefined {
  if (!isJsonObject(data)) return undefined;
  const name = Object.keys(data).find((key) => key.toLowerCase() === 'port');
  const value = name === undefined ? undefined : data[name];
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 0xffff ? value : undefined;
}
