import { Counter, Gauge, type Registry } from 'prom-client';
import type { TunnelReading, TunnelReport } from '../reconcile/status-tunnels.js';

export interface TunnelMetricsInit {
  readonly registers: Registry[];
  readonly tunnels: () => Promise<TunnelReport>;
}

/** A number of a tunnel; undefined where its backend has none. */
type Read = (reading: TunnelReading) => number | undefined;

/**
 * Counters of tunnels, which somebody else counts: the kernel, or the packet loops.
 * @returns what reads them anew; without that, and when it fails, none are shown
 */
export function tunnelMetrics({ registers, tunnels }: TunnelMetricsInit): () => Promise<void> {
  let last: TunnelReport | undefined;
  const eachPeer = (read: Read, tell: (labels: { device: string; peer: string }, value: number) => void): void => {
    for (const reading of last?.peers ?? []) {
      const value = read(reading);
      if (value !== undefined) tell({ device: reading.dev, peer: reading.peer }, value);
    }
  };
  const counter = (name: string, help: string, read: Read): void => {
    new Counter({
      ...{ name, help, registers, labelNames: ['device', 'peer'] },
      collect() {
        this.reset();
        eachPeer(read, (labels, value) => this.inc(labels, value));
      },
    });
  };
  new Gauge({
    name: 'flan_tunnel_last_handshake_timestamp_seconds',
    help: 'When the peer of a WireGuard tunnel was last heard of',
    ...{ registers, labelNames: ['device', 'peer'] },
    collect() {
      this.reset();
      const read: Read = ({ lastHandshakeMs }) => (lastHandshakeMs === undefined ? undefined : lastHandshakeMs / 1000);
      eachPeer(read, (labels, value) => this.set(labels, value));
    },
  });
  counter('flan_tunnel_received_bytes_total', 'Bytes that came in through a tunnel', (one) => one.receivedBytes);
  counter('flan_tunnel_sent_bytes_total', 'Bytes that went out through a tunnel', (one) => one.sentBytes);
  counter(
    'flan_tunnel_received_packets_total',
    'Packets that came in through a udp tunnel',
    (one) => one.packets?.received,
  );
  counter('flan_tunnel_sent_packets_total', 'Packets that went out through a udp tunnel', (one) => one.packets?.sent);
  counter(
    'flan_tunnel_spoofed_packets_total',
    "Packets dropped because their source is not in the peer's subnet",
    (one) => one.packets?.spoofed,
  );
  counter('flan_tunnel_send_errors_total', 'Packets that the kernel did not take', (one) => one.packets?.sendErrors);
  new Counter({
    name: 'flan_tunnel_packets_total',
    help: 'What became of the packets of backend udp: out (from the device), in (from peers), icmp (of our own)',
    ...{ registers, labelNames: ['device', 'direction', 'result'] },
    collect() {
      this.reset();
      for (const { dev, counts } of last?.totals ?? []) {
        for (const [name, count] of Object.entries(counts)) this.inc({ device: dev, ...fateOf(name) }, count);
      }
    },
  });
  return async () => {
    last = undefined;
    last = await tunnels();
  };
}

/** `out`, `no_peer` of `outNoPeer`. */
function fateOf(name: string): { readonly direction: string; readonly result: string } {
  const [, direction = name, rest = ''] = /^(out|in|icmp)(.*)$/.exec(name) ?? [];
  const result = rest.replace(/[A-Z]/g, (letter, at: number) => `${at === 0 ? '' : '_'}${letter.toLowerCase()}`);
  return { direction, result };
}
