import { FORMAT_VERSION, VERSION } from '../version.js';
import { alive, ready } from './health.js';
import type { StatusInput } from './status.js';

/** How many moments a dump repeats; all of them are in the log. */
const MOMENTS = 200;

/** Everything that `watch` knows, for whoever looks for a mistake of ours. Settings are left out: they may be secret. */
export function dumpOf({ view, vitals, moments, nowMs, startedMs }: StatusInput): object {
  const time = (ms: number): string => new Date(ms).toISOString();
  return {
    format_version: FORMAT_VERSION,
    kind: 'flan.watch-state',
    flan: VERSION,
    pid: process.pid,
    node: process.version,
    at: time(nowMs),
    started_at: time(startedMs),
    memory_bytes: process.memoryUsage().rss,
    checks: [...alive(vitals), ...ready(vitals)],
    stalled_ms: vitals.stalledMs,
    unheard_ms: vitals.unheardMs,
    ...(view !== undefined && {
      about: view.about,
      own: view.own(),
      peers: view.peers(),
      failing: Object.fromEntries([...view.failing()].map(([key, { code, message }]) => [key, { code, message }])),
      desired: Object.fromEntries(view.desired()),
      observed: Object.fromEntries(view.observed()),
      foreign: view.foreign(),
    }),
    moments: moments.slice(-MOMENTS).map(({ atMs, event }) => ({ at: time(atMs), ...withPlainError(event) })),
  };
}

/** Errors have no enumerable members of their own. */
const withPlainError = (event: object): object =>
  'error' in event && event.error instanceof Error
    ? { ...event, error: { code: 'code' in event.error ? event.error.code : 'E_BUG', message: event.error.message } }
    : event;
