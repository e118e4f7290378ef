import type { Settings } from '../../config/settings.js';
import { SETTINGS } from '../../config/settings-definitions.js';
import { asFlanError, FlanError } from '../../errors.js';
import type { LeaseStore } from '../../leases/store.js';
import type { JsonObject } from '../../model/json.js';
import type { Network } from '../../model/network.js';
import { isSecretOption } from '../../model/options.js';
import type { Checkpoint } from '../../reconcile/checkpoint.js';
import type { Session } from '../../reconcile/session.js';
import { identityFrom } from '../identity-from.js';
import { openStore } from '../open-store.js';
import { openSessionThrough } from '../session.js';

/**
 * Settings as a checkpoint holds them: whoever rolls back may have other flags, another folder, no environment. Nothing
 * about stores, which hold secrets, and which a rollback does not ask.
 */
export function recordedSettings(settings: Settings): JsonObject {
  const kept = SETTINGS.filter(({ secret, group }) => !secret && group !== 'etcd' && group !== 'kubernetes');
  return Object.fromEntries(kept.map(({ key }) => [key, settings[key]])) as JsonObject;
}

/** The options of the backend that are secret: a checkpoint names them, and does not hold them. */
export const withheldOptions = ({ backend }: Network): JsonObject =>
  Object.fromEntries(Object.entries(backend.options).filter(([name]) => isSecretOption(name)));

/** The network config without those. */
export function recordedNetwork(network: Network): Network {
  const options = Object.entries(network.backend.options).filter(([name]) => !isSecretOption(name));
  return { ...network, backend: { ...network.backend, options: Object.fromEntries(options) } };
}

/**
 * Opens the host as the apply that left the checkpoint saw it. Asks no store: it may be what the apply has cut off.
 * @param withheld what the checkpoint does not hold, as far as it is known
 * @throws {FlanError} E_NETNS, E_TOOL_MISSING
 */
export function openRecorded(
  { settings, network }: Checkpoint,
  signal: AbortSignal,
  withheld: JsonObject = {},
): Promise<Session> {
  // Written by `recordedSettings`; what is missing has no value.
  const recorded = settings as unknown as Settings;
  const { backend } = network;
  const whole = { ...network, backend: { ...backend, options: { ...backend.options, ...withheld } } };
  return openSessionThrough(recorded, { store: recordedStore(whole), publicIps: async () => ({}) }, signal);
}

/** A store that is away must not keep anybody from rolling back. */
const STORE_MS = 5_000;

/** What a checkpoint withholds, from the lease store; what that does not give is told, and does without. */
export async function withheldFromStore(
  { withheld = [], network }: Checkpoint,
  settings: Settings,
  note: (line: string) => void,
): Promise<JsonObject> {
  if (withheld.length === 0) return {};
  try {
    const { store } = await openStore({ settings, identity: identityFrom(settings) });
    try {
      const now = await store.network(AbortSignal.timeout(STORE_MS));
      if (now.backend.type === network.backend.type) return withheldOptions(now);
    } finally {
      await store.close();
    }
  } catch (cause) {
    note(`the lease store does not tell ${withheld.join(', ')}: ${asFlanError(cause).message}`);
  }
  return {};
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
