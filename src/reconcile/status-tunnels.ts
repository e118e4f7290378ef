import { type TunnelState, tunnelStateFile } from '../drivers/tunnel-state.js';
import type { AssociationStatus } from '../drivers/vici/associations.js';
import type { TunnelStatus } from '../drivers/wireguard/status.js';
import { TUNNEL_DEVICE } from '../kinds/tunnel-device.js';
import { endpointText } from '../kinds/wireguard-peer.js';
import type { Prefix } from '../model/ip.js';
import { type Lease, leaseName, subnetsOf } from '../model/lease.js';

/** How one end of one tunnel does. What a backend does not count is absent. */
export interface TunnelReading {
  readonly dev: string;
  /** The node at the other end by its lease; its public key or subnet when no lease says. */
  readonly peer: string;
  readonly publicKey?: string;
  readonly endpoint?: string;
  /** Milliseconds since 1970; absent: never, or there is no handshake. */
  readonly lastHandshakeMs?: number;
  /** Of backend ipsec: whether there are SAs; `down`: none, and nobody negotiates any. */
  readonly state?: AssociationStatus['state'];
  /** Milliseconds since 1970; of backend ipsec. */
  readonly establishedMs?: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly packets?: TunnelPackets;
}

export interface TunnelPackets {
  readonly received: number;
  readonly sent: number;
  /** Came from the peer's address with a source outside its subnet; dropped. */
  readonly spoofed: number;
  readonly sendErrors: number;
}

export interface TunnelReport {
  readonly peers: readonly TunnelReading[];
  /** What the data path of backend udp counts as a whole, by device. */
  readonly totals: readonly { readonly dev: string; readonly counts: TunnelState['totals'] }[];
}

export interface TunnelSources {
  /** Absent where there is no WireGuard, or it cannot be read. */
  readonly wireguard?: (() => Promise<readonly TunnelStatus[]>) | undefined;
  /** Absent for other backends than ipsec, and where charon may not be asked. */
  readonly ipsec?: (() => Promise<readonly AssociationStatus[]>) | undefined;
  readonly runtimeDir: string;
  readonly netns?: string | undefined;
  /** Of the peers: they give the tunnels their names. */
  readonly leases: readonly Lease[];
}

/** Every tunnel of this node, of whatever backend. @throws {FlanError} when WireGuard or charon cannot be asked */
export async function readTunnels(sources: TunnelSources): Promise<TunnelReport> {
  const nameOf = namesBySubnet(sources.leases);
  const wireguard = (await sources.wireguard?.()) ?? [];
  const ipsec = (await sources.ipsec?.()) ?? [];
  const udp = tunnelStateFile({ ...sources, netns: sources.netns, name: TUNNEL_DEVICE }).read();
  return {
    peers: [
      ...wireguard.map(({ allowedIps, ...status }): TunnelReading => {
        const peer = allowedIps.map(nameOf).find((name) => name !== undefined);
        return { peer: peer ?? status.publicKey, ...status };
      }),
      ...ipsec.map(
        ({ subnet, ...status }): TunnelReading => ({ dev: 'ipsec', peer: nameOf(subnet) ?? subnet, ...status }),
      ),
      ...(udp?.peers ?? []).map(({ subnet, endpoint, port, counts }): TunnelReading => {
        const { receivedPackets, sentPackets, spoofed, sendErrors } = counts;
        return {
          dev: TUNNEL_DEVICE,
          peer: nameOf(subnet) ?? subnet,
          endpoint: endpointText(endpoint, port),
          ...{ receivedBytes: counts.receivedBytes, sentBytes: counts.sentBytes },
          packets: { received: receivedPackets, sent: sentPackets, spoofed, sendErrors },
        };
      }),
    ],
    totals: udp === undefined ? [] : [{ dev: TUNNEL_DEVICE, counts: udp.totals }],
  };
}

function namesBySubnet(leases: readonly Lease[]): (subnet: Prefix) => string | undefined {
  const names = new Map(leases.flatMap((lease) => subnetsOf(lease).map((subnet) => [subnet, leaseName(lease)])));
  return (subnet) => names.get(subnet);
}
