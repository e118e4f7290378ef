import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { asFlanError, type FlanError } from '../errors.js';
import type { AppliedChange, WatchEvent } from '../reconcile/events.js';
import type { TunnelReport } from '../reconcile/status-tunnels.js';
import type { Round, WatchView } from '../reconcile/view.js';
import { VERSION } from '../version.js';
import { processMetrics } from './process-metrics.js';
import { tunnelMetrics } from './tunnel-metrics.js';

export interface MetricsInit {
  readonly wallMs: () => number;
  /** The run there is now. */
  readonly view: () => WatchView | undefined;
  readonly isReady: () => boolean;
  /** How the tunnels do; asked once per scrape. */
  readonly tunnels?: () => Promise<TunnelReport>;
}

export interface Metrics {
  tell(event: WatchEvent): void;
  round(round: Round): void;
  /** In the text format of Prometheus. */
  text(): Promise<string>;
  readonly contentType: string;
}

/** From a tenth of a millisecond (one route) to ten seconds (a hundred thousand, and nft). */
const SECONDS = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10];
const OVERRUN = /ENOBUFS/;

/** Everything that can be counted of `watch`. Gauges are read from the view when somebody scrapes, and not kept. */
export function metrics({ wallMs, view, isReady, tunnels }: MetricsInit): Metrics {
  const register = new Registry();
  const registers = [register];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter({ name, help, labelNames: [...labelNames], registers });
  const histogram = (name: string, help: string) => new Histogram({ name, help, buckets: SECONDS, registers });
  /** One gauge that is set by reading; what the reader leaves out is not shown. */
  const gauge = <L extends string>(
    name: string,
    help: string,
    read: (set: (value: number, labels?: Readonly<Record<L, string>>) => void) => void,
    labelNames: readonly L[] = [],
  ): void => {
    new Gauge<L>({
      name,
      help,
      labelNames: [...labelNames],
      registers,
      collect() {
        this.reset();
        // Without labels prom-client shows 0 for what was never set: the metric is removed instead.
        if (labelNames.length === 0) this.remove();
        read((value, labels) => (labels === undefined ? this.set(value) : this.set(labels, value)));
      },
    });
  };

  processMetrics(registers);
  const reconciles = counter('flan_reconcile_total', 'Rounds of looking, planning and applying', ['result']);
  for (const result of ['ok', 'partial', 'failed']) reconciles.inc({ result }, 0);
  const durations = histogram('flan_reconcile_duration_seconds', 'How long rounds took');
  const drifts = counter('flan_drift_detected_total', 'Changes that others made to what flan holds', [
    'kind',
    'action',
  ]);
  const heals = histogram('flan_drift_heal_seconds', 'From hearing of drift to the answer of the kernel to the repair');
  const changes = counter('flan_changes_total', 'Changes made, by kind and action', ['kind', 'action']);
  const failures = counter('flan_errors_total', 'Steps and looks that failed, by error code', ['code']);
  const netlinkErrors = counter('flan_netlink_errors_total', 'Requests that the kernel refused', ['errno']);
  const overruns = counter('flan_netlink_overruns_total', 'Times that the kernel threw events away unread');
  const restarts = counter('flan_watch_restarts_total', 'Times that following the store was interrupted', ['reason']);
  const quarantined = counter('flan_leases_quarantined_total', 'Leases that were found unusable and left out');
  const reloads = counter('flan_reloads_total', 'Reloads that were asked for', ['result']);
  for (const result of ['taken', 'changed in place', 'unchanged', 'refused']) reloads.inc({ result }, 0);
  let pending: string | undefined;
  let store: { readonly isConnected: boolean; readonly sinceMs: number } | undefined;

  new Gauge({ name: 'flan_build_info', help: 'Always 1', labelNames: ['version', 'node'], registers }).set(
    { version: VERSION, node: process.version },
    1,
  );
  gauge('flan_ready', 'Whether this node does its part: what /readyz says', (set) => set(isReady() ? 1 : 0));
  gauge('flan_peers', 'Leases of other nodes in use', (set) => {
    const now = view();
    if (now) set(now.peers().length);
  });
  gauge(
    'flan_desired_objects',
    'Objects that should be, by kind',
    (set) => eachKind(kindsOf(view()?.desired().keys()), (kind, count) => set(count, { kind })),
    ['kind'],
  );
  gauge(
    'flan_actual_objects',
    'Objects of ours, or in the place of ours, that are there, by kind',
    (set) => eachKind(kindsOf(view()?.observed().keys()), (kind, count) => set(count, { kind })),
    ['kind'],
  );
  gauge(
    'flan_foreign_objects',
    'Objects of others that are left alone, by kind',
    (set) => eachKind(Object.entries(view()?.foreign() ?? {}), (kind, count) => set(count, { kind })),
    ['kind'],
  );
  gauge('flan_failing_objects', 'Objects that could not be made so far', (set) => {
    const now = view();
    if (now) set(now.failing().size);
  });
  gauge('flan_pending_confirm', 'Whether an apply waits to be confirmed', (set) => set(pending === undefined ? 0 : 1));
  gauge('flan_store_connected', 'Whether changes of leases arrive', (set) => {
    if (store) set(store.isConnected ? 1 : 0);
  });
  gauge('flan_store_lag_seconds', 'How long no change of a lease could arrive; 0 while connected', (set) => {
    if (store) set(store.isConnected ? 0 : (wallMs() - store.sinceMs) / 1000);
  });
  gauge('flan_store_revision', 'Newest revision of the store that a lease in use was read at', (set) => {
    const now = view();
    const revisions = now === undefined ? [] : [now.own(), ...now.peers()].flatMap(({ origin }) => revisionOf(origin));
    if (revisions.length > 0) set(revisions.reduce((a, b) => Math.max(a, b)));
  });
  gauge('flan_lease_expiry_timestamp_seconds', 'When the own lease ends unless it is renewed', (set) => {
    const expiresAtMs = view()?.own().expiresAtMs;
    if (expiresAtMs !== undefined) set(expiresAtMs / 1000);
  });

  const failed = (error: FlanError): void => {
    failures.inc({ code: error.code });
    const errno = error.code === 'E_NETLINK' || error.code === 'E_PERMISSION' ? errnoOf(error) : undefined;
    if (errno !== undefined) netlinkErrors.inc({ errno });
  };

  const readTunnels = tunnels && tunnelMetrics({ registers, tunnels });

  return {
    contentType: register.contentType,
    async text() {
      try {
        await readTunnels?.();
      } catch (cause) {
        failed(asFlanError(cause));
      }
      return register.metrics();
    },
    round({ result, tookMs, errors }) {
      reconciles.inc({ result });
      durations.observe(tookMs / 1000);
      for (const error of errors) failed(error);
    },
    tell(event) {
      switch (event.type) {
        case 'drift':
          drifts.inc({ kind: kindOf(event.drift.key), action: event.drift.what });
          break;
        case 'healed':
          heals.observe(event.tookMs / 1000);
          break;
        case 'applied':
          for (const { kind, action, count } of countChanges(event.changes)) changes.inc({ kind, action }, count);
          break;
        case 'resync':
          if (OVERRUN.test(event.why)) overruns.inc();
          break;
        case 'ready':
          store ??= { isConnected: true, sinceMs: wallMs() };
          break;
        case 'store':
          if (event.state === 'disconnected') restarts.inc({ reason: event.error.code });
          if (event.state === 'connected' || store?.isConnected !== false) {
            store = { isConnected: event.state === 'connected', sinceMs: wallMs() };
          }
          break;
        case 'quarantined':
          quarantined.inc();
          break;
        case 'pending-confirm':
          pending = event.checkpoint;
          break;
        case 'rolled-back':
        case 'resumed':
          pending = undefined;
          break;
        case 'reload':
          reloads.inc({ result: event.result });
          break;
      }
    },
  };
}

