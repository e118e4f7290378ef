import type { Lease, LeaseStack } from '../model/lease.js';
import { expiryWords } from './leases-text.js';
import { printable } from './printable.js';
import { table } from './table.js';

/** One lease with everything that is known of it. */
export function leaseText(lease: Lease): string {
  const { key, node, nodeId, backendType, ipv4, ipv6, origin } = lease;
  const half = (name: string, stack: LeaseStack | undefined): (readonly string[])[] =>
    stack === undefined
      ? []
      : [
          [name, stack.publicIp === undefined ? stack.subnet : `${stack.subnet} through ${stack.publicIp}`],
          ...(stack.backendData === undefined ? [] : [['', JSON.stringify(stack.backendData)]]),
        ];
  return table([
    ['lease', key],
    ['node', printable(node ?? '-')],
    ['identity', printable(nodeId ?? '-')],
    ['backend', printable(backendType || '-')],
    ...half('IPv4', ipv4),
    ...half('IPv6', ipv6),
    ['held', expiryWords(lease)],
    ...(origin === undefined ? [] : [['read from', printable(origin)]]),
  ]);
}
