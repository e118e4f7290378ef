import { LEASE_FIELDS } from './fields.js';

/** Whether members with these names are those of a lease. */
export const isLease = (names: readonly unknown[]): boolean => names.includes('subnet') || names.includes('ipv6Subnet');

/** Known members first, in the order of `LEASE_FIELDS`; the others after them, as they stood. */
export function rank(name: unknown): number {
  const at = (LEASE_FIELDS as readonly unknown[]).indexOf(name);
  return at < 0 ? LEASE_FIELDS.length : at;
}
