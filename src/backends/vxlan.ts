import { FlanError } from '../errors.js';
import type { LinkAddress } from '../kinds/address.js';
import type { FdbEntry } from '../kinds/fdb.js';
import type { Link } from '../kinds/link.js';
import type { Neighbour } from '../kinds/neighbour.js';
import type { Offload } from '../kinds/offload.js';
import { route } from '../kinds/route.js';
import type { Sysctl } from '../kinds/sysctl.js';
import type { External } from '../model/facts.js';
import { addressOf, bitsOf, type Family } from '../model/ip.js';
import { isJsonObject, type Json } from '../model/json.js';
import { leaseName, type Stack, stackOf, stacks } from '../model/lease.js';
import { isUnicast, type Mac, macFor, tryMac } from '../model/mac.js';
import { optionReader } from '../model/options.js';
import type { Warning } from '../model/warning.js';
import type { Resource } from '../planner/kind.js';
import type { Backend, BackendContext } from './backend.js';

export interface VxlanOptions {
  readonly vni: number;
  /** UDP port, the same on every node. */
  readonly port: number;
  /** MTU of the underlay, where it is not that of the external interface. */
  readonly mtu: number | undefined;
  readonly gbp: boolean;
  readonly learning: boolean;
  /** Peers on the same link are reached by plain routes instead of the tunnel. */
  readonly directRouting: boolean;
  /** Ours: switch transmit checksum offload of the device off. */
  readonly disableTxChecksum: boolean;
}

type Context = BackendContext<VxlanOptions>;

/** IANA gave VXLAN 4789; Linux had chosen 8472 before that, and flannel keeps to it. */
const DEFAULT_PORT = 8472;
const MAX_VNI = 0xff_ffff;

/** Outer headers: IP (20 or 40), UDP 8, VXLAN 8, and the inner Ethernet's 14. @see RFC 7348 §5 */
const OVERHEAD_BYTES: Readonly<Record<Family, number>> = { 4: 50, 6: 70 };
const MIN_MTU: Readonly<Record<Family, number>> = { 4: 68, 6: 1280 };

const deviceName = ({ vni }: VxlanOptions, family: Family): string =>
  family === 4 ? `flannel.${vni}` : `flannel-v6.${vni}`;

/** Layer-2 frames in UDP. Each peer costs a route, a neighbour and an FDB entry; nothing is learned or broadcast. */
export const vxlan: Backend<VxlanOptions> = {
  type: 'vxlan',
  publishedType: 'vxlan',
  families: [4, 6],
  remembers: true,

  optionNames: ['VNI', 'Port', 'MTU', 'GBP', 'Learning', 'DirectRouting', 'DisableTxChecksumOffload'],
  options: (raw) => {
    const read = optionReader({ raw, path: 'Backend' });
    return {
      vni: read.integer('VNI', { min: 0, max: MAX_VNI }) ?? 1,
      port: read.integer('Port', { min: 0, max: 0xffff }) || DEFAULT_PORT,
      mtu: read.integer('MTU', { min: 0, max: 0xffff }) || undefined,
      gbp: read.boolean('GBP') ?? false,
      learning: read.boolean('Learning') ?? false,
      directRouting: read.boolean('DirectRouting') ?? false,
      disableTxChecksum: read.boolean('DisableTxChecksumOffload') ?? false,
    };
  },

  usesLookups: ({ directRouting }) => directRouting,
  overheadBytes: ({ options, external }, family) => {
    const ext = external[family];
    // An MTU of the underlay below the interface's counts as overhead too: what is left is what fits.
    return OVERHEAD_BYTES[family] + (options.mtu === undefined || ext === undefined ? 0 : ext.mtu - options.mtu);
  },

  advertise: (context) =>
    Object.fromEntries(
      externals(context).map(({ family }): [Family, Json] => [
        family,
        { VNI: context.options.vni, VtepMAC: macOf(context, family) },
      ]),
    ),

  local: (context) => externals(context).flatMap((ext) => device(context, ext)),

  peer: (context, lease) => stacks(lease).flatMap((stack) => towards(context, stack)),

  check: (context) => {
    for (const { family, dev, mtu } of externals(context)) {
      const left = mtu - vxlan.overheadBytes(context, family);
      if (left >= MIN_MTU[family]) continue;
      throw new FlanError(
        'E_BACKEND',
        `vxlan leaves an MTU of ${left} on ${dev}: IPv${family} needs ${MIN_MTU[family]}`,
        {
          hint: 'Raise the MTU of the interface, or correct Backend.MTU.',
        },
      );
    }
    return [];
  },

  checkPeer: (context, lease) =>
    stacks(lease).flatMap((stack): Warning[] => {
      if (context.external[stack.family] === undefined) return [];
      const mac = vtepMac(stack.backendData);
      if (mac !== undefined && mac === macOf(context, stack.family)) {
        return [
          {
            code: 'W_PEER_SAME_MAC',
            message: `${leaseName(lease)} has published this node's own VtepMAC for IPv${stack.family}: it cannot be reached through the tunnel`,
            hint: 'One of the two is a copy of the other: delete the device there, and start its daemon again.',
          },
        ];
      }
      if (mac !== undefined) return [];
      return [
        {
          code: 'W_PEER_NO_VTEP',
          message: `${leaseName(lease)} has published no usable VtepMAC for IPv${stack.family}: it cannot be reached through the tunnel`,
          hint: 'Look at the BackendData of its lease; its daemon publishes it when it starts.',
        },
      ];
    }),
};

