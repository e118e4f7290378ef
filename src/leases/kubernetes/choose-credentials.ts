import { FlanError } from '../../errors.js';
import { agentFor, type Credentials } from './credentials.js';
import { inClusterCredentials, SERVICE_ACCOUNT_FOLDER } from './in-cluster.js';

export interface CredentialSettings {
  /** Base URL; replaces the kubeconfig's server, alone it is used without authentication (`kubectl proxy`). */
  readonly apiUrl?: string | undefined;
  readonly kubeconfigFile?: string | undefined;
  /** The current one when absent. */
  readonly context?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nowMs: () => number;
  /** Where a pod finds its service account; for tests. */
  readonly serviceAccountFolder?: string | undefined;
}

/**
 * As flannel: a kubeconfig or an address when given, else the pod's service account. Outside of a cluster, where flannel
 * gives up, the kubeconfig that kubectl would use.
 * @throws {FlanError} E_CONFIG, E_STORE_AUTH
 */
export async function credentialsFor(settings: CredentialSettings): Promise<Credentials> {
  const { apiUrl, kubeconfigFile, context, env, nowMs } = settings;
  if (apiUrl !== undefined && !/^https?:\/\/[^/]/.test(apiUrl)) {
    throw new FlanError('E_CONFIG', `'${apiUrl}' is not the URL of an API server`, {
      where: 'kube-api-url',
      hint: 'Write it as https://HOST:PORT',
    });
  }
  if (apiUrl && !kubeconfigFile) return anonymous(apiUrl);
  if (!kubeconfigFile && env.KUBERNETES_SERVICE_HOST) {
    return inClusterCredentials({ env, nowMs, folder: settings.serviceAccountFolder ?? SERVICE_ACCOUNT_FOLDER });
  }
  const { kubeconfigCredentials } = await import('./kubeconfig.js');
  return kubeconfigCredentials({ file: kubeconfigFile, server: apiUrl, context, env, nowMs });
}

function anonymous(server: string): Credentials {
  const agent = agentFor(server, {});
  return {
    server,
    access: async () => ({ server, headers: {}, agent }),
    invalidate: () => {},
    close: () => agent.destroy(),
  };
}
