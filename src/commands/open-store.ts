import { decodeNetwork } from '../config/network.js';
import type { Settings } from '../config/settings.js';
import { fileStore } from '../leases/file/store.js';
import type { LeaseStore } from '../leases/store.js';
import type { Identity } from '../model/facts.js';
import type { Address } from '../model/ip.js';

export interface OpenedStore {
  readonly store: LeaseStore;
  /** Addresses that the store says are this node's, before what the settings say. */
  readonly publicIps: { readonly publicIp?: Address; readonly publicIpv6?: Address };
}

/** The store that the settings name. The clients of the bigger ones are loaded only when they are asked for. */
export async function openStore(settings: Settings, identity: Identity, signal: AbortSignal): Promise<OpenedStore> {
  switch (settings.store) {
    case 'file':
      return { store: fileStore({ path: settings.leases, decodeNetwork }), publicIps: {} };
    case 'etcd':
      return { store: await openEtcd(settings), publicIps: {} };
    case 'kubernetes':
      return openKubernetes(settings, identity, signal);
  }
}

async function openEtcd(settings: Settings): Promise<LeaseStore> {
  const { randomInt } = await import('node:crypto');
  const { etcdStore } = await import('../leases/etcd/index.js');
  const { etcdUsername: name, etcdPassword: password, etcdPasswordFile: passwordFile } = settings;
  return etcdStore({
    endpoints: settings.etcdEndpoints,
    prefix: settings.etcdPrefix,
    tls: { caFile: settings.etcdCafile, certFile: settings.etcdCertfile, keyFile: settings.etcdKeyfile },
    ...(name !== undefined && { user: { name, password, passwordFile } }),
    ttlSeconds: Math.round(settings.leaseTtl / 1000),
    decodeNetwork,
    now: Date.now,
    random: (max) => randomInt(max),
  });
}

async function openKubernetes(settings: Settings, identity: Identity, signal: AbortSignal): Promise<OpenedStore> {
  const { openKubernetesStore } = await import('../leases/kubernetes/open.js');
  const store = await openKubernetesStore({
    identity,
    env: process.env,
    decodeNetwork,
    apiUrl: settings.kubeApiUrl,
    kubeconfigFile: settings.kubeconfigFile,
    annotationPrefix: settings.kubeAnnotationPrefix,
    netConfigPath: settings.netConfigPath,
  });
  const ips = await store.nodePublicIps(signal);
  return { store, publicIps: { ...(ips[4] && { publicIp: ips[4] }), ...(ips[6] && { publicIpv6: ips[6] }) } };
}
