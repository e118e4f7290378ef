import { FlanError } from '../../errors.js';
import { overlaps, type Prefix } from '../../model/ip.js';
import { type Lease, type LeaseSubnets, leaseKey, leaseName, subnetsOf } from '../../model/lease.js';
import { encodeLeaseValue } from '../value.js';
import { originOf, readEntries } from './entries.js';
import { readFolder } from './folder.js';
import { nobodyCame, unchanged } from './guards.js';
import { toText } from './keys.js';
import { commit, type Holding, standBack } from './transact.js';

/**
 * A reservation is a key without an etcd lease. A lease that is held stays with its holder and loses its end; a free
 * subnet gets an entry that names nobody. @throws {FlanError} E_SUBNET_TAKEN when only a part of a lease is meant
 */
export async function reserve(holding: Holding, subnets: LeaseSubnets, signal: AbortSignal): Promise<Lease> {
  const { client, layout, held, pageSize } = holding;
  const wanted = [subnets.ipv4, subnets.ipv6].filter((subnet) => subnet !== undefined);
  for (let losses = 0; ; losses++) {
    const folder = await readFolder({ client, layout, signal, pageSize });
    const entries = readEntries(folder.entries, { layout, expiries: held.expiries });
    const holder = entries.leases.find((lease) => overlapping(subnetsOf(lease), wanted));
    const broken = entries.blocked.find(({ ipv4, ipv6 }) => overlapping([ipv4, ipv6].filter(defined), wanted));
    if (broken !== undefined) throw taken(wanted, `the entry ${leaseKey(broken)}, which cannot be read`);
    if (holder !== undefined && !wanted.every((subnet) => subnetsOf(holder).includes(subnet))) {
      throw taken(wanted, `${subnetsOf(holder).join(', ')} of ${leaseName(holder)}`);
    }
    const lease = holder === undefined ? blank(subnets) : withoutEnd(holder);
    const kv = holder && entries.stored.get(holder.key);
    if (kv !== undefined && kv.lease === 0n) return lease;
    const guards = [kv === undefined ? nobodyCame(layout, folder) : unchanged(kv)];
    const value = kv === undefined ? encodeLeaseValue(lease) : toText(kv.value);
    const revision = await commit(holding, { key: lease.key, value, id: 0n, guards, remove: [], signal });
    if (revision !== undefined) return { ...lease, origin: originOf(revision) };
    await standBack(losses, holding.random, signal);
  }
}

const defined = <T>(value: T | undefined): value is T => value !== undefined;

const overlapping = (a: readonly Prefix[], b: readonly Prefix[]): boolean =>
  a.some((x) => b.some((y) => overlaps(x, y)));

const blank = ({ ipv4, ipv6 }: LeaseSubnets): Lease => ({
  key: leaseKey({ ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) }),
  backendType: '',
  ...(ipv4 && { ipv4: { subnet: ipv4 } }),
  ...(ipv6 && { ipv6: { subnet: ipv6 } }),
});

function withoutEnd(lease: Lease): Lease {
  const { expiresAtMs: _, ...rest } = lease;
  return rest;
}

const taken = (wanted: readonly Prefix[], by: string): FlanError =>
  new FlanError('E_SUBNET_TAKEN', `cannot reserve ${wanted.join(', ')}: it overlaps ${by}`, {
    hint: 'name exactly the subnets of that lease, or release it first',
  });
