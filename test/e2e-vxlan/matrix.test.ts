import { describe, expect } from 'vitest';
import { type LabFamilies, type LabNode, labTest, peerLease } from '../support/lab.js';
import { serveHttp, transfer } from './http.js';
import { becomes, each, type Family, GATEWAY, moveBehindRouter, putLeases, vxlanNetwork } from './overlay.js';

const SETUPS = {
  vxlan: { backend: {}, routed: false },
  'vxlan with DirectRouting across a router': { backend: { DirectRouting: true }, routed: true },
  'host-gw': { backend: { Type: 'host-gw' }, routed: false },
} as const;

/** Bytes of one inner packet that fit: 1500 less 50 or 70 for the tunnel. */
const MTU: Readonly<Record<'tunnel' | 'plain', Readonly<Record<Family, number>>>> = {
  tunnel: { '4': 1450, '6': 1430 },
  plain: { '4': 1500, '6': 1500 },
};
const HEADER_BYTES: Readonly<Record<Family, number>> = { '4': 28, '6': 48 };

/** Whether one packet of that size gets through unfragmented, and its answer. */
const fits = (node: LabNode, { family, to, bytes }: { family: Family; to: number; bytes: number }): Promise<boolean> =>
  node.netns
    .sh(`ping -n -q -c 1 -W 1 -M do -s ${bytes - HEADER_BYTES[family]} -I ${GATEWAY[family](1)} ${GATEWAY[family](to)}`)
    .then(
      () => true,
      () => false,
    );

describe('three nodes', () => {
  for (const [name, { backend, routed }] of Object.entries(SETUPS)) {
    for (const families of ['4', '6', '46'] as const satisfies readonly LabFamilies[]) {
      const title = `${name}, IPv${[...families].join(' and IPv')}: everybody reaches everybody, up to the MTU`;
      const needs = ['vxlan', ...(routed ? (['iptables', 'ip6tables'] as const) : [])] as const;
      const network = vxlanNetwork(families, backend);
      labTest(
        title,
        { nodes: 3, families: routed ? '46' : families, network, needs, timeoutMs: 120_000 },
        async (lab) => {
          const { nodes } = lab;
          putLeases(lab, families);
          if (routed) {
            await moveBehindRouter(lab);
            const publicIps = {
              ...(families.includes('4') && { publicIP: '192.168.20.3' }),
              ...(families.includes('6') && { publicIPv6: 'fd00:192:168:20::3' }),
            };
            lab.put('node-c.yaml', { ...peerLease('c', families), ...publicIps });
          }
          await Promise.all(nodes.map((node) => node.watch()));
          await Promise.all(nodes.map((node) => node.addPods()));
          await Promise.all(nodes.map(({ netns }) => serveHttp(netns, lab.onEnd)));
          for (const family of each(families)) {
            const pairs = nodes.flatMap((from, i) =>
              [1, 2, 3].filter((n) => n !== i + 1).map((to) => ({ from, i, to })),
            );
            const reach = async ({ from, i, to }: (typeof pairs)[number]) => {
              const [source, target] = [GATEWAY[family](i + 1), GATEWAY[family](to)];
              // The last node to start is known to the others a moment later.
              await becomes(() => from.ping(target, source), 'answer');
              expect(await transfer({ from: from.netns, to: target, source })).toBe(source);
            };
            await Promise.all(pairs.map(reach));
            const kind = name === 'host-gw' ? 'plain' : 'tunnel';
            const [a] = nodes;
            const bytes = MTU[kind][family];
            expect(a && (await fits(a, { family, to: 3, bytes }))).toBe(true);
            expect(a && (await fits(a, { family, to: 3, bytes: bytes + 1 }))).toBe(false);
          }
          const least = Math.min(
            ...each(families).map((family) => MTU[name === 'host-gw' ? 'plain' : 'tunnel'][family]),
          );
          expect(nodes[0]?.subnetEnv()).toContain(`FLANNEL_MTU=${least}\n`);
        },
      );
    }
  }
});
