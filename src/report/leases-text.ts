import type { Lease } from '../model/lease.js';
import { subnetsOf } from '../model/lease.js';
import { type Paint, plain } from './paint.js';
import { table } from './table.js';

export type LeaseRole = 'own' | 'peer' | 'reserved' | 'left out';

export interface LeaseRow {
  readonly lease: Lease;
  readonly role: LeaseRole;
  /** Why it is left out. */
  readonly why?: string;
}

const COLOUR: Readonly<Record<LeaseRole, keyof Paint>> = {
  own: 'bold',
  peer: 'green',
  reserved: 'dim',
  'left out': 'yellow',
};

const addresses = ({ ipv4, ipv6 }: Lease): string => [ipv4?.publicIp, ipv6?.publicIp].filter(Boolean).join(' ');

const expiry = ({ expiresAtMs }: Lease): string =>
  expiresAtMs === undefined ? 'until released' : `until ${new Date(expiresAtMs).toISOString().replace('.000Z', 'Z')}`;

export function leasesText(rows: readonly LeaseRow[], paint: Paint = plain): string {
  if (rows.length === 0) return 'No leases.\n';
  return table(
    rows.map(({ lease, role, why = '' }) => [
      paint[COLOUR[role]](role),
      subnetsOf(lease).join(' '),
      lease.node ?? '-',
      addresses(lease) || '-',
      lease.backendType || '-',
      expiry(lease),
      why,
    ]),
  );
}
