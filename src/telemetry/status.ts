import { type Lease, leaseName, stacks, subnetsOf } from '../model/lease.js';
import type { WatchView } from '../reconcile/view.js';
import { levelOf, logRecord } from '../report/log-record.js';
import type { KindRow, LeaseRow, PeerRow, Status, StatusMoment } from '../report/status-page-data.js';
import { VERSION } from '../version.js';
import { alive, ready, type Vitals } from './health.js';
import type { Moment } from './timeline.js';

export interface StatusInput {
  readonly view: WatchView | undefined;
  readonly vitals: Vitals;
  readonly moments: readonly Moment[];
  readonly nowMs: number;
  readonly startedMs: number;
}

/** What the status page shows, out of everything that is known. */
export function statusOf({ view, vitals, moments, nowMs, startedMs }: StatusInput): Status {
  return {
    version: VERSION,
    nowMs,
    startedMs,
    checks: [...ready(vitals), ...alive(vitals)],
    moments: moments.flatMap(momentOf),
    ...(view === undefined
      ? { peers: [], objects: [] }
      : {
          about: view.about,
          lease: { ...rowOf(view.own()), ...expiryOf(view.own()) },
          peers: peersOf(view),
          objects: objectsOf(view),
        }),
  };
}

const rowOf = (lease: Lease): LeaseRow => ({
  name: leaseName(lease),
  subnets: subnetsOf(lease),
  addresses: stacks(lease).map(({ publicIp }) => publicIp),
});

const expiryOf = ({ expiresAtMs }: Lease) => (expiresAtMs === undefined ? {} : { expiresAtMs });

function peersOf(view: WatchView): readonly PeerRow[] {
  const counts = new Map<string, { objects: number; failing: number }>();
  const failing = view.failing();
  for (const [key, { because }] of view.desired()) {
    const count = counts.get(because) ?? { objects: 0, failing: 0 };
    count.objects++;
    if (failing.has(key)) count.failing++;
    counts.set(because, count);
  }
  const rows = view.peers().map((lease) => ({
    ...rowOf(lease),
    ...(counts.get(`lease of ${leaseName(lease)}`) ?? { objects: 0, failing: 0 }),
  }));
  return rows.sort((a, b) => b.failing - a.failing || a.name.localeCompare(b.name, 'en', { numeric: true }));
}

function objectsOf(view: WatchView): readonly KindRow[] {
  const rows = new Map<string, { desired: number; inPlace: number; failing: number; foreign: number }>();
  const row = (kind: string) => {
    const found = rows.get(kind) ?? { desired: 0, inPlace: 0, failing: 0, foreign: 0 };
    rows.set(kind, found);
    return found;
  };
  const [failing, observed] = [view.failing(), view.observed()];
  for (const [key, { resource }] of view.desired()) {
    const counts = row(resource.kind);
    counts.desired++;
    if (failing.has(key)) counts.failing++;
    else if (observed.has(key)) counts.inPlace++;
  }
  for (const [kind, count] of Object.entries(view.foreign())) row(kind).foreign = count;
  return [...rows].map(([kind, counts]) => ({ kind, ...counts })).sort((a, b) => a.kind.localeCompare(b.kind));
}

function momentOf({ atMs, event }: Moment): readonly StatusMoment[] {
  const { message } = logRecord(event);
  const level = levelOf(event);
  const about = { atMs, words: message };
  switch (event.type) {
    case 'drift':
      return [{ ...about, sort: 'drift' }];
    case 'healed':
      return [{ ...about, sort: 'repair', tookMs: event.tookMs }];
    case 'applied':
      return [{ ...about, sort: 'change' }];
    default:
      if (level === 'debug') return [];
      return [{ ...about, sort: level === 'error' || level === 'warn' ? 'trouble' : 'note' }];
  }
}
