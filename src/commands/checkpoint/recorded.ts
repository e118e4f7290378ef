import type { Settings } from '../../config/settings.js';
import { SETTINGS } from '../../config/settings-definitions.js';
import { FlanError } from '../../errors.js';
import type { LeaseStore } from '../../leases/store.js';
import type { JsonObject } from '../../model/json.js';
import type { Network } from '../../model/network.js';
import { isSecretOption } from '../../model/options.js';
import type { Checkpoint } from '../../reconcile/checkpoint.js';
import type { Session } from '../../reconcile/session.js';
import { openSessionThrough } from '../session.js';

/**
 * Settings as a checkpoint holds them: whoever rolls back may have other flags, another folder, no environment. Nothing
 * about stores, which hold secrets, and which a rollback does not ask.
 */
export function recordedSettings(settings: Settings): JsonObject {
  const kept = SETTINGS.filter(({ secret, group }) => !secret && group !== 'etcd' && group !== 'kubernetes');
  return Object.fromEntries(kept.map(({ key }) => [key, settings[key]])) as JsonObject;
}

/** The network config without the options that are secret. */
export function recordedNetwork(network: Network): Network {
  const options = Object.entries(network.backend.options).filter(([name]) => !isSecretOption(name));
  return { ...network, backend: { ...network.backend, options: Object.fromEntries(options) } };
}

/**
 * Opens the host as the apply that left the checkpoint saw it. Asks no store: it may be what the apply has cut off.
 * @throws {FlanError} E_NETNS, E_TOOL_MISSING
 */
export function openRecorded({ settings, network }: Checkpoint, signal: AbortSignal): Promise<Session> {
  // Written by `recordedSettings`; what is missing has no value.
  const recorded = settings as unknown as Settings;
  return openSessionThrough(recorded, { store: recordedStore(network), publicIps: async () => ({}) }, signal);
}

/** Knows the network and nothing else. */
function recordedStore(network: Network): LeaseStore {
  const refuse = async (): Promise<never> => {
    throw new FlanError('E_STORE_CLOSED', 'a rollback asks no lease store');
  };
  return {
    name: 'checkpoint',
    expires: false,
    network: async () => network,
    list: refuse,
    acquire: refuse,
    renew: refuse,
    release: refuse,
    // biome-ignore lint/correctness/useYield: there is nothing to tell
    async *watch() {
      await refuse();
    },
    close: async () => undefined,
  };
}
