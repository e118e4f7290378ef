import { FlanError } from '../../errors.js';
import type { EtcdClient } from './client.js';
import { hasMeaning } from './failure.js';
import { GRANT, KEEP_ALIVE, REVOKE } from './proto.js';

/** etcd's leases (time-outs of keys) as far as this process has granted or renewed them. */
export interface HeldLeases {
  /** When each ends, in milliseconds since 1970; counted from before the request, so never too late. */
  readonly expiries: ReadonlyMap<bigint, number>;
  grant(signal: AbortSignal): Promise<bigint>;
  /** Starts its time anew. `other`: it lives but has another length than configured. */
  keepAlive(id: bigint, signal: AbortSignal): Promise<'alive' | 'other' | 'gone'>;
  /** Ends one that this process has granted; those of others end by themselves. */
  drop(id: bigint, signal: AbortSignal): Promise<void>;
}

export interface HeldOptions {
  readonly client: EtcdClient;
  readonly ttlSeconds: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export function heldLeases({ client, ttlSeconds, now }: HeldOptions): HeldLeases {
  const expiries = new Map<bigint, number>();
  const granted = new Set<bigint>();
  return {
    expiries,
    async grant(signal) {
      const askedAt = now();
      const { id, ttl } = await client.call(GRANT, { ttl: ttlSeconds }, signal);
      if (ttl <= 0) throw new FlanError('E_STORE_REFUSED', `${client.name}: granted a lease of ${ttl} seconds`);
      granted.add(id);
      expiries.set(id, askedAt + ttl * 1000);
      return id;
    },
    async keepAlive(id, signal) {
      const askedAt = now();
      const { ttl } = await client.exchange(KEEP_ALIVE, { id }, signal);
      if (ttl <= 0) {
        expiries.delete(id);
        granted.delete(id);
        return 'gone';
      }
      expiries.set(id, askedAt + ttl * 1000);
      // The server lengthens what is shorter than an election takes: what it granted us is right as it is.
      return ttl === ttlSeconds || granted.has(id) ? 'alive' : 'other';
    },
    async drop(id, signal) {
      expiries.delete(id);
      if (!granted.delete(id)) return;
      try {
        await client.call(REVOKE, { id }, signal);
      } catch (error) {
        // Nothing hangs on it any more: what could not be revoked ends by itself.
        if (!hasMeaning(error, 'no-lease') && !hasMeaning(error, 'unreachable')) throw error;
      }
    },
  };
}
