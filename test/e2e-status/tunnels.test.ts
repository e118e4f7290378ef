import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { isInstalled } from '../../src/drivers/run-tool.js';
import type { StatusDocument } from '../../src/report/status-document.js';
import { ask, samples } from '../e2e-telemetry/ask.js';
import { flan, startFlan } from '../support/cli.js';
import { defaultNetwork, type Lab, type LabNode, labTest, required } from '../support/lab.js';
import { startDaemon } from '../support/lab-daemon.js';
import { faultsOf } from '../support/schemas.js';
import { keyFileOf, putLeases, removeDevices, wg, wireguardNetwork } from '../wireguard/overlay.js';

const flagsOf = (node: LabNode) => [...node.flags, '--wireguard-key-file', keyFileOf(node)];
const socketOf = (node: LabNode): string => join(node.runtimeDir, '..', 'health');

async function both(lab: Lab): Promise<readonly [LabNode, LabNode]> {
  putLeases(lab, '4');
  for (const node of lab.nodes) {
    const daemon = startDaemon(startFlan(['watch', '--json', ...flagsOf(node), '--healthz-socket', socketOf(node)]));
    lab.onEnd(() => daemon.kill());
    await daemon.until('ready');
    await node.addPods();
  }
  return [lab.node(0), required(lab.nodes[1], 'second node')];
}

async function statusOf(node: LabNode): Promise<StatusDocument> {
  const { stdout } = await flan(['status', '-o', 'json', ...flagsOf(node)]);
  const document = JSON.parse(stdout) as StatusDocument;
  expect(faultsOf('status', document)).toEqual([]);
  return document;
}

/** Counters are told every two seconds, and handshakes take a moment. */
async function until<T>(look: () => Promise<T>, wanted: (found: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const found = await look();
    if (wanted(found) || tries === 50) return found;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

const tunnelMetrics = async (node: LabNode) =>
  new Map(
    [...samples((await ask(socketOf(node), '/metrics')).body)].filter(([name]) => name.startsWith('flan_tunnel_')),
  );

describe('tunnels of backend udp', () => {
  const network = { ...defaultNetwork('4'), Backend: { Type: 'udp' } };
  labTest(
    'are told by status and metrics, by the name of the peer',
    { nodes: 2, network, needs: ['tun'] },
    async (lab) => {
      const [a] = await both(lab);
      const received = 'flan_tunnel_received_packets_total{device="flannel0",peer="node-b"}';
      const before = await tunnelMetrics(a);
      expect(before.get(received)).toBe(0);
      expect(await a.netns.sh('ping -q -c 5 -i 0.05 -I 10.244.1.1 10.244.2.1')).toMatch(/ 0% packet loss/);
      const counts = await until(
        () => tunnelMetrics(a),
        (found) => found.get(received) === 5,
      );
      expect(counts.get(received)).toBe(5);
      expect(counts.get('flan_tunnel_sent_packets_total{device="flannel0",peer="node-b"}')).toBe(5);
      expect(counts.get('flan_tunnel_packets_total{device="flannel0",direction="out",result="forwarded"}')).toBe(5);
      expect(counts.get('flan_tunnel_spoofed_packets_total{device="flannel0",peer="node-b"}')).toBe(0);
      const status = await statusOf(a);
      expect(status).toMatchObject({
        state: 'in order',
        tunnels: {
          peers: [{ dev: 'flannel0', peer: 'node-b', packets: { received: 5, sent: 5, spoofed: 0, sendErrors: 0 } }],
          totals: [{ dev: 'flannel0', counts: { outForwarded: 5, inDelivered: 5 } }],
        },
      });
      const { stdout } = await a.flan(['status']);
      expect(stdout).toMatch(/^ {2}node-b +flannel0 +192\.168\.10\.2:8285 +\d+ B in +\d+ B out$/m);
    },
  );
});

describe.runIf(isInstalled('wireguard-go', {}))('tunnels of backend wireguard', () => {
  const options = { nodes: 2, network: wireguardNetwork('4'), needs: ['tun'], timeoutMs: 120_000 } as const;
  labTest('are told with the last handshake and bytes, as wg(8) does, and no secret', options, async (lab) => {
    for (const node of lab.nodes) lab.onEnd(() => removeDevices(node));
    const [a, b] = await both(lab);
    const never = await statusOf(a);
    expect(never.tunnels.peers).toMatchObject([{ dev: 'flannel-wg', peer: 'node-b' }]);
    expect(await a.netns.sh('ping -q -c 5 -i 0.1 -w 20 -I 10.244.1.1 10.244.2.1')).toMatch(/[1-5] received/);
    const status = await until(
      () => statusOf(a),
      ({ tunnels }) => tunnels.peers[0]?.lastHandshakeMs !== undefined && tunnels.peers[0].receivedBytes > 0,
    );
    const [tunnel] = status.tunnels.peers;
    const publicKey = (await wg(b, 'show flannel-wg public-key')).trim();
    expect(tunnel).toMatchObject({ peer: 'node-b', publicKey, endpoint: '192.168.10.2:51820' });
    const shown = (await wg(a, 'show flannel-wg latest-handshakes')).trim().split('\t');
    expect(shown).toEqual([publicKey, String(Math.floor((tunnel?.lastHandshakeMs ?? 0) / 1000))]);
    const counts = await tunnelMetrics(a);
    const labels = '{device="flannel-wg",peer="node-b"}';
    expect(Math.floor(counts.get(`flan_tunnel_last_handshake_timestamp_seconds${labels}`) ?? 0)).toBe(Number(shown[1]));
    expect(counts.get(`flan_tunnel_sent_bytes_total${labels}`)).toBeGreaterThanOrEqual(tunnel?.sentBytes ?? Infinity);
    const { stdout } = await flan(['status', ...flagsOf(a)]);
    expect(stdout).toMatch(
      /^ {2}node-b +flannel-wg +192\.168\.10\.2:51820 +heard of .* ago +\S+ \w+ in +\S+ \w+ out$/m,
    );
    const metrics = (await ask(socketOf(a), '/metrics')).body;
    for (const secret of [readFileSync(keyFileOf(a), 'utf8').trim(), readFileSync(keyFileOf(b), 'utf8').trim()]) {
      expect(secret.length).toBeGreaterThan(40);
      for (const told of [stdout, metrics, JSON.stringify(status)]) expect(told).not.toContain(secret);
    }
  });
});
