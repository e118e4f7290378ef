import { type Address, contains, lengthOf, type Prefix } from './ip.js';

/** A route as packets see it: which they match, and where they go. */
export interface HostRoute {
  readonly dst: Prefix;
  readonly metric: number;
  /** `nothing`: a blackhole and its like. */
  readonly carries: 'packets' | 'nothing';
  readonly dev?: string;
  readonly via?: Address;
}

/** The route that a packet to `address` takes: the longest prefix, then the lowest metric. @see fib_lookup */
export function wayTo(address: Address, routes: Iterable<HostRoute>): HostRoute | undefined {
  let best: HostRoute | undefined;
  for (const route of routes) {
    if (!contains(route.dst, address)) continue;
    const longer = best === undefined ? 1 : lengthOf(route.dst) - lengthOf(best.dst);
    if (best === undefined || longer > 0 || (longer === 0 && route.metric < best.metric)) best = route;
  }
  return best;
}

export const wayWords = ({ dst, carries, via, dev }: HostRoute): string => {
  if (carries === 'nothing') return `into the blackhole ${dst}`;
  return [via === undefined ? 'directly' : `via ${via}`, dev === undefined ? '' : `dev ${dev}`, `by ${dst}`]
    .filter((word) => word !== '')
    .join(' ');
};
