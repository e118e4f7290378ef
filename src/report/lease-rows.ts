import { isReservation } from '../model/admission.js';
import type { Lease } from '../model/lease.js';
import type { LeaseTable } from '../model/lease-table.js';
import type { Expiry, LeaseRow } from './leases-text.js';

/** Every lease with the part it plays for this node. */
export function leaseRows(leases: readonly Lease[], table: LeaseTable): readonly LeaseRow[] {
  const own = new Set(table.own().map(({ key }) => key));
  const why = new Map(table.quarantined().map(({ lease, detail }) => [lease.key, detail]));
  return leases.map((lease): LeaseRow => {
    if (own.has(lease.key)) return { lease, role: 'own' };
    const detail = why.get(lease.key);
    if (detail !== undefined) return { lease, role: 'left out', why: detail };
    return { lease, role: table.get(lease.key) === undefined ? 'reserved' : 'peer' };
  });
}

export interface Listed {
  readonly leases: readonly Lease[];
  readonly isOwn: (lease: Lease) => boolean;
  readonly expiry: Expiry;
}

/** The same from the store alone: whether a peer can be used is not known then. */
export const listedRows = ({ leases, isOwn, expiry }: Listed): readonly LeaseRow[] =>
  leases.map((lease) => ({
    lease,
    role: isOwn(lease) ? 'own' : isReservation(lease) ? 'reserved' : 'peer',
    ...(expiry === 'untold' && { expiry }),
  }));
