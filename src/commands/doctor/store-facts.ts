import type { Settings } from '../../config/settings.js';
import type { StoreFacts } from '../../doctor/facts.js';
import { askServer, certificatesIn, type ServerFacts } from '../../host/state/server.js';

/** What the way to the store depends on beside the store itself: certificates, and whose clock is right. */
export async function storeFacts(settings: Settings, signal: AbortSignal): Promise<StoreFacts> {
  switch (settings.store) {
    case 'file':
      return { type: 'file', name: `file ${settings.leases}`, certificates: [] };
    case 'etcd':
      return etcdFacts(settings, signal);
    case 'kubernetes':
      return kubernetesFacts(settings, signal);
  }
}

async function etcdFacts(settings: Settings, signal: AbortSignal): Promise<StoreFacts> {
  const { etcdEndpoints: endpoints, etcdCafile, etcdCertfile: certFile, etcdKeyfile: keyFile } = settings;
  const seen = await Promise.all(endpoints.map((url) => askServer({ url, certFile, keyFile, signal })));
  const own = [...certificatesIn(etcdCafile, 'authority in'), ...certificatesIn(certFile, 'client certificate')];
  return { type: 'etcd', name: `etcd ${endpoints.join(',')}`, ...together(seen, own) };
}

async function kubernetesFacts(settings: Settings, signal: AbortSignal): Promise<StoreFacts> {
  const { credentialsFor } = await import('../../leases/kubernetes/choose-credentials.js');
  const { kubeApiUrl: apiUrl, kubeconfigFile } = settings;
  const nowMs = () => Date.now();
  try {
    const credentials = await credentialsFor({ apiUrl, kubeconfigFile, env: process.env, nowMs });
    try {
      const seen = await askServer({ url: credentials.server, signal });
      return { type: 'kubernetes', name: `kubernetes ${credentials.server}`, ...together([seen], []) };
    } finally {
      credentials.close();
    }
  } catch {
    // Opening the store fails for the same reason and is told.
    return { type: 'kubernetes', name: 'kubernetes', certificates: [] };
  }
}

function together(seen: readonly ServerFacts[], own: StoreFacts['certificates']) {
  const clock = seen.find((one) => one.clock !== undefined)?.clock;
  return { certificates: [...seen.flatMap(({ certificates }) => certificates), ...own], ...(clock && { clock }) };
}
