import { createHash } from 'node:crypto';
import type { Address, Prefix } from '../model/ip.js';
import { type Kind, keyOf } from '../planner/kind.js';
import type { ExtensionCommand, ExtensionState, Variables } from './extension-command.js';
import { extensionStartupKey } from './extension-startup.js';

/** What an extension's commands do for one peer. */
export interface ExtensionPeer {
  readonly kind: 'extension-peer';
  /** The first network of the cluster: two flans on one host have different ones. */
  readonly network: string;
  readonly subnet?: Prefix;
  readonly ipv6Subnet?: Prefix;
  readonly publicIp?: Address;
  readonly publicIpv6?: Address;
  /** The peer's BackendData: anything at all, of any length. */
  readonly data: string;
  /** Tells one `data` from another, for plans. */
  readonly dataName: string;
  /** What the commands are told of this node. */
  readonly variables: Variables;
  readonly add?: ExtensionCommand;
  /** Undoes `add`; written down with it, for when the config has changed. */
  readonly remove?: ExtensionCommand;
  readonly state: ExtensionState;
  /** Whether start-up commands come before. */
  readonly afterStartup: boolean;
}

type PeerInit = Omit<ExtensionPeer, 'kind' | 'dataName' | 'state'>;

export const extensionPeer = (init: PeerInit): ExtensionPeer => ({
  kind: 'extension-peer',
  ...init,
  dataName: nameOfData(init.data),
  state: 'applied',
});

const nameOfData = (data: string): string =>
  data === ''
    ? 'none'
    : `${Buffer.byteLength(data)} bytes, sha256 ${createHash('sha256').update(data).digest('hex').slice(0, 12)}`;

export const extensionPeerKind: Kind<ExtensionPeer> = {
  kind: 'extension-peer',
  rank: 60,
  readByName: true,
  // By its subnet, which no other peer has; by the IPv4 one, so that a node which goes dual-stack stays the same.
  key: ({ subnet, ipv6Subnet }) => keyOf('extension-peer', subnet ?? ipv6Subnet ?? ''),
  fields: ['publicIp', 'publicIpv6', 'ipv6Subnet', 'dataName', 'add', 'remove', 'variables', 'state'],
  // What a peer publishes is taken away as it was and added as it is.
  inPlace: ['remove', 'variables', 'state'],
  needs: ({ network, afterStartup }) => (afterStartup ? [extensionStartupKey(network)] : []),
  owns: ({ network }, { networks }) => networks.includes(network),
  describe: ({ publicIp, publicIpv6, ipv6Subnet, dataName }) =>
    [
      ipv6Subnet,
      `public ip ${[publicIp, publicIpv6].filter((one) => one !== undefined).join(' and ') || 'none'}`,
      dataName === 'none' ? '' : `data ${dataName}`,
    ]
      .filter(Boolean)
      .join(' '),
};

/** What a command about the peer is told besides its standard input. */
export const peerVariables = (peer: ExtensionPeer): Variables => ({
  ...peer.variables,
  SUBNET: peer.subnet ?? '',
  IPV6SUBNET: peer.ipv6Subnet ?? '',
  PUBLIC_IP: peer.publicIp ?? '',
  PUBLIC_IPV6: peer.publicIpv6 ?? '',
  BACKEND_DATA: peer.data,
});
