import type { LinkType } from './link-type.js';

/**
 * A TUN device is made by whoever carries its packets (src/drivers/tunnel.ts), who comes before rtnetlink: there is
 * only its state to set.
 */
export const tunType: LinkType<'other'> = {
  type: 'other',
  make: () => undefined,
  change: () => undefined,
  read: ({ kind }) => (kind === 'tun' ? { fixed: { infoKind: kind } } : undefined),
  excludes: () => false,
};
