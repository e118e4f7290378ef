import { createHash } from 'node:crypto';
import { type Address, tryAddress } from '../model/ip.js';
import { type Key, type Kind, keyOf } from '../planner/kind.js';
import { ikeDaemonKey } from './ike-daemon.js';

/** The key shared by all nodes, as charon holds it: present, and which one; never the key itself. */
export interface IpsecSecret {
  readonly kind: 'ipsec-secret';
  /** The first network of the cluster: two flans may share one charon. */
  readonly network: string;
  /** Who proves with it who they are: this node, or a peer, by public address. */
  readonly owner: Address;
  /** What tells one key from another and is not the key. */
  readonly psk: string;
}

/** Tells keys apart without telling what they are: 32 bits of a hash of at least 96 characters. */
export const pskName = (psk: string): string =>
  `sha256:${createHash('sha256').update('flan ipsec key').update(psk).digest('hex').slice(0, 8)}`;

export const ipsecSecretKey = ({ network, owner }: Pick<IpsecSecret, 'network' | 'owner'>): Key =>
  keyOf('ipsec-secret', network, owner);

export const ipsecSecretKind: Kind<IpsecSecret> = {
  kind: 'ipsec-secret',
  rank: 44,
  key: ipsecSecretKey,
  fields: ['psk'],
  inPlace: ['psk'],
  needs: () => [ikeDaemonKey],
  owns: ({ network }, { networks }) => networks.includes(network),
  describe: ({ psk }) => `preshared key ${psk}`,
};

const PREFIX = 'flan|';

/** The name that charon knows the secret by, which is all that charon tells of it. */
export const secretId = ({ network, owner, psk }: Omit<IpsecSecret, 'kind'>): string =>
  `${PREFIX}${network}|${owner}|${psk}`;

/** @returns undefined for a secret of somebody else's */
export function secretOf(id: string): IpsecSecret | undefined {
  if (!id.startsWith(PREFIX)) return undefined;
  const [network, address = '', psk, ...more] = id.slice(PREFIX.length).split('|');
  const owner = tryAddress(address);
  if (!network || owner === undefined || !psk || more.length > 0) return undefined;
  return { kind: 'ipsec-secret', network, owner, psk };
}
