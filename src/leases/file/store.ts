import { randomInt } from 'node:crypto';
import { FlanError } from '../../errors.js';
import { overlaps, type Prefix } from '../../model/ip.js';
import type { Json } from '../../model/json.js';
import { type Lease, leaseKey, leaseName, stackOf, subnetsOf } from '../../model/lease.js';
import { samePeer } from '../../model/lease-content.js';
import type { Network } from '../../model/network.js';
import type { Warning } from '../../model/warning.js';
import { turns } from '../../sys/turns.js';
import { type Allocation, allocate, leaseFor, type Random } from '../allocate.js';
import { claimOf, sameHolder } from '../holder.js';
import type { LeaseEvent, LeaseRequest, LeaseStore, StoreState } from '../store.js';
import { LeaseFolder, statStore } from './folder.js';
import { type TryLock, withLock } from './lock.js';
import { readNetwork } from './network-file.js';
import { watchFolder } from './watch.js';
import { removeLease, writeLease } from './write.js';

export interface FileStoreOptions {
  /** A folder with the network's config and the leases, or one file with `network` and `leases`. */
  readonly path: string;
  /** Understands the network's config. */
  readonly decodeNetwork: (
    value: unknown,
    where: string,
  ) => { readonly network: Network; readonly warnings: readonly Warning[] };
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly random?: Random;
  /** How long a lease that flan takes is held without being renewed; absent: until it is released. */
  readonly ttlMs?: number;
  readonly lockTimeoutMs?: number;
  readonly tryLock?: TryLock;
}

/** What an acquisition comes to: nothing to write, or what to write and what to take away afterwards. */
interface Acquisition {
  readonly lease: Lease;
  readonly write: 'needed' | 'not needed';
  readonly obsolete: readonly Lease[];
}

/**
 * The embedded store: leases as small files that people can write and read. Several flans may share the folder (a
 * mount, a checkout, a test): changes are made under a lock that dies with its holder, and each is atomic.
 */
export function fileStore(options: FileStoreOptions): LeaseStore {
  const {
    path,
    decodeNetwork,
    now = Date.now,
    random = (max) => randomInt(max),
    ttlMs,
    lockTimeoutMs = 10_000,
  } = options;
  const folder = new LeaseFolder(path);
  const oneByOne = turns();
  let isWatched = false;

  /** The folder is read by one at a time; what is asked meanwhile waits. */
  const inTurn = <T>(signal: AbortSignal, body: () => Promise<T>): Promise<T> =>
    oneByOne(async () => {
      signal.throwIfAborted();
      return body();
    });
  const expiryFrom = (nowMs: number) => (ttlMs === undefined ? undefined : nowMs + ttlMs);
  const scan = () => folder.scan({ graceMs: 0 });
  const changing = <T>(signal: AbortSignal, body: () => Promise<T>): Promise<T> =>
    inTurn(signal, () => {
      const { form } = statStore(path);
      return withLock({ path, form, tryLock: options.tryLock, timeoutMs: lockTimeoutMs, signal }, async () => {
        await scan();
        return body();
      });
    });
  const write = async (lease: Lease): Promise<Lease> => {
    await writeLease({ path, form: statStore(path).form, lease, held: folder.book.entry(lease.key, now()) });
    await scan();
    return folder.book.entry(lease.key, now())?.lease ?? lease;
  };
  const remove = async (lease: Lease): Promise<void> => {
    const entry = folder.book.entry(lease.key, now());
    if (entry !== undefined) await removeLease(entry);
    await scan();
  };
  const decide = (request: LeaseRequest): Acquisition => {
    const nowMs = now();
    const leases = folder.book.candidates(nowMs, (lease) => claimOf(lease, request) !== undefined);
    const allocation = allocate({ request, leases, blocked: folder.book.blocked(), random });
    return acquisitionOf({ allocation, request, expiresAtMs: expiryFrom(nowMs) });
  };

  return {
    name: `file ${path}`,
    expires: ttlMs !== undefined,
    async network(signal) {
      signal.throwIfAborted();
      const { value, where } = await readNetwork(path);
      return decodeNetwork(value satisfies Json, where).network;
    },
    list: (signal) =>
      inTurn(signal, async () => {
        await scan();
        return folder.book.listing(now());
      }),
    async acquire(request, signal) {
      // Where there is nothing to write no lock is taken either: a folder that is mounted read-only serves too.
      const settled = await inTurn(signal, async () => {
        await scan();
        const { lease, write, obsolete } = decide(request);
        return write === 'not needed' && obsolete.length === 0 ? lease : undefined;
      });
      if (settled !== undefined) return settled;
      return changing(signal, async () => {
        const { lease, write: writing, obsolete } = decide(request);
        const held = writing === 'needed' ? await write(lease) : lease;
        for (const old of obsolete) await remove(old);
        return held;
      });
    },
    renew: async (lease, request, signal) => {
      const renewal = () => {
        const stored = folder.book.entry(lease.key, now())?.lease;
        if (stored === undefined || claimOf(stored, request) === undefined) throw lost(lease, stored);
        const renewed = republished({ lease: stored, request, expiresAtMs: expiryFrom(now()) });
        return { stored, renewed, isRight: !needsWriting(stored, renewed) };
      };
      // A folder that is mounted read-only serves too, as long as it says what is right.
      const right = await inTurn(signal, async () => {
        await scan();
        const { stored, isRight } = renewal();
        return isRight ? stored : undefined;
      });
      if (right !== undefined) return right;
      return changing(signal, async () => {
        const { stored, renewed, isRight } = renewal();
        return isRight ? stored : write(renewed);
      });
    },
    release: (lease, signal) =>
      changing(signal, async () => {
        const stored = folder.book.entry(lease.key, now())?.lease;
        if (stored !== undefined && sameHolder(stored, lease)) await remove(stored);
      }),
    reserve: (subnets, signal) => changing(signal, () => reserve(subnets)),
    watch: (signal, onState) => follow(signal, onState),
    close: () => oneByOne(async () => undefined),
  };

  /** The first watcher shares what the store itself has read: twenty thousand leases are held once. */
  async function* follow(signal: AbortSignal, onState?: (state: StoreState) => void): AsyncGenerator<LeaseEvent> {
    const shares = !isWatched;
    if (shares) isWatched = true;
    try {
      yield* watchFolder({ folder: shares ? folder : new LeaseFolder(path), now, signal, onState });
    } finally {
      if (shares) isWatched = false;
    }
  }

  async function reserve(subnets: { readonly ipv4?: Prefix; readonly ipv6?: Prefix }): Promise<Lease> {
    const { ipv4, ipv6 } = subnets;
    const wanted: Lease = {
      key: leaseKey(subnets),
      backendType: '',
      ...(ipv4 && { ipv4: { subnet: ipv4 } }),
      ...(ipv6 && { ipv6: { subnet: ipv6 } }),
    };
    const { leases } = folder.book.listing(now());
    const holder = leases.find((lease) => lease.key === wanted.key);
    if (holder !== undefined) {
      // Reserving what somebody holds keeps it for that node.
      const { expiresAtMs, ...forEver } = holder;
      return expiresAtMs === undefined ? holder : write(forEver);
    }
    const other = leases.find((lease) => subnetsOf(lease).some((a) => subnetsOf(wanted).some((b) => overlaps(a, b))));
    if (other !== undefined) {
      throw new FlanError(
        'E_SUBNET_TAKEN',
        `cannot reserve ${subnetsOf(wanted).join(' and ')}: ${leaseName(other)} holds ${subnetsOf(other).join(' and ')}`,
        {
          hint: 'Choose a subnet that is free, or release that lease first.',
          where: other.origin,
        },
      );
    }
    return write(wanted);
  }
}

