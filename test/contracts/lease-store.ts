import { afterEach, describe, expect, test } from 'vitest';
import type { LeaseEvent, LeaseRequest, LeaseStore, RejectedEntry, StoreState } from '../../src/leases/store.js';
import type { Identity } from '../../src/model/facts.js';
import { type Address, parseAddress, parsePrefix } from '../../src/model/ip.js';
import { type Lease, type LeaseKey, leaseKey } from '../../src/model/lease.js';
import type { Network } from '../../src/model/network.js';

/** One place that leases live in, fresh for each test, with hands to change it behind the back of the store. */
export interface StoreBed {
  /** Another client of the same place, as another node would have. The suite closes it. */
  client(): Promise<LeaseStore>;
  /** Makes the network the configuration of the place. */
  configure(network: Network): Promise<void>;
  /** What must be there before a node can acquire (Kubernetes: its Node). */
  addNode?(identity: Identity): Promise<void>;
  /** Writes a lease as somebody else would, whoever holds it now. */
  put(lease: Lease): Promise<void>;
  remove(key: LeaseKey): Promise<void>;
  /** Writes an entry that is no lease; returns what the store's name of it contains. */
  corrupt(): Promise<string>;
  /** Does its worst to history: what happens during `meanwhile` can only be seen by reading everything again. */
  loseHistory?(meanwhile: () => Promise<void>): Promise<void>;
  /** From now on the store cannot be reached, but stays as it is. */
  disconnect?(): Promise<void>;
  reconnect?(): Promise<void>;
  close(): Promise<void>;
}

export type ContractCase =
  | 'snapshot first'
  | 'puts and deletes'
  | 'lost history'
  | 'disconnected says nothing'
  | 'prompt cancel'
  | 'bad entry'
  | 'idempotent acquire'
  | 'never share'
  | 'release'
  | 'lease lost'
  | 'exhaustion'
  | 'previous subnet'
  | 'network missing';

export interface LeaseStoreContract {
  readonly name: string;
  readonly make: () => Promise<StoreBed>;
  /** Cases that make no sense for this store, each with the reason. */
  readonly skip?: Readonly<Partial<Record<ContractCase, string>>>;
}

/** Four subnets: 10.3.1.0/24 to 10.3.4.0/24. */
export const CONTRACT_NETWORK: Network = {
  ipv4: {
    network: parsePrefix('10.3.0.0/16'),
    subnetLen: 24,
    subnetMin: parseAddress('10.3.1.0'),
    subnetMax: parseAddress('10.3.4.0'),
  },
  nftables: false,
  backend: { type: 'host-gw', options: {} },
};

