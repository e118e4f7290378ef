import { expect, it } from 'vitest';
import { TOTALS, type Totals } from '../../src/dataplane/counters.js';
import { FlanError } from '../../src/errors.js';
import type { TunnelReport } from '../../src/reconcile/status-tunnels.js';
import { metrics } from '../../src/telemetry/metrics.js';
import { samples } from '../e2e-telemetry/ask.js';

const counted = (tunnels: () => Promise<TunnelReport>) => {
  const made = metrics({ wallMs: () => 0, view: () => undefined, isReady: () => true, tunnels });
  return async (start: string) => [...samples(await made.text())].filter(([name]) => name.startsWith(start));
};
const wireguard = (peer: string, receivedBytes: number) =>
  ({ dev: 'flannel-wg', peer, publicKey: 'k', receivedBytes, sentBytes: 2 }) as const;

it('shows what tunnels count as it is now, and peers that are gone no more', async () => {
  const reports: readonly TunnelReport[] = [
    { peers: [{ ...wireguard('node-b', 10), lastHandshakeMs: 5000 }, wireguard('node-c', 7)], totals: [] },
    { peers: [wireguard('node-c', 9)], totals: [] },
  ];
  let scrapes = 0;
  const read = counted(async () => reports[scrapes++] ?? { peers: [], totals: [] });
  expect(await read('flan_tunnel_')).toEqual([
    ['flan_tunnel_last_handshake_timestamp_seconds{device="flannel-wg",peer="node-b"}', 5],
    ['flan_tunnel_received_bytes_total{device="flannel-wg",peer="node-b"}', 10],
    ['flan_tunnel_received_bytes_total{device="flannel-wg",peer="node-c"}', 7],
    ['flan_tunnel_sent_bytes_total{device="flannel-wg",peer="node-b"}', 2],
    ['flan_tunnel_sent_bytes_total{device="flannel-wg",peer="node-c"}', 2],
  ]);
  expect(await read('flan_tunnel_received_bytes')).toEqual([
    ['flan_tunnel_received_bytes_total{device="flannel-wg",peer="node-c"}', 9],
  ]);
});

it('tells every fate of a packet of backend udp by its own labels', async () => {
  const counts = Object.fromEntries(TOTALS.map((name, i) => [name, i + 1])) as Totals;
  const packets = { received: 3, sent: 4, spoofed: 5, sendErrors: 6 };
  const peer = { dev: 'flannel0', peer: 'node-b', receivedBytes: 1, sentBytes: 2, packets };
  const read = counted(async () => ({ peers: [peer], totals: [{ dev: 'flannel0', counts }] }));
  const totals = await read('flan_tunnel_packets_total');
  expect(totals.map(([, value]) => value)).toEqual(TOTALS.map((_, i) => i + 1));
  expect(totals.map(([name]) => name.replace(/^.*direction="(.*)",result="(.*)".*$/, '$1 $2'))).toEqual([
    'out read',
    'out forwarded',
    'out no_peer',
    'out expired',
    'out not_to_one_node',
    'out malformed',
    'out refused',
    'in received',
    'in delivered',
    'in malformed',
    'in expired',
    'in unknown_sender',
    'in spoofed',
    'in refused',
    'icmp sent',
    'icmp withheld',
  ]);
  for (const [name, value] of [
    ['received_packets', 3],
    ['sent_packets', 4],
    ['spoofed_packets', 5],
    ['send_errors', 6],
  ]) {
    expect(await read(`flan_tunnel_${name}_total`)).toEqual([
      [`flan_tunnel_${name}_total{device="flannel0",peer="node-b"}`, value],
    ]);
  }
});

it('shows the rest when tunnels cannot be read, and counts that', async () => {
  const read = counted(() => Promise.reject(new FlanError('E_PERMISSION', 'no')));
  expect(await read('flan_tunnel_')).toEqual([]);
  expect(await read('flan_ready')).toEqual([['flan_ready', 1]]);
  expect(await read('flan_errors_total')).toEqual([['flan_errors_total{code="E_PERMISSION"}', 3]]);
});
