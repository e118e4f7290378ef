import { parsePrefix } from '../../src/model/ip.js';
import { type Lease, leaseKey } from '../../src/model/lease.js';
import type { WatchView } from '../../src/reconcile/view.js';

const subnet = parsePrefix('10.244.1.0/24');
export const LEASE: Lease = { key: leaseKey({ ipv4: subnet }), backendType: 'host-gw', ipv4: { subnet } };

/** A run that holds a lease and nothing else, but for what is said. */
export const viewOf = (more: Partial<WatchView> = {}): WatchView => ({
  about: { node: 'node-a', backend: 'host-gw', store: 'file x', networks: ['10.244.0.0/16'] },
  own: () => LEASE,
  peers: () => [],
  leftOut: () => [],
  desired: () => new Map(),
  observed: () => new Map(),
  foreign: () => ({}),
  failing: () => new Map(),
  condition: () => ({ state: 'works' }),
  holdsSnapshot: () => false,
  stalledMs: () => 0,
  echo: async () => {},
  tunnels: async () => [],
  associations: async () => [],
  resync: () => {},
  ...more,
});
