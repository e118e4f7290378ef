import { readFile } from 'node:fs/promises';
import type http from 'node:http';
import { FlanError } from '../../errors.js';
import { agentFor, type Credentials, REREAD_MS } from './credentials.js';

/** Where the kubelet mounts the token and the cluster's certificate authority. */
export const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface InClusterOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly nowMs: () => number;
  readonly folder: string;
}

interface Material {
  readonly token: string;
  readonly ca: string;
  readonly agent: http.Agent;
  readonly readAtMs: number;
}

/** The service account of the pod. Token and authority are read again each minute: both are rotated under us. */
export function inClusterCredentials({ env, nowMs, folder }: InClusterOptions): Credentials {
  const host = env.KUBERNETES_SERVICE_HOST ?? '';
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${env.KUBERNETES_SERVICE_PORT ?? '443'}`;
  let material: Material | undefined;
  let stale = true;

  const read = async (name: string): Promise<string> => {
    try {
      return await readFile(`${folder}/${name}`, 'utf8');
    } catch (cause) {
      throw new FlanError('E_STORE_AUTH', `cannot read the service account's ${name}: ${(cause as Error).message}`, {
        where: `${folder}/${name}`,
        hint: 'Run with a service account (automountServiceAccountToken), or give --kubeconfig-file',
        cause,
      });
    }
  };

  return {
    server,
    async access() {
      if (stale || material === undefined || nowMs() - material.readAtMs >= REREAD_MS) {
        const [token, ca] = await Promise.all([read('token'), read('ca.crt')]);
        // A new authority gets new connections; those that are open under the old one end by themselves.
        const agent = material?.ca === ca ? material.agent : agentFor(server, { ca });
        material = { token: token.trim(), ca, agent, readAtMs: nowMs() };
        stale = false;
      }
      return { server, headers: { authorization: `Bearer ${material.token}` }, agent: material.agent };
    },
    invalidate() {
      stale = true;
    },
    close: () => material?.agent.destroy(),
  };
}
