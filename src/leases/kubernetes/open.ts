import type { FlanError } from '../../errors.js';
import type { Identity } from '../../model/facts.js';
import { credentialsFor } from './choose-credentials.js';
import { systemClock } from './clock.js';
import { apiClient } from './http.js';
import { DEFAULT_NET_CONFIG_PATH, type DecodeNetwork } from './net-config.js';
import { nodeSource } from './own-node.js';
import { type KubernetesStore, kubernetesStore } from './store.js';

/** How long the API server may take to answer, and to go on within an answer. A watch has its own limit. */
const REQUEST_TIMEOUT_MS = 30_000;

export interface OpenKubernetes {
  /** Who this host is. NODE_NAME, or POD_NAME with POD_NAMESPACE, name the Node before `node` does. */
  readonly identity: Identity;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly decodeNetwork: DecodeNetwork;
  readonly apiUrl?: string | undefined;
  readonly kubeconfigFile?: string | undefined;
  readonly context?: string | undefined;
  readonly annotationPrefix?: string | undefined;
  readonly netConfigPath?: string | undefined;
  /** How long `acquire` waits for a podCIDR; for ever when absent. */
  readonly waitMs?: number | undefined;
  /** Told what is waited for and what is tried again. */
  readonly report?: ((error: FlanError) => void) | undefined;
}

/**
 * The store of the cluster this host or its settings name. Contacts nobody yet.
 * @throws {FlanError} E_CONFIG
 */
export async function openKubernetesStore(options: OpenKubernetes): Promise<KubernetesStore> {
  const { identity, env, apiUrl, kubeconfigFile, context } = options;
  const { nowMs } = systemClock;
  const credentials = await credentialsFor({ apiUrl, kubeconfigFile, context, env, nowMs });
  return kubernetesStore({
    client: apiClient({ credentials, timeoutMs: REQUEST_TIMEOUT_MS }),
    node: nodeSource(env, identity.node),
    ownNodeId: identity.nodeId,
    netConfigPath: options.netConfigPath ?? DEFAULT_NET_CONFIG_PATH,
    decodeNetwork: options.decodeNetwork,
    annotationPrefix: options.annotationPrefix,
    waitMs: options.waitMs,
    report: options.report,
  });
}
