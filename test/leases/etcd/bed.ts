import { randomBytes, randomInt } from 'node:crypto';
import { decodeNetwork } from '../../../src/config/network.js';
import { type EtcdStoreOptions, etcdStore } from '../../../src/leases/etcd/index.js';
import type { LeaseStore } from '../../../src/leases/store.js';
import { encodeLeaseValue } from '../../../src/leases/value.js';
import type { Lease } from '../../../src/model/lease.js';
import type { Network } from '../../../src/model/network.js';
import type { StoreBed } from '../../contracts/lease-store.js';
import { type EtcdServer, startProxy, type TcpProxy } from '../../support/etcd.js';

export const storeOf = (options: Partial<EtcdStoreOptions> & Pick<EtcdStoreOptions, 'endpoints'>): LeaseStore =>
  etcdStore({ prefix: '/test/network', decodeNetwork, now: Date.now, random: belowMax, ...options });

/** crypto.randomInt refuses an empty range. */
const belowMax = (max: number): number => (max <= 1 ? 0 : randomInt(max));

/** A prefix that no other test uses. */
export const freshPrefix = (): string => `/test/${randomBytes(6).toString('hex')}`;

export const netConf = ({ ipv4, ipv6, backend, nftables }: Network): string =>
  JSON.stringify({
    EnableIPv4: ipv4 !== undefined,
    EnableIPv6: ipv6 !== undefined,
    EnableNFTables: nftables,
    ...(ipv4 && {
      Network: ipv4.network,
      SubnetLen: ipv4.subnetLen,
      SubnetMin: ipv4.subnetMin,
      SubnetMax: ipv4.subnetMax,
    }),
    ...(ipv6 && {
      IPv6Network: ipv6.network,
      IPv6SubnetLen: ipv6.subnetLen,
      IPv6SubnetMin: ipv6.subnetMin,
      IPv6SubnetMax: ipv6.subnetMax,
    }),
    Backend: { ...backend.options, Type: backend.type },
  });

/** One prefix of a server, reached through a proxy that can fail. */
export async function etcdBed(
  server: EtcdServer,
): Promise<StoreBed & { readonly proxy: TcpProxy; readonly prefix: string }> {
  const prefix = freshPrefix();
  const proxy = await startProxy(server.port);
  const key = (name: string) => `${prefix}/subnets/${name}`;
  const put = (lease: Lease) => server.ctl('put', key(lease.key), encodeLeaseValue(lease)).then(() => {});
  return {
    proxy,
    prefix,
    client: async () => storeOf({ endpoints: [proxy.endpoint], prefix }),
    configure: (network) => server.ctl('put', `${prefix}/config`, netConf(network)).then(() => {}),
    put,
    remove: (name) => server.ctl('del', key(name)).then(() => {}),
    async corrupt() {
      await server.ctl('put', key('10.3.9.0-24'), 'not json');
      return '10.3.9.0-24';
    },
    async loseHistory(meanwhile) {
      proxy.refuse();
      await meanwhile();
      const [status] = JSON.parse(await server.ctl('endpoint', 'status', '-w', 'json'));
      await server.ctl('compact', String(status.Status.header.revision));
      proxy.resume();
    },
    disconnect: async () => proxy.refuse(),
    reconnect: async () => proxy.resume(),
    close: () => proxy.close(),
  };
}
