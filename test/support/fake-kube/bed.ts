import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decodeNetwork } from '../../../src/config/network.js';
import { agentFor, type Credentials } from '../../../src/leases/kubernetes/credentials.js';
import { type ApiClient, apiClient } from '../../../src/leases/kubernetes/http.js';
import {
  type KubernetesStore,
  type KubernetesStoreOptions,
  kubernetesStore,
} from '../../../src/leases/kubernetes/store.js';
import type { Network } from '../../../src/model/network.js';
import { type FakeKube, type FakeKubeOptions, fakeKube } from './server.js';

/** A fake API server and what it takes to make stores on it. */
export interface KubeBed {
  readonly kube: FakeKube;
  readonly netConfigPath: string;
  configure(network: Network): Promise<void>;
  /** With the service account's first token unless told otherwise. */
  client(options?: { readonly timeoutMs?: number; readonly token?: string }): ApiClient;
  store(nodeName: string, options?: Partial<KubernetesStoreOptions>): KubernetesStore;
  close(): Promise<void>;
}

export async function kubeBed(options: FakeKubeOptions = {}): Promise<KubeBed> {
  const kube = await fakeKube(options);
  const dir = await mkdtemp(path.join(tmpdir(), 'flan-kube-'));
  const netConfigPath = path.join(dir, 'net-conf.json');
  const open: { close(): unknown }[] = [];
  const client: KubeBed['client'] = ({ timeoutMs = 5000, token = 'token-1' } = {}) => {
    const made = apiClient({ credentials: tokenCredentials(kube, token), timeoutMs });
    open.push(made);
    return made;
  };
  return {
    kube,
    netConfigPath,
    client,
    configure: (network) => writeFile(netConfigPath, JSON.stringify(netConf(network))),
    store(nodeName, more = {}) {
      const node = { type: 'name', name: nodeName } as const;
      const timing = { lengthSeconds: 60, idleTimeoutMs: 5000, shortMs: 100 };
      return kubernetesStore({ client: client(), node, netConfigPath, decodeNetwork, timing, ...more });
    },
    async close() {
      for (const thing of open) thing.close();
      await kube.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function tokenCredentials(kube: FakeKube, token: string): Credentials {
  const agent = agentFor(kube.url, { ca: kube.certificates.ca });
  return {
    server: kube.url,
    access: async () => ({ server: kube.url, headers: { authorization: `Bearer ${token}` }, agent }),
    invalidate: () => {},
    close: () => agent.destroy(),
  };
}

/** net-conf.json as people write it. */
const netConf = ({ ipv4, ipv6, nftables, backend }: Network) => ({
  EnableIPv4: ipv4 !== undefined,
  EnableIPv6: ipv6 !== undefined,
  EnableNFTables: nftables,
  ...(ipv4 && {
    Network: ipv4.network,
    SubnetLen: ipv4.subnetLen,
    SubnetMin: ipv4.subnetMin,
    SubnetMax: ipv4.subnetMax,
  }),
  ...(ipv6 && { IPv6Network: ipv6.network, IPv6SubnetLen: ipv6.subnetLen }),
  Backend: { Type: backend.type, ...backend.options },
});
