import { describe, expect } from 'vitest';
import { becomes } from '../e2e-vxlan/overlay.js';
import { labTest } from '../support/lab.js';
import { exampleNetwork } from './extension.js';

// The configs of the examples, between nodes that talk to each other.

const RESYNC = ['--resync-interval', '1s'];

describe('the host-gw example', () => {
  labTest(
    'carries packets, and comes back when it is disturbed',
    { nodes: 2, network: exampleNetwork('extension-host-gw') },
    async (lab) => {
      const [a, b] = [lab.node(0), lab.node(1)];
      const daemon = await a.watch(RESYNC);
      const other = await b.watch();
      await a.addPods();
      await b.addPods();
      expect(await a.ping('10.244.2.1', '10.244.1.1')).toBe('answer');
      const from = daemon.mark();
      await a.netns.sh('ip route del 10.244.2.0/24');
      await daemon.until('healed', ({ key }) => key === 'extension-peer/10.244.2.0/24', from);
      expect(await a.ping('10.244.2.1', '10.244.1.1')).toBe('answer');
      // One that lives would take its lease again.
      await other.kill();
      lab.remove('node-b.yaml');
      await becomes(() => a.netns.sh('ip route show 10.244.2.0/24'), '');
    },
  );
});

describe('the vxlan example', () => {
  labTest(
    'publishes what it needs, carries packets, and comes back from the loss of its device',
    { nodes: 2, network: exampleNetwork('extension-vxlan'), needs: ['vxlan'], timeoutMs: 60_000 },
    async (lab) => {
      const [a, b] = [lab.node(0), lab.node(1)];
      const daemon = await a.watch(RESYNC);
      const other = await b.watch(RESYNC);
      await other.until('ready');
      await a.addPods();
      await b.addPods();
      const ping = () => a.ping('10.244.2.1', '10.244.1.1');
      await becomes(ping, 'answer');
      expect(a.subnetEnv()).toContain('FLANNEL_MTU=1450');
      const from = daemon.mark();
      await a.netns.sh('ip link del flan-vxlan');
      await daemon.until('healed', ({ key }) => key === 'extension-peer/10.244.2.0/24', from);
      await becomes(ping, 'answer');
      // Told to stop, and told so by the config, it takes everything along.
      expect(await daemon.stop()).toMatchObject({ code: 0 });
      await expect(a.netns.sh('ip link show flan-vxlan')).rejects.toThrow();
      await a.watch(RESYNC);
      await becomes(ping, 'answer');
      expect((await a.flan(['plan', '--detailed-exitcode'])).code).toBe(0);
    },
  );
});
