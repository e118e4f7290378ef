import type { Lease } from './lease.js';

/** Equality of plain data, whatever the order of members; an absent member equals an undefined one. */
export function sameData(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const name in x) if (!sameData(x[name], y[name])) return false;
  for (const name in y) if (!(name in x) && y[name] !== undefined) return false;
  return true;
}

/** Whether two versions of a lease mean the same to a peer: expiry and origin are left out, so a renewal is no change. */
export const samePeer = (a: Lease, b: Lease): boolean =>
  a.key === b.key &&
  a.backendType === b.backendType &&
  a.node === b.node &&
  a.nodeId === b.nodeId &&
  sameData(a.ipv4, b.ipv4) &&
  sameData(a.ipv6, b.ipv6);

/** Whether two versions of a lease say the same; where they were read does not count. */
export const sameLease = (a: Lease, b: Lease): boolean => a.expiresAtMs === b.expiresAtMs && samePeer(a, b);
