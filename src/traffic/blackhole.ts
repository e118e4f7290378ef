import { type Route, route } from '../kinds/route.js';
import type { Prefix } from '../model/ip.js';

/** Worse than any other route, the kernel's own to a bridge on the subnet included. */
const LAST_RESORT_METRIC = 0xffff_ffff;

/**
 * Drops packets to addresses of our own subnet that no pod has. Without it, and without a bridge that covers the
 * subnet, they follow the default route out and may come back: a loop.
 */
export const blackholeRoute = ({ subnet, protocol }: { subnet: Prefix; protocol: number }): Route =>
  route({ dst: subnet, type: 'blackhole', metric: LAST_RESORT_METRIC, proto: protocol });