/** `route` of `route/main/10.244.3.0/24`. */
const kindOf = (key: string): string => key.slice(0, key.indexOf('/'));

interface ChangeCount {
  readonly kind: string;
  readonly action: AppliedChange['action'];
  count: number;
}

/** A first apply makes thousands of changes of a few sorts, and the counter takes longer than counting. */
function countChanges(changes: readonly AppliedChange[]): Iterable<ChangeCount> {
  const counts = new Map<string, ChangeCount>();
  for (const { key, action } of changes) {
    const kind = kindOf(key);
    const found = counts.get(`${action} ${kind}`);
    if (found === undefined) counts.set(`${action} ${kind}`, { kind, action, count: 1 });
    else found.count++;
  }
  return counts.values();
}

function kindsOf(keys: Iterable<string> = []): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(kindOf(key), (counts.get(kindOf(key)) ?? 0) + 1);
  return counts;
}

function eachKind(counts: Iterable<readonly [string, number]>, tell: (kind: string, count: number) => void): void {
  for (const [kind, count] of counts) tell(kind, count);
}

/** `etcd revision 4411`, `Node a, resource version 12`: the number at the end; files have none. */
const revisionOf = (origin = ''): readonly number[] => {
  const digits = /(?:revision|resource version) (\d+)$/.exec(origin)?.[1];
  return digits === undefined ? [] : [Number(digits)];
};

/** The kernel's own name of its refusal, which the driver keeps as the cause. */
function errnoOf({ cause }: FlanError): string | undefined {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}
