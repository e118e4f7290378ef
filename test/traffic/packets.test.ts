import { expect } from 'vitest';
import { FAMILIES, type Prefix } from '../../src/model/ip.js';
import { type Mode, trafficHost, wanted } from '../drivers/traffic-host.js';
import { kernelTest } from '../support/kernel.js';
import { ADDRESSES, EXCLUDED, MARKED_PORT, PORT, packetLab } from './packet-lab.js';

const needs = ['nft', 'iptables', 'ip6tables', 'veth', 'ipv6'] as const;
const exclude = Object.values(EXCLUDED) as Prefix[];

for (const mode of ['nftables', 'iptables'] as const satisfies readonly Mode[]) {
  kernelTest(`${mode}: whose address packets bear`, { needs, timeoutMs: 40_000 }, async (context) => {
    const lab = await packetLab(context);
    const host = trafficHost({ netns: lab.node });
    context.onEnd(host.close);
    const seen = async () => {
      const rows: Record<string, string | undefined> = {};
      for (const family of FAMILIES) {
        const a = ADDRESSES[family];
        const row = async (what: string, probe: Parameters<typeof lab.sourceSeen>[0]) => {
          rows[`IPv${family} ${what}`] = nameOf(await lab.sourceSeen(probe), a);
        };
        await row('pod to outside', { in: 'pod', from: a.pod, to: a.outside, port: PORT });
        await row('pod to outside, marked by kube-proxy', { in: 'pod', from: a.pod, to: a.outside, port: MARKED_PORT });
        await row('pod to an excluded destination', { in: 'pod', from: a.pod, to: a.excluded, port: PORT });
        await row('pod to remote pod', { in: 'pod', from: a.pod, to: a.remotePod, port: PORT });
        await row('remote pod to pod', { in: 'far', from: a.remotePod, to: a.pod, port: PORT });
        await row('outside to pod', { in: 'far', from: a.outside, to: a.pod, port: PORT });
        await row('host to remote pod', { in: 'node', from: a.node, to: a.remotePod, port: PORT });
        const via = family === 4 ? a.node : '::%up0';
        await row('subnet to multicast', { in: 'node', from: a.bridge, to: a.group, port: PORT, via });
      }
      return rows;
    };
    const expected = (changes: Readonly<Record<string, string>>) =>
      Object.fromEntries(
        FAMILIES.flatMap((family) =>
          Object.entries({
            'pod to outside': 'pod',
            'pod to outside, marked by kube-proxy': 'pod',
            'pod to an excluded destination': 'pod',
            'pod to remote pod': 'pod',
            'remote pod to pod': 'remotePod',
            'outside to pod': 'outside',
            'host to remote pod': 'node',
            'subnet to multicast': 'bridge',
            ...changes,
          }).map(([what, who]) => [`IPv${family} ${what}`, who]),
        ),
      );
    expect(await seen()).toEqual(expected({}));
    host.want(wanted(mode, { exclude }));
    await host.reconcile();
    // New source ports each time, so that no packet follows an old entry of connection tracking.
    expect(await seen()).toEqual(expected({ 'pod to outside': 'node', 'host to remote pod': 'overlay' }));
    host.want(wanted(mode, { fullyRandom: false }));
    await host.reconcile();
    expect(await seen()).toEqual(
      expected({
        'pod to outside': 'node',
        'pod to an excluded destination': 'node',
        'host to remote pod': 'overlay',
      }),
    );
    host.want([]);
    await host.reconcile();
    expect(await seen()).toEqual(expected({}));
  });
}

const nameOf = (address: string | undefined, addresses: object): string | undefined =>
  Object.entries(addresses).find(([, value]) => value === address)?.[0] ?? address;

kernelTest('iptables: forwarding works although the policy is drop', { needs, timeoutMs: 60_000 }, async (context) => {
  const lab = await packetLab(context);
  const host = trafficHost({ netns: lab.node });
  context.onEnd(host.close);
  await lab.node.sh('iptables -P FORWARD DROP; ip6tables -P FORWARD DROP');
  const seen = () =>
    Promise.all(
      FAMILIES.flatMap((family) => {
        const a = ADDRESSES[family];
        return [
          lab.sourceSeen({ in: 'pod', from: a.pod, to: a.remotePod, port: PORT }),
          lab.sourceSeen({ in: 'far', from: a.outside, to: a.pod, port: PORT }),
        ];
      }),
    );
  expect(await seen()).toEqual([undefined, undefined, undefined, undefined]);
  host.want(wanted('iptables', { masquerade: false }));
  await host.reconcile();
  const [a, b] = [ADDRESSES[4], ADDRESSES[6]];
  expect(await seen()).toEqual([a.pod, a.outside, b.pod, b.outside]);
});
