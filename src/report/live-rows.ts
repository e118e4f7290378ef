import { leaseName, stacks, subnetsOf } from '../model/lease.js';
import type { WatchView } from '../reconcile/view.js';

/** What is told of each peer by a column of its own. Other backends' objects for a peer count as `peer`. */
export const LIVE_KINDS = ['route', 'neigh', 'fdb', 'peer'] as const;
export type LiveKind = (typeof LIVE_KINDS)[number];

const COLUMN_OF: Readonly<Record<string, LiveKind>> = {
  route: 'route',
  neighbour: 'neigh',
  fdb: 'fdb',
  'wireguard-peer': 'peer',
  'tunnel-peer': 'peer',
  'extension-peer': 'peer',
  'ipsec-connection': 'peer',
};

export interface LiveCount {
  readonly desired: number;
  readonly inPlace: number;
}

/** One peer, as the live table shows it. Times are milliseconds since 1970. */
export interface LiveRow {
  readonly name: string;
  readonly subnets: readonly string[];
  readonly addresses: readonly string[];
  readonly backend: string;
  readonly counts: Readonly<Partial<Record<LiveKind, LiveCount>>>;
  /** Something that this node should hold for the peer is not there. */
  readonly state: 'in place' | 'lacking';
  readonly drifts: number;
  readonly changedMs?: number;
  readonly sinceMs: number;
}

/** What was noted of a peer while it was looked at. */
export interface LiveMark {
  readonly drifts: number;
  readonly changedMs?: number;
  readonly sinceMs: number;
}

/** Under which name a peer's objects are desired, and its marks are kept. */
export const reasonOf = (name: string): string => `lease of ${name}`;

/** node-2 before node-10. Made once: that takes longer than comparing thousands. */
const byName = new Intl.Collator('en', { numeric: true });

/** The peers, those that lack something first. */
export function liveRows(view: WatchView, markOf: (reason: string) => LiveMark): readonly LiveRow[] {
  const counts = countsByReason(view);
  const rows = view.peers().map((lease): LiveRow => {
    const name = leaseName(lease);
    const own = counts.get(reasonOf(name)) ?? {};
    const lacks = Object.values(own).some(({ desired, inPlace }) => inPlace < desired);
    return {
      name,
      subnets: subnetsOf(lease),
      addresses: stacks(lease).map(({ publicIp }) => publicIp),
      backend: lease.backendType || view.about.backend,
      counts: own,
      state: lacks || Object.keys(own).length === 0 ? 'lacking' : 'in place',
      ...markOf(reasonOf(name)),
    };
  });
  const rank = ({ state }: LiveRow): number => (state === 'lacking' ? 0 : 1);
  return rows.sort((a, b) => rank(a) - rank(b) || byName.compare(a.name, b.name));
}

function countsByReason(view: WatchView): ReadonlyMap<string, Partial<Record<LiveKind, LiveCount>>> {
  const counts = new Map<string, Partial<Record<LiveKind, LiveCount>>>();
  const [failing, observed] = [view.failing(), view.observed()];
  for (const [key, { resource, because }] of view.desired()) {
    const kind = COLUMN_OF[resource.kind];
    if (kind === undefined) continue;
    let row = counts.get(because);
    if (row === undefined) {
      row = {};
      counts.set(because, row);
    }
    const { desired, inPlace } = row[kind] ?? { desired: 0, inPlace: 0 };
    const isThere = observed.has(key) && !failing.has(key);
    row[kind] = { desired: desired + 1, inPlace: inPlace + (isThere ? 1 : 0) };
  }
  return counts;
}
