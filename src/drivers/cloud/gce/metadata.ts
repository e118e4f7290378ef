import type { CloudEdge } from '../client.js';
import { CloudError, isPassing } from '../cloud-error.js';
import { send } from '../http.js';
import { METADATA, persistently } from '../retry.js';

/** Reads below `/computeMetadata/v1/`. @throws {FlanError} E_CLOUD_UNREACHABLE */
export type GceMetadata = (path: string, signal: AbortSignal) => Promise<string>;

const TIMEOUT_MS = 2000;

/** The metadata server of a Compute Engine VM. @see cloud.google.com/compute/docs/metadata/overview */
export function gceMetadata(edge: CloudEdge): GceMetadata {
  const host = edge.env.GCE_METADATA_HOST || edge.env.GCE_METADATA_IP || '169.254.169.254';
  const what = 'GCE metadata';
  return (path, signal) =>
    persistently(
      edge,
      async () => {
        const url = `http://${host}/computeMetadata/v1/${path}`;
        const headers = { 'metadata-flavor': 'Google' };
        const answer = await send({ what, method: 'GET', url, headers, timeoutMs: TIMEOUT_MS }, signal);
        // Whoever else answers at that address, a router for example, does not say this.
        if (answer.headers['metadata-flavor'] !== 'Google') {
          throw new CloudError(
            'E_CLOUD_UNREACHABLE',
            `${what}: what answers at ${host} is no metadata server of Google`,
            {
              hint: 'Check that this host is a VM of Compute Engine.',
            },
          );
        }
        if (answer.status === 200) return answer.text.trim();
        throw new CloudError('E_CLOUD_UNREACHABLE', `${what} ${path}: status ${answer.status}`, {
          retry: isPassing(answer.status),
          hint: path.includes('service-accounts')
            ? 'Give the VM a service account with the scope compute-rw.'
            : undefined,
        });
      },
      { ...METADATA, signal },
    );
}
