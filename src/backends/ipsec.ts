import { FlanError } from '../errors.js';
import { IKE_DAEMON } from '../kinds/ike-daemon.js';
import type { IpsecConnection } from '../kinds/ipsec-connection.js';
import { type IpsecSecret, ipsecSecretKey, pskName } from '../kinds/ipsec-secret.js';
import type { Address } from '../model/ip.js';
import { type Lease, leaseName } from '../model/lease.js';
import { type Network, networksOf } from '../model/network.js';
import { optionReader } from '../model/options.js';
import type { Backend, BackendContext } from './backend.js';

export interface IpsecOptions {
  /** Shared by all nodes. */
  readonly psk: string;
  /** ESP in UDP always, not only where there is NAT. */
  readonly udpEncap: boolean;
  /** In strongSwan's words. */
  readonly espProposal: string;
}

type Context = BackendContext<IpsecOptions>;

/** What flannel reckons with: outer IPv4 20, ESP 8, IV 16, padding and trailer up to 17, tag 16. */
const OVERHEAD_BYTES = 77;
const UDP_BYTES = 8;
const MIN_MTU = 68;
/** As flannel demands. */
const LEAST_PSK_CHARACTERS = 96;
/** As flannel has it. */
const ESP_PROPOSAL = 'aes128gcm16-sha256-prfsha256-ecp256';

/** Encrypted by the kernel's IPsec; charon agrees on the keys. There is no device: policies say what goes to which peer. */
export const ipsec: Backend<IpsecOptions> = {
  type: 'ipsec',
  publishedType: 'ipsec',
  families: [4],
  remembers: false,
  usesLookups: () => false,

  optionNames: ['PSK', 'UDPEncap', 'ESPProposal'],
  options: (raw) => {
    const read = optionReader({ raw, path: 'Backend' });
    const espProposal = read.string('ESPProposal') || ESP_PROPOSAL;
    if (!/^[a-z0-9_]+(-[a-z0-9_]+)*$/.test(espProposal) || espProposal.length > 128) {
      throw read.refuse(
        'ESPProposal',
        'must be one proposal in the words of strongSwan',
        `Name algorithms with '-' between them, as in ${ESP_PROPOSAL}.`,
      );
    }
    const udpEncap = read.boolean('UDPEncap') ?? false;
    const psk = read.string('PSK') ?? '';
    // Counted as Go does: in bytes.
    if (Buffer.byteLength(psk) < LEAST_PSK_CHARACTERS) {
      throw read.refuse(
        'PSK',
        `must be a key of at least ${LEAST_PSK_CHARACTERS} characters`,
        'Make one with `openssl rand -hex 48` and give it to all nodes.',
      );
    }
    return { psk, udpEncap, espProposal };
  },

  overheadBytes: ({ options }) => OVERHEAD_BYTES + (options.udpEncap ? UDP_BYTES : 0),

  advertise: () => ({}),

  local: (context) => {
    const owner = context.external[4]?.publicIp;
    return owner === undefined ? [] : [IKE_DAEMON, secretFor(context, owner)];
  },

  peer: (context, lease) => {
    const { own, external, options } = context;
    const [ours, theirs, ext] = [own?.ipv4, lease.ipv4, external[4]];
    if (!ours || !theirs?.publicIp || !ext || theirs.publicIp === ext.publicIp) return [];
    // charon looks for a key by either end: who answers a peer does not yet know as whom.
    const secret = secretFor(context, theirs.publicIp);
    const connection: IpsecConnection = {
      kind: 'ipsec-connection',
      localAddress: ext.address,
      localPublicIp: ext.publicIp,
      remotePublicIp: theirs.publicIp,
      localSubnet: ours.subnet,
      remoteSubnet: theirs.subnet,
      espProposal: options.espProposal,
      encapsulation: options.udpEncap ? 'always' : 'behind NAT',
      settings: 'standard',
      secret: ipsecSecretKey(secret),
      mark: 'flan',
    };
    return [secret, connection];
  },

  check: (context) => {
    const ext = context.external[4];
    if (ext === undefined) return [];
    const left = ext.mtu - ipsec.overheadBytes(context, 4);
    if (left >= MIN_MTU) return [];
    throw new FlanError('E_BACKEND', `ipsec leaves an MTU of ${left} on ${ext.dev}: IPv4 needs ${MIN_MTU}`, {
      hint: 'Raise the MTU of the interface.',
    });
  },

  checkPeer: ({ external }, lease) => (isOurAddress(lease, external[4]?.publicIp) ? [sameAddress(lease)] : []),
};

const isOurAddress = ({ ipv4 }: Lease, publicIp: string | undefined): boolean =>
  publicIp !== undefined && ipv4?.publicIp === publicIp;

const sameAddress = (lease: Lease) =>
  ({
    code: 'W_PEER_SAME_ADDRESS',
    message: `${leaseName(lease)} has published this node's own address ${lease.ipv4?.publicIp}: ipsec cannot tell the two apart`,
    hint: 'Give each node a public address of its own, or use another backend.',
  }) as const;

const secretFor = ({ network, options }: Context, owner: Address): IpsecSecret => ({
  kind: 'ipsec-secret',
  network: networksOf(network)[0] ?? '',
  owner,
  psk: pskName(options.psk),
});

/** The options of a network; undefined when its backend is another. @throws {FlanError} E_NETWORK_CONFIG */
export const ipsecOptionsOf = ({ backend }: Network): IpsecOptions | undefined =>
  backend.type === ipsec.type ? ipsec.options(backend.options) : undefined;
