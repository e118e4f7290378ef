import type { Address } from '../model/ip.js';
import { isJsonObject, type Json } from '../model/json.js';
import { type Lease, leaseName, stacks } from '../model/lease.js';
import type { OverlayFacts } from './facts.js';
import { type Check, type Finding, found, NO_OVERLAY } from './finding.js';

/**
 * Two nodes that publish one address: packets for one of them reach the other. But not with WireGuard: each has a key of
 * its own, and is answered where its packets come from, once it has sent some.
 */
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
      .flatMap(([address, leases]): Finding[] => {
        const names = leases.map((lease) => `${leaseName(lease)} (${lease.key})`).join(', ');
        const about = {
          code: 'D_PUBLIC_IP_TWICE',
          what: `${address} is the public address of ${leases.length} leases: ${names}`,
        } as const;
        if (!areToldApart(overlay, leases)) return [{ ...about, severity: 'error', fix: CORRECT }];
        return keepsAlive(overlay) ? [] : [{ ...about, severity: 'warning', fix: KEEP_ALIVE }];
      });
    return found(
      findings,
      holders.size === 1 ? 'one address, of one lease' : `${holders.size} addresses, each of one lease`,
    );
  },
};

const CORRECT =
  'Correct --public-ip or --iface on the node that is wrong, or release the lease that nobody holds any more.';
const KEEP_ALIVE =
  'Where these are nodes behind one NAT, set Backend.PersistentKeepaliveInterval, to 25: until they send something nobody reaches them. Otherwise correct --public-ip or --iface.';

/** Each has a WireGuard key of its own. */
function areToldApart({ backend }: OverlayFacts, leases: readonly Lease[]): boolean {
  if (backend !== 'wireguard') return false;
  const keys = leases.map(
    (lease) => stacks(lease).flatMap(({ backendData }) => member(backendData, 'publickey') ?? [])[0],
  );
  return keys.every((key) => key !== undefined) && new Set(keys).size === keys.length;
}

const keepsAlive = ({ network }: OverlayFacts): boolean =>
  Number(member(network.backend.options, 'persistentkeepaliveinterval') ?? 0) > 0;

const member = (data: Json | undefined, lowerCaseName: string): Json | undefined =>
  isJsonObject(data) ? Object.entries(data).find(([name]) => name.toLowerCase() === lowerCaseName)?.[1] : undefined;