const externals = ({ external }: Context): External[] => Object.values(external);

/** The address of a VTEP inside the overlay: the first of the node's subnet, by itself. */
const vtepAddress = ({ subnet }: Pick<Stack, 'subnet'>) => addressOf(subnet);

/** What peers know must stay: the lease's MAC before the device's, and one that the identity alone gives at last. */
function macOf({ options, own, links, identity }: Context, family: Family): Mac {
  const name = deviceName(options, family);
  const published = own && vtepMac(stackOf(own, family)?.backendData);
  const link = links.find((candidate) => candidate.name === name && candidate.kind === 'vxlan');
  return published ?? link?.mac ?? macFor(`${identity.nodeId}/${name}`);
}

/**
 * Values of flannel before 0.13 hold the MAC alone; the VNI of others does not matter here. The FDB entry of no MAC is
 * where frames to unknown ones are flooded to, and so are those to groups.
 */
function vtepMac(data: Json | undefined): Mac | undefined {
  if (!isJsonObject(data)) return undefined;
  const value = data.VtepMAC ?? data[Object.keys(data).find((key) => key.toLowerCase() === 'vtepmac') ?? ''];
  const mac = typeof value === 'string' ? tryMac(value) : undefined;
  return mac !== undefined && isUnicast(mac) ? mac : undefined;
}

function device(context: Context, ext: External): Resource[] {
  const { options, own, alias } = context;
  const { family } = ext;
  const name = deviceName(options, family);
  const { vni, port, learning, gbp } = options;
  const link: Link = {
    kind: 'link',
    name,
    type: 'vxlan',
    up: true,
    mtu: ext.mtu - vxlan.overheadBytes(context, family),
    mac: macOf(context, family),
    alias,
    local: ext.address,
    underlay: ext.dev,
    learning,
    fixed: { vni, port, family, gbp, extras: [] },
  };
  // A router advertisement on the overlay must not give the device a default route.
  const acceptRa: Sysctl = { kind: 'sysctl', path: `net/ipv6/conf/${name}/accept_ra`, value: '0', dev: name };
  const offload: Offload[] = options.disableTxChecksum
    ? [{ kind: 'offload', dev: name, feature: 'tx-checksum', state: 'off' }]
    : [];
  const subnet = own && stackOf(own, family)?.subnet;
  const address: LinkAddress[] = subnet
    ? [{ kind: 'address', dev: name, address: addressOf(subnet), len: bitsOf(family), onOwnLink: true }]
    : [];
  return [link, acceptRa, ...offload, ...address];
}

/** How packets get to one half of a peer: straight over the underlay where that is allowed and possible. */
function towards(context: Context, stack: Stack): Resource[] {
  const { options, external, protocol } = context;
  const { family, subnet, publicIp, backendData } = stack;
  const ext = external[family];
  if (ext === undefined) return [];
  const dev = deviceName(options, family);
  const direct = options.directRouting ? context.lookup(publicIp) : undefined;
  if (direct !== undefined && direct.via === undefined && direct.dev !== dev && direct.dev !== 'lo') {
    return [route({ dst: subnet, via: publicIp, dev: direct.dev, proto: protocol })];
  }
  const mac = vtepMac(backendData);
  if (mac === undefined) return [];
  const address = vtepAddress(stack);
  const neighbour: Neighbour = { kind: 'neighbour', dev, address, mac, permanent: true, proto: protocol };
  const fdb: FdbEntry = { kind: 'fdb', dev, mac, dst: publicIp, permanent: true, onOwnLink: true };
  return [neighbour, fdb, route({ dst: subnet, via: address, dev, onlink: true, proto: protocol })];
}
