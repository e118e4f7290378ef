import { afterAll, beforeAll } from 'vitest';
import { encodeLeaseValue } from '../../src/leases/value.js';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import { type Lease, leaseKey } from '../../src/model/lease.js';
import { freshPrefix } from '../leases/etcd/bed.js';
import { type Finished, flan } from '../support/cli.js';
import { type EtcdServer, startEtcd, startProxy, type TcpProxy } from '../support/etcd.js';
import type { KernelTestOptions } from '../support/kernel.js';
import { type Lab, type LabNode, type LabOptions, labTest } from '../support/lab.js';
import { type Daemon, startDaemon } from '../support/lab-daemon.js';

/** A lab whose leases are in etcd, under a prefix of its own, reached through a proxy that can fail. */
export interface EtcdLab extends Omit<Lab, 'put'> {
  readonly prefix: string;
  readonly proxy: TcpProxy;
  readonly server: EtcdServer;
  configure(network: unknown): Promise<void>;
  /** Puts a lease as flanneld writes it: `10.5.2.0/24` of 192.168.10.2, of a node that has no name. */
  put(...lease: Parameters<typeof flannelLease>): Promise<void>;
  /** Puts any value under a key below `<prefix>`. */
  putKey(key: string, value: string): Promise<void>;
  removeKey(key: string): Promise<void>;
  /** Keys below `<prefix>/subnets/` with their values. */
  stored(): Promise<Readonly<Record<string, LeaseValue>>>;
  /** Keys that hang on no etcd lease. */
  permanent(): Promise<readonly string[]>;
  /** Forgets all history. */
  compact(): Promise<void>;
  /** Flags that lead to this prefix. */
  readonly flags: readonly string[];
  flan(node: LabNode, args: readonly string[]): Promise<Finished>;
  /** As another node on the host of the first one; commands that leave the host alone only. */
  flanAs(name: string, args: readonly string[]): Promise<Finished>;
  /** Starts `flan watch`; `ready` waits until it is. */
  watch(node: LabNode, args?: readonly string[]): Daemon;
  ready(node: LabNode, args?: readonly string[]): Promise<Daemon>;
}

export interface LeaseValue {
  readonly PublicIP: string;
  readonly PublicIPv6: string | null;
  readonly BackendType?: string;
  readonly BackendData?: Readonly<Record<string, unknown>>;
  readonly NodeName?: string;
  readonly NodeID?: string;
}

export interface EtcdLabOptions extends Omit<LabOptions, 'network'>, KernelTestOptions {
  /** Absent: nothing is configured. */
  readonly config?: unknown;
}

export const HOST_GW = { Network: '10.5.0.0/16', Backend: { Type: 'host-gw' } } as const;
export const VXLAN = { Network: '10.5.0.0/16', Backend: { Type: 'vxlan' } } as const;

/** One etcd server for all tests of a file. */
export function etcdLabs(): (name: string, options: EtcdLabOptions, action: (lab: EtcdLab) => Promise<void>) => void {
  let server: EtcdServer | undefined;
  beforeAll(async () => {
    server = await startEtcd();
  });
  afterAll(() => server?.close());
  return (name, options, action) =>
    labTest(name, { timeoutMs: 60_000, ...options }, async (lab) => {
      if (server === undefined) throw new Error('etcd did not start');
      const proxy = await startProxy(server.port);
      lab.onEnd(() => proxy.close());
      const made = etcdLab({ lab, server, proxy });
      if (options.config !== undefined) await made.configure(options.config);
      await action(made);
    });
}

interface Parts {
  readonly lab: Lab;
  readonly server: EtcdServer;
  readonly proxy: TcpProxy;
}

function etcdLab({ lab, server, proxy }: Parts): EtcdLab {
  const prefix = freshPrefix();
  const flags = ['--store', 'etcd', '--etcd-endpoints', proxy.endpoint, '--etcd-prefix', prefix];
  const folder = `${prefix}/subnets/`;
  const putKey = async (key: string, value: string): Promise<void> => {
    await server.ctl('put', `${prefix}/${key}`, value);
  };
  const read = async (): Promise<readonly Stored[]> => {
    const { kvs = [] } = JSON.parse(await server.ctl('get', '--prefix', folder, '-w', 'json')) as { kvs?: Stored[] };
    return kvs;
  };
  const nameOf = ({ key }: Stored): string => fromBase64(key).slice(folder.length);
  const watch = (node: LabNode, args: readonly string[] = []): Daemon => {
    const daemon = startDaemon(node.start(['watch', '--json', ...flags, ...args]));
    lab.onEnd(() => daemon.kill());
    return daemon;
  };
  return {
    ...lab,
    ...{ prefix, proxy, server, flags, putKey, watch },
    configure: (network) => putKey('config', typeof network === 'string' ? network : JSON.stringify(network)),
    async put(...lease) {
      const { key, value } = flannelLease(...lease);
      await putKey(`subnets/${key}`, value);
    },
    async removeKey(key) {
      await server.ctl('del', `${prefix}/${key}`);
    },
    stored: async () => Object.fromEntries((await read()).map((kv) => [nameOf(kv), JSON.parse(fromBase64(kv.value))])),
    permanent: async () => (await read()).filter(({ lease }) => lease === undefined).map(nameOf),
    async compact() {
      const [status] = JSON.parse(await server.ctl('endpoint', 'status', '-w', 'json'));
      await server.ctl('compact', String(status.Status.header.revision));
    },
    flanAs: (name, args) => {
      const identity = ['--node', name, '--node-id', `id-${name}`, '--netns', lab.node().netns.name];
      return flan([...args, ...identity, ...flags, '--json']);
    },
    flan: (node, [command = '', ...args]) => node.flan([command, ...flags, ...args]),
    async ready(node, args) {
      const daemon = watch(node, args);
      await daemon.until('ready');
      return daemon;
    },
  };
}

interface Stored {
  readonly key: string;
  readonly value: string;
  readonly lease?: number;
}

const fromBase64 = (text: string): string => Buffer.from(text, 'base64').toString();

export function flannelLease(
  subnet: string,
  publicIp: string,
  more: Partial<Lease> = {},
): { readonly key: string; readonly value: string } {
  const ipv4 = { subnet: parsePrefix(subnet), publicIp: parseAddress(publicIp) };
  const lease: Lease = { key: leaseKey({ ipv4: ipv4.subnet }), backendType: 'host-gw', ipv4, ...more };
  return { key: lease.key, value: encodeLeaseValue(lease) };
}

/** Waits for what no event tells. */
export async function eventually(holds: () => Promise<boolean> | boolean): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`never came true: ${holds.toString()}`);
}