/** What every lease store must do, whatever it is made of. */
export function leaseStoreContract({ name, make, skip = {} }: LeaseStoreContract): void {
  const open: { close(): Promise<void> }[] = [];
  const abort: AbortController[] = [];
  afterEach(async () => {
    for (const controller of abort.splice(0)) controller.abort();
    for (const thing of open.splice(0).reverse()) await thing.close();
  });

  const bed = async (): Promise<StoreBed> => {
    const made = await make();
    open.push(made);
    await made.configure(CONTRACT_NETWORK);
    return made;
  };
  const clientOf = async (place: StoreBed): Promise<LeaseStore> => {
    const store = await place.client();
    open.push(store);
    return store;
  };
  const signal = (): AbortSignal => {
    const controller = new AbortController();
    abort.push(controller);
    return controller.signal;
  };
  const acquire = async (place: StoreBed, request: LeaseRequest): Promise<Lease> => {
    await place.addNode?.(request.identity);
    return (await clientOf(place)).acquire(request, signal());
  };
  const check = (name: ContractCase, body: () => Promise<void>) => {
    const reason = skip[name];
    if (reason === undefined) test(name, body, 30_000);
    else test.skip(`${name} (skipped: ${reason})`, body);
  };

  describe(`lease store contract: ${name}`, () => {
    check('snapshot first', async () => {
      const place = await bed();
      await place.put(peer(1));
      const watch = follow(await clientOf(place), signal());
      await watch.until(() => watch.events.length > 0);
      expect(watch.events[0]?.type).toBe('snapshot');
      expect(watch.view()).toEqual([said(peer(1))]);
    });

    check('puts and deletes', async () => {
      const place = await bed();
      const watch = follow(await clientOf(place), signal());
      await watch.until(() => watch.events.length > 0);
      await place.put(peer(1));
      await place.put(peer(2));
      await watch.until(() => watch.view().length === 2);
      await place.put({ ...peer(2), ipv4: { subnet: subnet(2), publicIp: address(22) } });
      await watch.until(() => watch.view().some((line) => line.includes('192.0.2.22')));
      await place.remove(peer(1).key);
      await watch.until(() => watch.view().length === 1);
      expect(watch.view()).toEqual([`${peer(2).key} 192.0.2.22 host-gw`]);
    });

    check('lost history', async () => {
      const place = await bed();
      await place.put(peer(1));
      await place.put(peer(2));
      const watch = follow(await clientOf(place), signal());
      await watch.until(() => watch.view().length === 2);
      const loseHistory = place.loseHistory?.bind(place);
      if (loseHistory === undefined) throw new Error('the bed cannot lose history: give it loseHistory, or a skip');
      await loseHistory(async () => {
        await place.remove(peer(1).key);
        await place.put({ ...peer(2), ipv4: { subnet: subnet(2), publicIp: address(22) } });
        await place.put(peer(3));
      });
      const wanted = [`${peer(2).key} 192.0.2.22 host-gw`, said(peer(3))];
      await watch.until(() => watch.view().join() === wanted.join());
      expect(watch.events.filter((event) => event.type === 'snapshot').length).toBeGreaterThan(1);
      await place.put(peer(4));
      await watch.until(() => watch.view().length === 3);
    });

    check('disconnected says nothing', async () => {
      const place = await bed();
      await place.put(peer(1));
      const watch = follow(await clientOf(place), signal());
      await watch.until(() => watch.view().length === 1);
      if (!place.disconnect || !place.reconnect) throw new Error('the bed cannot disconnect: give it that, or a skip');
      const told = watch.events.length;
      await place.disconnect();
      await watch.until(() => watch.states.at(-1)?.state === 'disconnected');
      expect(watch.events.length).toBe(told);
      expect(watch.view()).toEqual([said(peer(1))]);
      await place.reconnect();
      await watch.until(() => watch.states.at(-1)?.state === 'connected');
      await place.put(peer(2));
      await watch.until(() => watch.view().length === 2);
    });

    check('prompt cancel', async () => {
      const place = await bed();
      const store = await clientOf(place);
      const controller = new AbortController();
      const watch = follow(store, controller.signal);
      await watch.until(() => watch.events.length > 0);
      controller.abort();
      await watch.ended; // or the test's own time-out
      const aborted = AbortSignal.abort();
      await expect(store.list(aborted)).rejects.toThrow();
      await expect(store.acquire(requestOf(1), aborted)).rejects.toThrow();
      const early = follow(store, aborted);
      await early.ended;
      expect(early.events).toEqual([]);
    });

    check('bad entry', async () => {
      const place = await bed();
      await place.put(peer(1));
      const store = await clientOf(place);
      const watch = follow(store, signal());
      await watch.until(() => watch.view().length === 1);
      const entry = await place.corrupt();
      await watch.until(() => watch.rejected().length > 0);
      await place.put(peer(2));
      await watch.until(() => watch.view().length === 2);
      expect(watch.view()).toEqual([said(peer(1)), said(peer(2))]);
      expect(watch.rejected()).toHaveLength(1);
      expect(watch.rejected()[0]?.entry).toContain(entry);
      const { leases, rejected } = await store.list(signal());
      expect(leases.map(said).sort()).toEqual([said(peer(1)), said(peer(2))]);
      expect(rejected).toHaveLength(1);
      expect(rejected[0]?.error.code).toMatch(/^E_/);
    });

    check('idempotent acquire', async () => {
      const place = await bed();
      const held = await acquire(place, requestOf(1));
      const moved = { ...requestOf(1), published: { 4: { publicIp: address(91) } } };
      const again = await acquire(place, moved);
      expect(again.key).toBe(held.key);
      expect(again.ipv4?.publicIp).toBe(address(91));
      const { leases } = await (await clientOf(place)).list(signal());
      expect(leases.map(said)).toEqual([said(again)]);
    });

    check('previous subnet', async () => {
      const place = await bed();
      await place.put(peer(2));
      const wants = (n: number, third: number) => ({ ...requestOf(n), previous: { ipv4: subnet(third) } });
      expect((await acquire(place, wants(1, 3))).key).toBe('10.3.3.0-24');
      expect((await acquire(place, wants(5, 2))).key).not.toBe('10.3.2.0-24');
    });

    check('never share', async () => {
      const place = await bed();
      const requests = [1, 2, 3, 4].map(requestOf);
      const held = await Promise.all(requests.map((request) => acquire(place, request)));
      expect(new Set(held.map((lease) => lease.key)).size).toBe(4);
      const { leases } = await (await clientOf(place)).list(signal());
      expect(leases.map((lease) => lease.key).sort()).toEqual(held.map((lease) => lease.key).sort());
    });

    check('release', async () => {
      const place = await bed();
      const held = await acquire(place, requestOf(1));
      const store = await clientOf(place);
      const watch = follow(store, signal());
      await watch.until(() => watch.view().length === 1);
      await store.release(held, signal());
      await watch.until(() => watch.view().length === 0);
      await store.release(held, signal());
      await place.put({
        ...peer(7),
        key: held.key,
        ...(held.ipv4 && { ipv4: { ...held.ipv4, publicIp: address(7) } }),
      });
      await store.release(held, signal());
      expect((await store.list(signal())).leases.map((lease) => lease.key)).toEqual([held.key]);
    });

    check('lease lost', async () => {
      const place = await bed();
      const held = await acquire(place, requestOf(1));
      const store = await clientOf(place);
      const renewed = await store.renew(held, requestOf(1), signal());
      expect(renewed.key).toBe(held.key);
      const lost = expect.objectContaining({ code: 'E_LEASE_LOST' });
      const theirs = {
        node: 'node-9',
        nodeId: 'id-9',
        ipv4: { subnet: held.ipv4?.subnet ?? subnet(1), publicIp: address(9) },
      };
      await place.put({ key: held.key, backendType: 'host-gw', ...theirs });
      await expect(store.renew(renewed, requestOf(1), signal())).rejects.toEqual(lost);
      expect((await store.list(signal())).leases.map(said)).toEqual([`${held.key} 192.0.2.9 host-gw`]);
      await place.remove(held.key);
      await expect(store.renew(renewed, requestOf(1), signal())).rejects.toEqual(lost);
      expect((await store.list(signal())).leases).toEqual([]);
    });

    check('exhaustion', async () => {
      const place = await bed();
      for (const n of [1, 2, 3, 4]) await place.put(peer(n));
      await expect(acquire(place, requestOf(5))).rejects.toEqual(
        expect.objectContaining({ code: 'E_SUBNETS_EXHAUSTED' }),
      );
    });

    check('network missing', async () => {
      const place = await make();
      open.push(place);
      const store = await clientOf(place);
      await expect(store.network(signal())).rejects.toEqual(expect.objectContaining({ code: 'E_NETWORK_MISSING' }));
      await place.configure(CONTRACT_NETWORK);
      expect((await store.network(signal())).ipv4).toEqual(CONTRACT_NETWORK.ipv4);
    });
  });
}

