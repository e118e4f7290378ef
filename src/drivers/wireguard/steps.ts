import { FlanError } from '../../errors.js';
import type { WireguardDevice } from '../../kinds/wireguard-device.js';
import { allowedIpsOf, type WireguardPeer } from '../../kinds/wireguard-peer.js';
import type { Address, Prefix } from '../../model/ip.js';
import type { Step } from '../../planner/plan.js';
import type { Endpoint, PeerChange, WireguardChange } from './transport.js';

/** What resources stand for and must not hold. */
export interface WireguardSecrets {
  /** This node's key as it is now; undefined when there is none. */
  key(): { readonly publicKey: string; privateKey(): Uint8Array } | undefined;
  /** 32 bytes; absent: peers have none. */
  readonly presharedKey: Uint8Array | undefined;
}

const NO_KEY = new Uint8Array(32);

/** The fields that a step sets: all of a new resource, of others those that differ. */
const isSet = (step: Step, field: string): boolean =>
  step.action === 'create' || step.action === 'replace' || (step.action !== 'delete' && step.fields.includes(field));

/** @throws {FlanError} E_RACE when the key in the file is not the one that the step is about */
export function deviceChange(step: Step, secrets: WireguardSecrets): WireguardChange {
  if (step.action === 'delete') return { privateKey: NO_KEY };
  const { publicKey, listenPort, firewallMark } = step.after as WireguardDevice;
  return {
    ...(isSet(step, 'publicKey') && { privateKey: privateKeyOf(publicKey, secrets) }),
    ...(isSet(step, 'listenPort') && { listenPort }),
    ...(isSet(step, 'firewallMark') && { firewallMark }),
  };
}

function privateKeyOf(publicKey: string, { key }: WireguardSecrets): Uint8Array {
  const found = key();
  if (found?.publicKey === publicKey) return found.privateKey();
  throw new FlanError('E_RACE', `the WireGuard key of this node ${found ? 'changed' : 'vanished'} meanwhile`, {
    hint: 'Run it again; it goes by the key file.',
    retry: true,
  });
}

/**
 * @param movesFrom whether the peer takes prefixes over from another, which is what a changed key looks like: then a
 * keepalive starts the handshake at once, so that nobody has to wait until there is something to send
 */
export function peerChanges(step: Step, { secrets, movesFrom }: PeerChangeInput): PeerChange[] {
  if (step.action === 'delete') return [{ publicKey: (step.before as WireguardPeer).publicKey, remove: true }];
  const { publicKey, keepaliveSeconds, presharedKey, endpoint } = step.after as WireguardPeer;
  const allowedIps = allowedIpsOf(step.after as WireguardPeer);
  const isNew = step.action === 'create';
  const hurry = isNew && keepaliveSeconds === 0 && movesFrom(allowedIps, publicKey);
  const change: PeerChange = {
    publicKey,
    // A new peer has none of its own accord; nor does it send keepalives.
    ...(isSet(step, 'presharedKey') &&
      !(isNew && presharedKey === 'none') && {
        presharedKey: presharedKey === 'none' ? NO_KEY : (secrets.presharedKey ?? NO_KEY),
      }),
    ...(endpoint !== undefined && isSet(step, 'endpoint') && { endpoint: endpointOf(endpoint) }),
    ...(isSet(step, 'allowedIps') && { allowedIps }),
    ...(hurry
      ? { keepaliveSeconds: 1 }
      : isSet(step, 'keepaliveSeconds') && !(isNew && keepaliveSeconds === 0) && { keepaliveSeconds }),
  };
  return hurry ? [change, { publicKey, keepaliveSeconds }] : [change];
}

/** What `endpointText` wrote: its address is canonical already. */
function endpointOf(text: string): Endpoint {
  const colon = text.lastIndexOf(':');
  const host = text.startsWith('[') ? text.slice(1, colon - 1) : text.slice(0, colon);
  return { address: host as Address, port: Number(text.slice(colon + 1)) };
}

export interface PeerChangeInput {
  readonly secrets: WireguardSecrets;
  readonly movesFrom: (allowedIps: readonly Prefix[], to: string) => boolean;
}
