import { type Address, contains, type Prefix, tryAddress, tryPrefix } from '../model/ip.js';
import { type Key, type Kind, keyOf } from '../planner/kind.js';
import { ikeDaemonKey } from './ike-daemon.js';

/** What charon holds for one peer: an IKEv2 connection with one child, a tunnel between two subnets. */
export interface IpsecConnection {
  readonly kind: 'ipsec-connection';
  /** What packets are sent from. */
  readonly localAddress: Address;
  /** What peers know this node by, its identity. */
  readonly localPublicIp: Address;
  readonly remotePublicIp: Address;
  readonly localSubnet: Prefix;
  readonly remoteSubnet: Prefix;
  readonly espProposal: string;
  /** ESP in UDP: always, or where the peers find a NAT between them. */
  readonly encapsulation: 'always' | 'behind NAT';
  /** Whether times, mode and identities are those that flan sets. */
  readonly settings: 'standard' | 'changed';
  /** The secret of the peer; unknown of what was observed. */
  readonly secret?: Key;
  /** `none`: it has the name that flanneld would give it, and flan did not make it. */
  readonly mark: 'flan' | 'none';
}

type Ends = Pick<IpsecConnection, 'localPublicIp' | 'remotePublicIp' | 'localSubnet' | 'remoteSubnet'>;

/** flannel's name of a connection. */
const nameOfEnds = ({ localPublicIp, localSubnet, remoteSubnet, remotePublicIp }: Ends): string =>
  [localPublicIp, localSubnet, remoteSubnet, remotePublicIp].join('-');

export const ipsecConnectionKey = (ends: Ends): Key => keyOf('ipsec-connection', nameOfEnds(ends));

export const ipsecConnectionKind: Kind<IpsecConnection> = {
  kind: 'ipsec-connection',
  rank: 45,
  key: ipsecConnectionKey,
  fields: ['localAddress', 'espProposal', 'encapsulation', 'settings'],
  inPlace: ['localAddress', 'espProposal', 'encapsulation', 'settings'],
  needs: ({ secret }) => (secret === undefined ? [ikeDaemonKey] : [ikeDaemonKey, secret]),
  owns: ({ mark, localSubnet }, { networks }) =>
    mark === 'flan' && networks.some((network) => contains(network as Prefix, localSubnet)),
  describe: ({ localAddress, localPublicIp, espProposal, encapsulation, settings }) =>
    [
      espProposal,
      encapsulation === 'always' ? 'in UDP' : '',
      localAddress === localPublicIp ? '' : `from ${localAddress}`,
      settings === 'standard' ? '' : 'with other settings than flan makes',
    ]
      .filter((word) => word !== '')
      .join(' '),
};

const PREFIX = 'flan:';

/** Its name in charon: flannel's, with the mark before it. */
export const connectionName = (connection: Ends & Pick<IpsecConnection, 'mark'>): string =>
  `${connection.mark === 'flan' ? PREFIX : ''}${nameOfEnds(connection)}`;

/** @returns undefined for a name that neither flan nor flanneld gives */
export function endsOf(name: string): (Ends & Pick<IpsecConnection, 'mark'>) | undefined {
  const mark = name.startsWith(PREFIX) ? 'flan' : 'none';
  const words = (mark === 'flan' ? name.slice(PREFIX.length) : name).split('-');
  const [localPublicIp, remotePublicIp] = [tryAddress(words[0] ?? ''), tryAddress(words[3] ?? '')];
  const [localSubnet, remoteSubnet] = [tryPrefix(words[1] ?? ''), tryPrefix(words[2] ?? '')];
  if (words.length !== 4 || !localPublicIp || !remotePublicIp || !localSubnet || !remoteSubnet) return undefined;
  return { localPublicIp, remotePublicIp, localSubnet, remoteSubnet, mark };
}

type Hidden = Pick<IpsecConnection, 'espProposal' | 'encapsulation'>;

/** flannel's name of the child, and behind it what charon would not tell of the connection. */
export const childName = ({ localSubnet, remoteSubnet, espProposal, encapsulation }: Ends & Hidden): string =>
  [`${localSubnet}-${remoteSubnet}`, espProposal, ...(encapsulation === 'always' ? ['udp'] : [])].join(';');

/** What a child's name says. */
export function hiddenIn(name: string): Hidden {
  const [, espProposal = 'unknown', udp] = name.split(';');
  return { espProposal, encapsulation: udp === 'udp' ? 'always' : 'behind NAT' };
}