interface Acquiring {
  readonly allocation: Allocation;
  readonly request: LeaseRequest;
  readonly expiresAtMs: number | undefined;
}

function acquisitionOf({ allocation, request, expiresAtMs }: Acquiring): Acquisition {
  if (allocation.type === 'keep') {
    const lease = republished({ lease: allocation.lease, request, expiresAtMs });
    const write = needsWriting(allocation.lease, lease) ? 'needed' : 'not needed';
    return { lease: write === 'needed' ? lease : allocation.lease, write, obsolete: allocation.stale };
  }
  const lease = { ...leaseFor(request, allocation), ...(expiresAtMs !== undefined && { expiresAtMs }) };
  return { lease, write: 'needed', obsolete: allocation.type === 'take' ? [] : [allocation.old, ...allocation.stale] };
}

interface Republishing {
  readonly lease: Lease;
  readonly request: LeaseRequest;
  readonly expiresAtMs: number | undefined;
}

/**
 * The lease with the request's data. One without `nodeId` was written by people: it stays theirs, and only what peers
 * need is filled in. One without expiry is kept for its node and stays so.
 */
function republished({ lease, request, expiresAtMs }: Republishing): Lease {
  const [ipv4, ipv6] = ([4, 6] as const).map((family) => stackOf(lease, family)?.subnet);
  const made = leaseFor(request, { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) });
  const expiry = lease.expiresAtMs === undefined || expiresAtMs === undefined ? {} : { expiresAtMs };
  if (lease.nodeId !== undefined) return { ...made, ...expiry };
  const { node: _, nodeId: __, ...data } = made;
  const saysNothing =
    lease.backendType === '' && made.ipv4?.backendData === undefined && made.ipv6?.backendData === undefined;
  return {
    ...data,
    ...(lease.node !== undefined && { node: lease.node }),
    backendType: saysNothing ? '' : data.backendType,
    ...expiry,
  };
}

const needsWriting = (before: Lease, after: Lease): boolean =>
  !samePeer(before, after) || before.expiresAtMs !== after.expiresAtMs;

function lost(lease: Lease, stored: Lease | undefined): FlanError {
  const what = subnetsOf(lease).join(' and ');
  const why =
    stored === undefined ? 'it is gone from the folder' : `${leaseName(stored)} holds it now (${stored.origin})`;
  return new FlanError('E_LEASE_LOST', `the lease of ${what} is lost: ${why}`, {
    hint: "Run 'flan apply' to take a lease again.",
    where: stored?.origin,
  });
}
