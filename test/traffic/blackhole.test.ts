import { expect } from 'vitest';
import { netlinkDriver } from '../../src/drivers/netlink/driver.js';
import { kinds } from '../../src/kinds/index.js';
import { FAMILIES } from '../../src/model/ip.js';
import { CommandSocket } from '../../src/netlink/command.js';
import type { Key } from '../../src/planner/kind.js';
import { type Observed, plan } from '../../src/planner/plan.js';
import { blackholeRoute } from '../../src/traffic/blackhole.js';
import { NETWORKS } from '../drivers/traffic-host.js';
import { kernelTest } from '../support/kernel.js';

kernelTest(
  'blackhole: stray addresses are dropped, a bridge on the subnet still wins',
  { needs: ['bridge', 'ipv6'] },
  async ({ netns, onEnd }) => {
    const socket = CommandSocket.open({ netns: netns.name });
    onEnd(() => socket.close());
    const driver = netlinkDriver({ socket, netns: netns.name });
    onEnd(() => driver.close());
    const ownership = { protocol: 70, networks: Object.values(NETWORKS).map(({ network }) => network) };
    const routes = FAMILIES.map((family) => blackholeRoute({ subnet: NETWORKS[family].subnet, protocol: 70 }));
    const desired = new Map(routes.map((resource) => [kinds.key(resource), { resource, because: 'the test' }]));
    const { signal } = new AbortController();
    const look = async () => {
      const scope = {
        ownership,
        families: FAMILIES,
        tables: [254],
        wants: (key: Key) => desired.has(key),
        named: [],
      };
      const { resources } = await driver.observe(scope, signal);
      const observed: Observed = new Map(resources.map((resource) => [kinds.key(resource), resource]));
      return plan({ desired, observed, kinds, ownership });
    };
    // The bridge first: its own route has the metric that flannel's blackhole route would need.
    await netns.sh('ip link add cni0 type bridge; ip link set cni0 up; ip address add 10.244.3.1/24 dev cni0');
    const outcomes = await driver.perform((await look()).steps, signal);
    expect(outcomes.map(({ status }) => status)).toEqual(['done', 'done']);
    expect(await look()).toMatchObject({ steps: [], conflicts: [], unchanged: 2 });
    expect(await netns.sh('ip route get 10.244.3.77')).toContain('dev cni0');
    await netns.sh('ip link delete cni0');
    await expect(netns.sh('ip route get 10.244.3.77')).rejects.toThrow('Invalid argument');
    await expect(netns.sh('ip route get fd00:10:244:3::77')).rejects.toThrow('Invalid argument');
  },
);
