import type { LinkType } from './link-type.js';

/** Of a WireGuard device rtnetlink knows only that it is one; what else there is to it src/drivers/wireguard looks after. */
export const wireguardType: LinkType<'wireguard'> = {
  type: 'wireguard',
  make: () => ({ kind: 'wireguard' }),
  change: () => undefined,
  read: ({ kind }) => (kind === 'wireguard' ? { fixed: { infoKind: kind } } : undefined),
  excludes: () => false,
};
