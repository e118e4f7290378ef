import { join } from 'node:path';
import { expect } from 'vitest';
import { becomes } from '../e2e-vxlan/overlay.js';
import { FLAN, startFlan } from '../support/cli.js';
import { type LabNode, labTest } from '../support/lab.js';
import { startDaemon } from '../support/lab-daemon.js';
import { exampleNetwork } from './extension.js';

const network = exampleNetwork('extension-wireguard');

/** The example keeps its key in /run, and wireguard-go its sockets: each node has a /run of its own, with the namespaces in it. */
const ownRun = (node: LabNode, args: readonly string[]) => {
  const script = [
    'mkdir -p "$1"',
    'mount --rbind /run/netns "$1"',
    'mount -t tmpfs run /run',
    'mkdir /run/netns',
    'mount --rbind "$1" /run/netns',
    'shift',
    'exec "$@"',
  ];
  const namespaces = join(node.runtimeDir, '../namespaces');
  return startFlan(['-m', 'sh', '-ec', script.join('; '), 'sh', namespaces, FLAN, ...args], { command: 'unshare' });
};

labTest(
  'the wireguard example encrypts between two nodes that learn of each other from their leases',
  { nodes: 2, network, needs: ['wg'], timeoutMs: 60_000 },
  async (lab) => {
    for (const node of lab.nodes) {
      const daemon = startDaemon(ownRun(node, ['watch', '--json', ...node.flags]));
      // The device goes with its namespace; wireguard-go, if it is that, with its device.
      lab.onEnd(async () => {
        await daemon.kill();
        await node.netns.sh('ip link del flan-wg 2>/dev/null || true');
      });
      await daemon.until('ready');
    }
    const [a, b] = [lab.node(0), lab.node(1)];
    await a.addPods();
    await b.addPods();
    await becomes(() => a.ping('10.244.2.1', '10.244.1.1'), 'answer');
    expect(await a.netns.sh('ip route get 10.244.2.1')).toContain('dev flan-wg');
  },
);
