import { expect, it } from 'vitest';
import { parsePrefix } from '../../src/model/ip.js';
import type { Lease, LeaseKey } from '../../src/model/lease.js';
import { readTunnels } from '../../src/reconcile/status-tunnels.js';

it('gives tunnels of ipsec the names of the nodes at their other ends', async () => {
  const [known, unknown] = [parsePrefix('10.244.2.0/24'), parsePrefix('10.244.3.0/24')];
  const lease: Lease = { key: 'b' as LeaseKey, node: 'node-b', backendType: 'ipsec', ipv4: { subnet: known } };
  const { peers } = await readTunnels({
    ipsec: async () => [
      {
        subnet: known,
        endpoint: '192.168.10.2:4500',
        state: 'established',
        establishedMs: 5,
        receivedBytes: 1,
        sentBytes: 2,
      },
      { subnet: unknown, endpoint: '192.168.10.3', state: 'down', receivedBytes: 0, sentBytes: 0 },
    ],
    runtimeDir: '/nonexistent',
    leases: [lease],
  });
  expect(peers).toEqual([
    {
      dev: 'ipsec',
      peer: 'node-b',
      endpoint: '192.168.10.2:4500',
      state: 'established',
      establishedMs: 5,
      receivedBytes: 1,
      sentBytes: 2,
    },
    { dev: 'ipsec', peer: '10.244.3.0/24', endpoint: '192.168.10.3', state: 'down', receivedBytes: 0, sentBytes: 0 },
  ]);
});
