import { endpointText, wireguardKeyBytes } from '../kinds/wireguard-peer.js';
import { type Family, isPrivate4, isUniqueLocal6 } from '../model/ip.js';
import { isJsonObject, type Json, type JsonObject } from '../model/json.js';
import { type Lease, stackOf } from '../model/lease.js';
import type { BackendContext } from './backend.js';

/** Those of the backend's options that decide how peers are reached. */
export interface WayOptions {
  /** Of `flannel-wg`. */
  readonly listenPort: number;
  /** Of `flannel-wg-v6`. */
  readonly listenPortV6: number;
  /**
   * `separate`: a device per family, each with its own family outside. The others have one device for both, and the
   * outer packets of the family that they are named after; `auto` chooses for each peer.
   */
  readonly mode: 'separate' | 'auto' | 'ipv4' | 'ipv6';
}

type Context = BackendContext<WayOptions>;

/** One WireGuard device of this node. */
export interface Device {
  readonly name: string;
  readonly listenPort: number;
  /** The families inside. */
  readonly families: readonly Family[];
}

/** A peer as it is seen from one device. */
export interface Towards {
  readonly device: Device;
  readonly lease: Lease;
}

export const MAX_PORT = 0xffff;

interface Published {
  readonly publicKey?: string;
  readonly endpoint?: string;
}

/** What a peer's lease says about the other end of one device. */
export function published(context: Context, { device, lease }: Towards): Published {
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
