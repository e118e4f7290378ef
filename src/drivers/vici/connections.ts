import { childName, connectionName, endsOf, hiddenIn, type IpsecConnection } from '../../kinds/ipsec-connection.js';
import { compareAddresses, tryAddress } from '../../model/ip.js';
import { listIn, sectionsIn, textIn, type ViciMessage } from './message.js';

/** The only ones that flannel's nodes agree to. */
const IKE_PROPOSAL = 'aes256-sha256-modp4096';
/** flannel asks for none, so that its IKE_SAs are never rekeyed: an empty text is nought to charon. */
const IKE_REKEY_SECONDS = 4 * 3600;
const CHILD_REKEY_SECONDS = 3600;
/** How long a peer may be silent before it is asked whether it is there. */
const DPD_DELAY_SECONDS = 15;

/**
 * A connection as charon takes it. What peers see of it is what flanneld's shows them; what only this end knows is
 * better: SAs are rekeyed, dead peers found out, and charon keeps the policies.
 */
export function connectionMessage(connection: IpsecConnection): ViciMessage {
  const { localAddress, localPublicIp, remotePublicIp, localSubnet, remoteSubnet } = connection;
  return {
    [connectionName(connection)]: {
      version: '2',
      local_addrs: [localAddress],
      remote_addrs: [remotePublicIp],
      proposals: [IKE_PROPOSAL],
      encap: connection.encapsulation === 'always' ? 'yes' : 'no',
      keyingtries: '0',
      rekey_time: `${IKE_REKEY_SECONDS}s`,
      dpd_delay: `${DPD_DELAY_SECONDS}s`,
      local: { auth: 'psk', id: localPublicIp },
      // flanneld does not say whom it expects, and so takes whoever has any secret of its charon's; its nodes say their
      // address, too.
      remote: { auth: 'psk', id: remotePublicIp },
      children: {
        [childName(connection)]: {
          local_ts: [localSubnet],
          remote_ts: [remoteSubnet],
          esp_proposals: [connection.espProposal],
          mode: 'tunnel',
          rekey_time: `${CHILD_REKEY_SECONDS}s`,
          // The policy stands from now on: nothing leaves in clear while there is no SA.
          start_action: 'trap',
          close_action: 'trap',
          dpd_action: 'restart',
        },
      },
    },
  };
}

/** @returns undefined for one that has neither flan's nor flanneld's name */
export function connectionFrom(name: string, about: ViciMessage): IpsecConnection | undefined {
  const ends = endsOf(name);
  if (ends === undefined) return undefined;
  const children = sectionsIn(sectionIn(about, 'children'));
  const [first] = children;
  const localAddress = tryAddress(listIn(about, 'local_addrs')[0] ?? '') ?? ends.localPublicIp;
  const isStandard =
    children.length === 1 && first !== undefined && hasStandardEnds(about, ends) && hasStandardChild(first[1], ends);
  return {
    kind: 'ipsec-connection',
    ...ends,
    localAddress,
    ...hiddenIn(first?.[0] ?? ''),
    settings: isStandard ? 'standard' : 'changed',
  };
}

type Ends = Pick<IpsecConnection, 'localPublicIp' | 'remotePublicIp' | 'localSubnet' | 'remoteSubnet'>;

function hasStandardEnds(about: ViciMessage, { localPublicIp, remotePublicIp }: Ends): boolean {
  return (
    listIn(about, 'local_addrs').length === 1 &&
    textIn(about, 'version') === 'IKEv2' &&
    textIn(about, 'rekey_time') === String(IKE_REKEY_SECONDS) &&
    textIn(about, 'dpd_delay') === String(DPD_DELAY_SECONDS) &&
    textIn(sectionIn(about, 'local-1'), 'id') === localPublicIp &&
    textIn(sectionIn(about, 'remote-1'), 'id') === remotePublicIp &&
    listIn(about, 'remote_addrs').join() === remotePublicIp
  );
}

const hasStandardChild = (child: ViciMessage, { localSubnet, remoteSubnet }: Ends): boolean =>
  textIn(child, 'mode') === 'TUNNEL' &&
  textIn(child, 'rekey_time') === String(CHILD_REKEY_SECONDS) &&
  textIn(child, 'close_action') === 'trap' &&
  listIn(child, 'local-ts').join() === localSubnet &&
  listIn(child, 'remote-ts').join() === remoteSubnet;

const sectionIn = (message: ViciMessage, name: string): ViciMessage =>
  sectionsIn(message).find(([other]) => other === name)?.[1] ?? {};

/** Which end of two starts when both come up: the one with the lower address, so that they agree on one SA. */
export const startsFirst = ({ localPublicIp, remotePublicIp }: Ends): boolean =>
  compareAddresses(localPublicIp, remotePublicIp) < 0;
