import { FlanError } from '../../errors.js';
import { parseJson } from '../../model/json-text.js';
import type { Network } from '../../model/network.js';
import type { Warning } from '../../model/warning.js';
import type { Random } from '../allocate.js';
import type { LeaseEvent, LeaseListing, LeaseStore, StoreState } from '../store.js';
import { acquire } from './acquire.js';
import { etcdClient } from './client.js';
import type { ClientOptions } from './connection.js';
import { type EntryReader, leaseEvent } from './entries.js';
import { follow } from './follow.js';
import { heldLeases } from './held.js';
import { layout as layoutOf, toBytes, toText } from './keys.js';
import { RANGE, TIME_TO_LIVE } from './proto.js';
import { type Reading, readings } from './readings.js';
import { release, renew } from './renew.js';
import { reserve } from './reserve.js';
import { type Holding, readKey } from './transact.js';

export interface EtcdStoreOptions extends ClientOptions {
  /** flannel: `/coreos.com/network`. */
  readonly prefix: string;
  /** How long a lease lasts without renewal; flannel's is 24 hours. */
  readonly ttlSeconds?: number | undefined;
  /** Keys per request when reading all leases. */
  readonly pageSize?: number | undefined;
  readonly decodeNetwork: (
    value: unknown,
    where: string,
  ) => { readonly network: Network; readonly warnings: readonly Warning[] };
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly random: Random;
}

/**
 * Leases in etcd v3, keys and values as flannel's. Expiry of other nodes' leases is not known without asking etcd for
 * each, so their `expiresAtMs` is absent; a lease that ends is an event. @throws {FlanError} E_CONFIG
 */
export function etcdStore(options: EtcdStoreOptions): LeaseStore {
  const { now, random, pageSize = 1000, ttlSeconds = 86_400 } = options;
  const client = etcdClient(options);
  const layout = layoutOf(options.prefix);
  const held = heldLeases({ client, ttlSeconds, now });
  const read = readings({ client, layout, pageSize, expiries: held.expiries, now });
  const holding: Holding = { client, layout, held, pageSize, random, readings: read };
  const reader: EntryReader = { layout, expiries: held.expiries };

  const listing = ({ leases, rejected }: LeaseListing): LeaseListing => ({ leases, rejected });

  return {
    name: client.name,
    expires: true,
    async network(signal) {
      const { kvs } = await client.call(RANGE, { key: toBytes(layout.config) }, signal);
      const where = `${client.name} ${layout.config}`;
      const [kv] = kvs;
      if (kv === undefined) throw missing(where, layout.config);
      return options.decodeNetwork(parseJson({ text: toText(kv.value), where, code: 'E_NETWORK_CONFIG' }), where)
        .network;
    },
    async list(signal) {
      const reading = await read.fresh(signal);
      read.handOn(reading);
      return listing(reading.entries);
    },
    acquire: (request, signal) => acquire(holding, request, signal),
    renew: (lease, request, signal) => renew(holding, { lease, request, signal }),
    release: (lease, signal) => release(holding, lease, signal),
    reserve: (subnets, signal) => reserve(holding, subnets, signal),
    async expiry(lease, signal) {
      const kv = await readKey(holding, lease.key, signal);
      if (kv === undefined || kv.lease === 0n) return undefined;
      const askedAt = now();
      const { ttl } = await client.call(TIME_TO_LIVE, { id: kv.lease }, signal);
      return askedAt + Math.max(0, ttl) * 1000;
    },
    async *watch(signal: AbortSignal, onState: (state: StoreState) => void = () => {}): AsyncGenerator<LeaseEvent> {
      const jitter = () => random(1024) / 1024;
      let handed = read.handed();
      read.keepNone();
      const next = async (): Promise<Reading> => {
        const reading = handed ?? (await read.fresh(signal));
        handed = undefined;
        return reading;
      };
      for await (const seen of follow({ client, layout, read: next, signal, onState, now, random: jitter })) {
        if (seen.type === 'reading') {
          yield { type: 'snapshot', ...(seen.isRewound && { rewound: true }), ...listing(seen.reading.entries) };
        } else {
          for (const event of seen.events) {
            const told = leaseEvent(event, reader);
            if (told !== undefined) yield told;
          }
        }
      }
    },
    close: async () => client.close(),
  };
}

const missing = (where: string, key: string): FlanError =>
  new FlanError('E_NETWORK_MISSING', `nobody has configured the network: ${where} does not exist`, {
    hint: `create it: etcdctl put ${key} '{"Network":"10.244.0.0/16","Backend":{"Type":"vxlan"}}'`,
    retry: true,
    where,
  });
