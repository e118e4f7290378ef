import { endpointText } from '../../kinds/wireguard-peer.js';
import type { Prefix } from '../../model/ip.js';
import type { WireguardTransport } from './transport.js';

/** How a tunnel does, as far as this end can tell. */
export interface TunnelStatus {
  readonly dev: string;
  /** Of the peer. */
  readonly publicKey: string;
  readonly endpoint?: string;
  readonly allowedIps: readonly Prefix[];
  /** Milliseconds since 1970; absent: never. A tunnel that is used has one that is no older than three minutes. */
  readonly lastHandshakeMs?: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

/** Every peer of the devices that are there. Needs CAP_NET_ADMIN. @throws {FlanError} */
export async function tunnelStatus(
  transport: WireguardTransport,
  devices: readonly string[],
): Promise<readonly TunnelStatus[]> {
  const list: TunnelStatus[] = [];
  for (const dev of devices) {
    for (const peer of (await transport.read(dev))?.peers ?? []) {
      const { publicKey, endpoint, allowedIps, lastHandshakeMs, receivedBytes, sentBytes } = peer;
      list.push({
        ...{ dev, publicKey, allowedIps, receivedBytes, sentBytes },
        ...(endpoint && { endpoint: endpointText(endpoint.address, endpoint.port) }),
        ...(lastHandshakeMs !== undefined && { lastHandshakeMs }),
      });
    }
  }
  return list;
}
