import { FlanError } from '../errors.js';
import type { LinkAddress } from '../kinds/address.js';
import type { Link } from '../kinds/link.js';
import { route } from '../kinds/route.js';
import type { External } from '../model/facts.js';
import { addressOf, bitsOf } from '../model/ip.js';
import { stackOf, stacks } from '../model/lease.js';
import { optionReader } from '../model/options.js';
import type { Resource } from '../planner/kind.js';
import type { Backend, BackendContext } from './backend.js';

export interface IpipOptions {
  /** Peers on the same link are reached by plain routes instead of the tunnel. */
  readonly directRouting: boolean;
}

type Context = BackendContext<IpipOptions>;

const DEVICE = 'flannel.ipip';
/** The outer IPv4 header. @see RFC 2003 §3.1 */
const OVERHEAD_BYTES = 20;
/** What every IPv4 link must take unfragmented. @see RFC 791 §3.2 */
const MIN_MTU = 68;

/** IPv4 packets in IPv4 packets: one device without a far end, each route's gateway is the other end of the tunnel. */
export const ipip: Backend<IpipOptions> = {
  type: 'ipip',
  publishedType: 'ipip',
  families: [4],
  remembers: false,
  optionNames: ['DirectRouting'],
  options: (raw) => ({ directRouting: optionReader({ raw, path: 'Backend' }).boolean('DirectRouting') ?? false }),
  usesLookups: ({ directRouting }) => directRouting,
  overheadBytes: () => OVERHEAD_BYTES,
  advertise: () => ({}),
  local: (context) => (context.external[4] === undefined ? [] : device(context, context.external[4])),

  peer: (context, lease) => {
    const { external, options, protocol } = context;
    return stacks(lease).flatMap(({ family, subnet, publicIp }) => {
      if (family !== 4 || external[4] === undefined) return [];
      const direct = options.directRouting ? context.lookup(publicIp) : undefined;
      const isNear = direct !== undefined && direct.via === undefined && direct.dev !== DEVICE;
      return isNear
        ? [route({ dst: subnet, via: publicIp, dev: direct.dev, proto: protocol })]
        : [route({ dst: subnet, via: publicIp, dev: DEVICE, onlink: true, proto: protocol })];
    });
  },

  check: ({ external }) => {
    const ext = external[4];
    const left = ext === undefined ? MIN_MTU : ext.mtu - OVERHEAD_BYTES;
    if (ext === undefined || left >= MIN_MTU) return [];
    throw new FlanError('E_BACKEND', `ipip leaves an MTU of ${left} on ${ext.dev}: IPv4 needs ${MIN_MTU}`, {
      hint: `Raise the MTU of ${ext.dev}, or choose another interface with --iface.`,
    });
  },

  checkPeer: () => [],
};

function device({ own, alias }: Context, ext: External): Resource[] {
  const link: Link = {
    kind: 'link',
    name: DEVICE,
    type: 'ipip',
    up: true,
    mtu: ext.mtu - OVERHEAD_BYTES,
    alias,
    // Behind 1:1 NAT too: what leaves the host must carry an address that it has.
    local: ext.address,
    fixed: { remote: 'any', extras: [] },
  };
  const subnet = own && stackOf(own, 4)?.subnet;
  const address: LinkAddress[] = subnet
    ? [{ kind: 'address', dev: DEVICE, address: addressOf(subnet), len: bitsOf(4), onOwnLink: true }]
    : [];
  return [link, ...address];
}
