import type { Address } from '../model/ip.js';
import { type Lease, leaseName, stacks } from '../model/lease.js';
import { type Check, type Finding, found, NO_OVERLAY } from './finding.js';

/** Two nodes that publish one address: packets for one of them reach the other. */
export const publicAddresses: Check = {
  name: 'public addresses',
  judge: ({ overlay }) => {
    if (overlay === undefined) return NO_OVERLAY;
    const holders = new Map<Address, Lease[]>();
    for (const lease of overlay.leases) {
      for (const { publicIp } of stacks(lease)) {
        const others = holders.get(publicIp);
        if (others === undefined) holders.set(publicIp, [lease]);
        else others.push(lease);
      }
    }
    const findings = [...holders]
      .filter(([, leases]) => leases.length > 1)
      .map(
        ([address, leases]): Finding => ({
          code: 'D_PUBLIC_IP_TWICE',
          severity: 'error',
          what: `${address} is the public address of ${leases.length} leases: ${leases.map((lease) => `${leaseName(lease)} (${lease.key})`).join(', ')}`,
          fix: 'Correct --public-ip or --iface on the node that is wrong, or release the lease that nobody holds any more.',
        }),
      );
    return found(findings, `${holders.size} addresses, each of one lease`);
  },
};
