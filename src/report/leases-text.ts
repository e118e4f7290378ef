import type { Lease } from '../model/lease.js';
import { subnetsOf } from '../model/lease.js';
import { type Paint, plain } from './paint.js';
import { printable } from './printable.js';
import { table } from './table.js';

export type LeaseRole = 'own' | 'peer' | 'reserved' | 'left out';

/** `untold`: leases of this store end, but a listing does not say when. */
export type Expiry = 'told' | 'untold';

export interface LeaseRow {
  readonly lease: Lease;
  readonly role: LeaseRole;
  /** Why it is left out. */
  readonly why?: string;
  readonly expiry?: Expiry;
}

const COLOUR: Readonly<Record<LeaseRole, keyof Paint>> = {
  own: 'bold',
  peer: 'green',
  reserved: 'dim',
  'left out': 'yellow',
};

const addresses = ({ ipv4, ipv6 }: Lease): string => [ipv4?.publicIp, ipv6?.publicIp].filter(Boolean).join(' ');

export const expiryWords = ({ expiresAtMs }: Lease): string =>
  expiresAtMs === undefined ? 'until released' : `until ${new Date(expiresAtMs).toISOString().replace('.000Z', 'Z')}`;

export function leasesText(rows: readonly LeaseRow[], paint: Paint = plain): string {
  if (rows.length === 0) return 'No leases.\n';
  const held = ({ lease, role, expiry }: LeaseRow): string =>
    expiry === 'untold' && role !== 'reserved' && lease.expiresAtMs === undefined ? '-' : expiryWords(lease);
  return table(
    rows.map((row) => [
      paint[COLOUR[row.role]](row.role),
      subnetsOf(row.lease).join(' '),
      printable(row.lease.node ?? '-'),
      addresses(row.lease) || '-',
      printable(row.lease.backendType || '-'),
      held(row),
      printable(row.why ?? ''),
    ]),
  );
}
