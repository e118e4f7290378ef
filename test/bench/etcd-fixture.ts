import { etcdClient } from '../../src/leases/etcd/client.js';
import { toBytes } from '../../src/leases/etcd/keys.js';
import { TXN } from '../../src/leases/etcd/proto.js';
import { encodeLeaseValue } from '../../src/leases/value.js';
import { formatIPv4, parseAddress, parsePrefix } from '../../src/model/ip.js';
import { type Lease, leaseKey } from '../../src/model/lease.js';
import { type EtcdServer, startEtcd } from '../support/etcd.js';

/** An etcd server that holds leases as flanneld writes them. */
export interface EtcdBench {
  readonly server: EtcdServer;
  readonly flags: readonly string[];
  put(key: string, value: string): Promise<void>;
  remove(key: string): Promise<void>;
  close(): Promise<void>;
}

const PREFIX = '/coreos.com/network';
const BATCH = 100; // etcd takes 128 operations per transaction

export type BenchBackend = 'host-gw' | 'vxlan';

/** Lease j is 10.x.y.0/24 through 172.16.x.y, j from 1 on; the network is 10.0.0.0/8. */
export function benchLease(
  j: number,
  backendType: BenchBackend = 'host-gw',
): { readonly key: string; readonly value: string; readonly subnet: string } {
  const ipv4 = {
    subnet: parsePrefix(`${formatIPv4(0x0a000000 + (j << 8))}/24`),
    publicIp: parseAddress(formatIPv4(0xac100000 + j)),
    ...(backendType === 'vxlan' && { backendData: { VNI: 1, VtepMAC: benchMac(j) } }),
  };
  const lease: Lease = { key: leaseKey({ ipv4: ipv4.subnet }), backendType, ipv4 };
  return { key: `${PREFIX}/subnets/${lease.key}`, value: encodeLeaseValue(lease), subnet: ipv4.subnet };
}

/** The VTEP of lease j. */
export const benchMac = (j: number): string =>
  `02:00:00:${[j >> 16, (j >> 8) & 255, j & 255].map((octet) => octet.toString(16).padStart(2, '0')).join(':')}`;

export async function openEtcdBench(leases: number, backend: BenchBackend = 'host-gw'): Promise<EtcdBench> {
  const server = await startEtcd();
  const client = etcdClient({ endpoints: [server.endpoint] });
  const { signal } = new AbortController();
  const write = async (puts: readonly { readonly key: string; readonly value: string }[]): Promise<void> => {
    const success = puts.map(({ key, value }) => ({ put: { key: toBytes(key), value: toBytes(value), lease: 0n } }));
    await client.call(TXN, { compare: [], success }, signal);
  };
  const network = `{"Network":"10.0.0.0/8","SubnetLen":24,"SubnetMin":"10.0.1.0","Backend":{"Type":"${backend}"}}`;
  await write([{ key: `${PREFIX}/config`, value: network }]);
  const all = Array.from({ length: leases }, (_, i) => benchLease(i + 2, backend));
  for (let i = 0; i < all.length; i += BATCH) await write(all.slice(i, i + BATCH));
  return {
    server,
    flags: ['--store', 'etcd', '--etcd-endpoints', server.endpoint],
    put: (key, value) => write([{ key, value }]),
    async remove(key) {
      await client.call(TXN, { compare: [], success: [{ delete: { key: toBytes(key) } }] }, signal);
    },
    async close() {
      client.close();
      await server.close();
    },
  };
}
