import type { Address, Prefix } from '../../model/ip.js';

/** A WireGuard device as it is. No secret is in it: a transport drops the private key where it decodes it. */
export interface WireguardState {
  readonly dev: string;
  /** Base64; absent while the device has no private key. */
  readonly publicKey?: string;
  readonly listenPort: number;
  readonly firewallMark: number;
  readonly peers: readonly PeerState[];
}

export interface PeerState {
  /** Base64. */
  readonly publicKey: string;
  /** As `presharedKeyName` calls it. */
  readonly presharedKey: string;
  readonly endpoint?: Endpoint;
  readonly keepaliveSeconds: number;
  readonly allowedIps: readonly Prefix[];
  /** Milliseconds since 1970; absent: never. */
  readonly lastHandshakeMs?: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
}

export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

/** What is absent stays as it is. */
export interface WireguardChange {
  /** 32 bytes; zeros take the key away. */
  readonly privateKey?: Uint8Array;
  readonly listenPort?: number;
  readonly firewallMark?: number;
  /** In order; one peer may come twice. A peer that is not there is made. */
  readonly peers?: readonly PeerChange[];
}

export interface PeerChange {
  readonly publicKey: string;
  readonly remove?: true;
  /** 32 bytes; zeros take it away. */
  readonly presharedKey?: Uint8Array;
  readonly endpoint?: Endpoint;
  readonly keepaliveSeconds?: number;
  /** All of them: others that the peer has go. */
  readonly allowedIps?: readonly Prefix[];
}

/** One way to talk to WireGuard devices of one network namespace. */
export interface WireguardTransport {
  readonly name: 'kernel' | 'wireguard-go';
  /** @returns undefined when there is no WireGuard device of that name @throws {FlanError} */
  read(dev: string): Promise<WireguardState | undefined>;
  /** @throws {FlanError} E_LINK_MISSING, or what was refused; a part of the change may be made then */
  write(dev: string, change: WireguardChange): Promise<void>;
  close(): void;
}