const address = (n: number): Address => parseAddress(`192.0.2.${n}`);
const subnet = (n: number) => parsePrefix(`10.3.${n}.0/24`);

/** Another node's lease of the n-th subnet. */
export const peer = (n: number): Lease => ({
  key: leaseKey({ ipv4: subnet(n) }),
  node: `peer-${n}`,
  nodeId: `peer-id-${n}`,
  backendType: 'host-gw',
  ipv4: { subnet: subnet(n), publicIp: address(n) },
});

/** What the n-th node wants published. */
export const requestOf = (n: number): LeaseRequest => ({
  network: CONTRACT_NETWORK,
  identity: { node: `node-${n}`, nodeId: `id-${n}` },
  backendType: 'host-gw',
  published: { 4: { publicIp: address(100 + n) } },
  previous: {},
});

const said = (lease: Lease): string => `${lease.key} ${lease.ipv4?.publicIp ?? '-'} ${lease.backendType}`;

export interface Following {
  readonly events: LeaseEvent[];
  readonly states: StoreState[];
  readonly ended: Promise<void>;
  /** What one knows who only heard the events, sorted. */
  view(): string[];
  rejected(): RejectedEntry[];
  /** Waits for an event or a state to make it so; the test's time-out is the only clock. */
  until(condition: () => boolean): Promise<void>;
}

/** Listens to a store and keeps what it says. */
export function follow(store: LeaseStore, signal: AbortSignal): Following {
  const events: LeaseEvent[] = [];
  const states: StoreState[] = [];
  const waiting = new Set<() => void>();
  const tell = () => {
    for (const wake of [...waiting]) wake();
  };
  let failure: unknown;
  const listen = async (): Promise<void> => {
    const onState = (state: StoreState) => {
      states.push(state);
      tell();
    };
    for await (const event of store.watch(signal, onState)) {
      events.push(event);
      tell();
    }
  };
  const ended = listen();
  ended.catch((error: unknown) => {
    failure = error;
    tell();
  });
  return {
    events,
    states,
    ended,
    view() {
      const known = new Map<LeaseKey, Lease>();
      for (const event of events) {
        if (event.type === 'snapshot') {
          known.clear();
          for (const lease of event.leases) known.set(lease.key, lease);
        } else if (event.type === 'put') known.set(event.lease.key, event.lease);
        else if (event.type === 'delete') known.delete(event.key);
      }
      return [...known.values()].map(said).sort();
    },
    rejected: () =>
      events.flatMap((event) => {
        if (event.type === 'snapshot') return event.rejected;
        return event.type === 'reject' ? [event.rejected] : [];
      }),
    until: (condition) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (failure !== undefined) reject(failure);
          else if (condition()) resolve();
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
  };
}
