import { decodeNetwork } from '../config/network.js';
import type { Settings } from '../config/settings.js';
import type { FlanError } from '../errors.js';
import { fileStore } from '../leases/file/store.js';
import type { LeaseStore } from '../leases/store.js';
import type { Identity } from '../model/facts.js';
import type { Address } from '../model/ip.js';
import type { Warning } from '../model/warning.js';

export interface StoreInput {
  readonly settings: Settings;
  readonly identity: Identity;
  /** Told what a store waits for that can wait; without it such a store fails instead. */
  readonly onWait?: ((error: FlanError) => void) | undefined;
}

export interface OpenedStore {
  readonly store: LeaseStore;
  /** Asks the store for addresses of this node that go before what the settings say. */
  publicIps(signal: AbortSignal): Promise<PublicIps>;
  /** What is odd about the network config that the store gave last. */
  networkWarnings?(): readonly Warning[];
}

export interface PublicIps {
  readonly publicIp?: Address;
  readonly publicIpv6?: Address;
}

/** The store that the settings name; contacts nobody. The clients of the bigger ones are loaded only when asked for. */
export async function openStore(input: StoreInput): Promise<OpenedStore> {
  let warnings: readonly Warning[] = [];
  const decode: Decode = (value, where) => {
    const decoded = decodeNetwork(value, where);
    ({ warnings } = decoded);
    return decoded;
  };
  return { publicIps: async () => ({}), ...(await open(input, decode)), networkWarnings: () => warnings };
}

type Decode = typeof decodeNetwork;

async function open(
  input: StoreInput,
  decodeNetwork: Decode,
): Promise<Pick<OpenedStore, 'store'> & Partial<OpenedStore>> {
  const { settings } = input;
  switch (settings.store) {
    case 'file':
      return { store: fileStore({ path: settings.leases, decodeNetwork }) };
    case 'etcd':
      return { store: await openEtcd(settings, decodeNetwork) };
    case 'kubernetes':
      return openKubernetes(input, decodeNetwork);
  }
}

async function openEtcd(settings: Settings, decodeNetwork: Decode): Promise<LeaseStore> {
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

async function openKubernetes({ settings, identity, onWait }: StoreInput, decodeNetwork: Decode): Promise<OpenedStore> {
  const { openKubernetesStore } = await import('../leases/kubernetes/open.js');
  const { setNetwork, nodePublicIps, ...store } = await openKubernetesStore({
    identity,
    env: process.env,
    decodeNetwork,
    apiUrl: settings.kubeApiUrl,
    kubeconfigFile: settings.kubeconfigFile,
    annotationPrefix: settings.kubeAnnotationPrefix,
    netConfigPath: settings.netConfigPath,
    report: onWait,
    ...(onWait === undefined && { waitMs: 0 }),
  });
  return {
    store: { ...store, assigns: true, ...(settings.setNodeNetworkUnavailable && { setNetwork }) },
    async publicIps(signal) {
      const ips = await nodePublicIps(signal);
      return { ...(ips[4] && { publicIp: ips[4] }), ...(ips[6] && { publicIpv6: ips[6] }) };
    },
  };
}
