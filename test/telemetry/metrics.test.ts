import { describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import type { WatchView } from '../../src/reconcile/view.js';
import { metrics } from '../../src/telemetry/metrics.js';
import { samples } from '../e2e-telemetry/ask.js';
import { LEASE, viewOf } from './view.js';

function counted(view?: WatchView) {
  let nowMs = 1_000_000;
  const made = metrics({ wallMs: () => nowMs, view: () => view, isReady: () => view !== undefined });
  return {
    ...made,
    wait: (ms: number) => {
      nowMs += ms;
    },
    /** Those of flan whose name begins so. */
    read: async (start: string) => [...samples(await made.text())].filter(([name]) => name.startsWith(start)),
  };
}
const away = {
  type: 'store',
  state: 'disconnected',
  error: new FlanError('E_STORE_UNREACHABLE', 'x'),
  retryInMs: 1,
} as const;

describe('metrics', () => {
  it('show nothing that is not known yet', async () => {
    const { read } = counted();
    expect(await read('flan_ready')).toEqual([['flan_ready', 0]]);
    for (const name of ['flan_peers', 'flan_store', 'flan_lease_expiry', 'flan_desired']) {
      expect(await read(name)).toEqual([]);
    }
  });

  it('tell of the process what dashboards know, anew at every look', async () => {
    const { read } = counted();
    const first = new Map(await read('process_'));
    for (const name of ['process_resident_memory_bytes', 'process_open_fds', 'process_start_time_seconds']) {
      expect([name, (first.get(name) ?? 0) > 0]).toEqual([name, true]);
    }
    for (const until = Date.now() + 20; Date.now() < until; );
    const second = new Map(await read('process_'));
    expect(second.get('process_cpu_seconds_total')).toBeGreaterThan(first.get('process_cpu_seconds_total') ?? 0);
    expect((await read('nodejs_')).map(([name]) => name.replace(/\{.*/, ''))).toEqual([
      'nodejs_heap_size_total_bytes',
      'nodejs_heap_size_used_bytes',
      'nodejs_external_memory_bytes',
      'nodejs_version_info',
    ]);
  });

  it('tell since when the store is away, however often it is tried', async () => {
    const { tell, wait, read } = counted();
    tell({ type: 'store', state: 'connected' });
    tell(away);
    wait(2000);
    tell(away);
    wait(3000);
    expect(await read('flan_store_')).toEqual([
      ['flan_store_connected', 0],
      ['flan_store_lag_seconds', 5],
    ]);
    expect(await read('flan_watch_restarts')).toEqual([['flan_watch_restarts_total{reason="E_STORE_UNREACHABLE"}', 2]]);
    tell({ type: 'store', state: 'connected' });
    expect(await read('flan_store_lag')).toEqual([['flan_store_lag_seconds', 0]]);
  });

  it('tell the newest revision of etcd or Kubernetes, and when the own lease ends', async () => {
    const lease = (origin: string) => ({ ...LEASE, origin });
    const { read } = counted(
      viewOf({
        own: () => ({ ...lease('etcd revision 12'), expiresAtMs: 2_000_000 }),
        peers: () => [lease('Node b, resource version 4411'), lease('etcd revision 7'), lease('node-c.yaml')],
      }),
    );
    expect(await read('flan_store_revision')).toEqual([['flan_store_revision', 4411]]);
    expect(await read('flan_lease_expiry')).toEqual([['flan_lease_expiry_timestamp_seconds', 2000]]);
  });

  it('count events that the kernel threw away', async () => {
    const { tell, read } = counted();
    tell({ type: 'resync', why: 'kernel events were lost (ENOBUFS)', tookMs: 1 });
    tell({ type: 'resync', why: 'periodic resync', tookMs: 1 });
    expect(await read('flan_netlink_overruns')).toEqual([['flan_netlink_overruns_total', 1]]);
  });

  it('count refusals of the kernel apart from other failures', async () => {
    const { round, read } = counted();
    const refused = new FlanError('E_NETLINK', 'x', { cause: { code: 'EEXIST' } });
    round({ result: 'partial', tookMs: 1, errors: [refused, refused, new FlanError('E_BLOCKED', 'y')] });
    round({ result: 'failed', tookMs: 1, errors: [new FlanError('E_NFTABLES', 'z')] });
    expect(await read('flan_netlink_errors')).toEqual([['flan_netlink_errors_total{errno="EEXIST"}', 2]]);
    expect(Object.fromEntries(await read('flan_errors'))).toEqual({
      'flan_errors_total{code="E_NETLINK"}': 2,
      'flan_errors_total{code="E_BLOCKED"}': 1,
      'flan_errors_total{code="E_NFTABLES"}': 1,
    });
    expect(Object.fromEntries(await read('flan_reconcile_total'))).toEqual({
      'flan_reconcile_total{result="ok"}': 0,
      'flan_reconcile_total{result="partial"}': 1,
      'flan_reconcile_total{result="failed"}': 1,
    });
  });

  it('tell that an apply waits, until it is confirmed or rolled back', async () => {
    const { tell, read } = counted();
    const waits = { type: 'pending-confirm', checkpoint: 'c1', deadlineMs: 5 } as const;
    const values = [];
    for (const event of [
      waits,
      { type: 'resumed', why: 'confirmed' },
      waits,
      { type: 'rolled-back', checkpoint: 'c1', why: 'late', undone: 1, left: 0 },
    ] as const) {
      tell(event);
      values.push(...(await read('flan_pending_confirm')));
    }
    expect(values.map(([, value]) => value)).toEqual([1, 0, 1, 0]);
  });
});
