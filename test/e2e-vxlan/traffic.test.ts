import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { type Lab, type LabNode, labTest } from '../support/lab.js';
import type { TestNetns } from '../support/netns.js';
import { serveHttp, transfer } from './http.js';
import {
  becomes,
  DEVICE,
  each,
  type Family,
  GATEWAY,
  putLeases,
  SUBNET,
  UNDERLAY,
  VTEP,
  vxlanNetwork,
} from './overlay.js';

const FAMILIES = '46';
const MODES = { iptables: false, nftables: true } as const;
const MASQUERADE = ['--ip-masq', '--iptables-forward-rules', '--ip-blackhole-route'];

const networkOf = (mode: keyof typeof MODES): object => ({ ...vxlanNetwork(FAMILIES), EnableNFTables: MODES[mode] });
const OPTIONS = {
  nodes: 2,
  families: FAMILIES,
  needs: ['vxlan', 'nft', 'iptables', 'ip6tables'],
  timeoutMs: 90_000,
} as const;

const POD: Readonly<Record<Family, (n: number) => string>> = {
  '4': (n) => `10.244.${n}.9`,
  '6': (n) => `fd00:10:244:${n}::9`,
};
/** Somebody outside the overlay, on the underlay. */
const OUTSIDE: Readonly<Record<Family, string>> = { '4': '192.168.10.200', '6': 'fd00:192:168:10::200' };
const WIDTH: Readonly<Record<Family, number>> = { '4': 24, '6': 64 };

/** A pod on the node's bridge, as a CNI plugin makes it. */
async function addPod(lab: Lab, node: LabNode, n: number): Promise<TestNetns> {
  const pod = lab.makeNetns(`pod${n}`);
  await node.netns.ip(`link add pod type veth peer name eth0 netns ${pod.name}`);
  await node.netns.sh(
    'ip link set pod master cni0 up; echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding',
  );
  const lines = each(FAMILIES).flatMap((f) => [
    `ip addr add ${POD[f](n)}/${WIDTH[f]} dev eth0 ${f === '6' ? 'nodad' : ''}`,
    'ip link set eth0 up',
    `ip -${f} route add default via ${GATEWAY[f](n)}`,
  ]);
  await pod.sh(lines.join('\n'));
  return pod;
}

async function addOutside(lab: Lab): Promise<void> {
  await lab.wire.sh(
    each(FAMILIES)
      .map((f) => `ip addr add ${OUTSIDE[f]}/${WIDTH[f]} dev br0 ${f === '6' ? 'nodad' : ''}`)
      .join('\n'),
  );
  await serveHttp(lab.wire, lab.onEnd);
}

/** Everything of ours in both packet filters. */
const rules = ({ netns }: LabNode): Promise<string> =>
  netns.sh(`nft list tables | grep flannel || true
    for t in iptables ip6tables; do $t-save -t nat; $t-save -t filter; done | grep -e FLANNEL -e flanneld || true
    for f in 4 6; do ip -$f route show type blackhole; done`);

/** Page faults of the children that a process has waited for: any program that it ran has made some. */
function childFaults(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[8]) + Number(fields[10]);
}

describe('traffic rules made by the command line', () => {
  for (const mode of ['iptables', 'nftables'] as const) {
    labTest(
      `${mode}: receivers see pods as they are inside the overlay, and nodes in their stead outside`,
      { ...OPTIONS, network: networkOf(mode) },
      async (lab) => {
        putLeases(lab, FAMILIES);
        const [a, b] = [lab.node(0), lab.node(1)];
        for (const node of [a, b, a])
          expect(await node.flan(['apply', '--yes', ...MASQUERADE])).toMatchObject({ code: 0 });
        await Promise.all([a.addPods(), b.addPods()]);
        const [podA, podB] = [await addPod(lab, a, 1), await addPod(lab, b, 2)];
        // As on a host where something else drops what is forwarded and not accepted.
        if (mode === 'iptables')
          for (const { netns } of [a, b]) await netns.sh('iptables -P FORWARD DROP; ip6tables -P FORWARD DROP');
        await Promise.all([serveHttp(podB, lab.onEnd), addOutside(lab)]);
        for (const family of each(FAMILIES)) {
          expect(await transfer({ from: podA, to: POD[family](2) })).toBe(POD[family](1));
          expect(await transfer({ from: podA, to: OUTSIDE[family] })).toBe(UNDERLAY[family](1));
          // The host itself calls a remote pod from its address in the overlay, whatever it was bound to.
          expect(await transfer({ from: a.netns, to: POD[family](2), source: UNDERLAY[family](1) })).toBe(
            VTEP[family](1),
          );
        }
        const excluded = [`${OUTSIDE['4']}/32`, `${OUTSIDE['6']}/128`].join(',');
        expect(await a.flan(['apply', '--yes', ...MASQUERADE, '--masquerade-exclude', excluded])).toMatchObject({
          code: 0,
        });
        for (const family of each(FAMILIES)) {
          await lab.wire.ip(`-${family} route add ${SUBNET[family](1)} via ${UNDERLAY[family](1)}`);
          expect(await transfer({ from: podA, to: OUTSIDE[family] })).toBe(POD[family](1));
        }
        // The blackhole stands behind the bridge's own route.
        expect(await a.netns.ip('route show type blackhole')).toContain(
          'blackhole 10.244.1.0/24 proto 70 metric 4294967295',
        );
      },
    );
  }

  labTest(
    'switching the mode cleans up the other one, and destroy removes all of it',
    { ...OPTIONS, nodes: 1, network: networkOf('iptables') },
    async (lab) => {
      putLeases(lab, FAMILIES);
      const a = lab.node();
      await a.netns.sh('iptables -A FORWARD -s 198.51.100.1 -j ACCEPT; nft add table inet theirs');
      const apply = () => a.flan(['apply', '--yes', ...MASQUERADE]);
      expect(await apply()).toMatchObject({ code: 0 });
      expect(await rules(a)).toMatch(/FLANNEL-POSTRTG.*MASQUERADE/);
      expect(await rules(a)).not.toContain('table ip flannel');
      lab.put('network.yaml', networkOf('nftables'));
      expect(await apply()).toMatchObject({ code: 0 });
      expect(await rules(a)).toContain('table ip6 flannel-ipv6');
      expect(await rules(a)).not.toContain('FLANNEL');
      lab.put('network.yaml', networkOf('iptables'));
      expect(await apply()).toMatchObject({ code: 0 });
      expect(await rules(a)).toMatch(/FLANNEL-POSTRTG.*MASQUERADE/);
      expect(await rules(a)).not.toContain('table ip flannel');
      expect(await a.flan(['destroy', '--yes'])).toMatchObject({ code: 0 });
      expect(await rules(a)).toBe('');
      for (const family of each(FAMILIES))
        await expect(a.netns.ip(`link show dev ${DEVICE[family]}`)).rejects.toThrow();
      // What others made is as it was.
      expect(await a.netns.sh('iptables -S FORWARD; nft list tables')).toMatch(
        /-s 198\.51\.100\.1\/32 -j ACCEPT[\s\S]*table inet theirs/,
      );
    },
  );

  for (const mode of ['iptables', 'nftables'] as const) {
    labTest(
      `${mode}: watch puts flushed rules back, and starts no program while nothing happens`,
      { ...OPTIONS, nodes: 1, network: networkOf(mode) },
      async (lab) => {
        putLeases(lab, FAMILIES);
        const a = lab.node();
        const daemon = await a.watch(MASQUERADE);
        const listing = () =>
          a.netns.sh(
            mode === 'nftables'
              ? 'nft list table ip flannel-ipv4; nft list table ip6 flannel-ipv6'
              : 'iptables -S; iptables -t nat -S; ip6tables -S; ip6tables -t nat -S',
          );
        const before = await listing();
        const flushes =
          mode === 'nftables'
            ? [
                'nft flush ruleset',
                'nft flush chain ip6 flannel-ipv6 forward',
                'nft delete table ip flannel-ipv4',
                'nft insert rule ip flannel-ipv4 postrtg return',
              ]
            : [
                'iptables -F',
                'iptables -t nat -F',
                'iptables -D FORWARD -j FLANNEL-FWD -m comment --comment "flanneld forward"',
                'ip6tables -t nat -F FLANNEL-POSTRTG',
                'ip6tables -I FLANNEL-FWD -j DROP',
              ];
        for (const flush of flushes) {
          await a.netns.sh(flush);
          await becomes(listing, before).catch((error: unknown) => {
            throw new Error(`${flush}: ${String(error)}`);
          });
        }
        // Until the echoes of the last repair have been looked at.
        await new Promise((resolve) => setTimeout(resolve, 500));
        const faults = childFaults(daemon.pid);
        expect(faults).toBeGreaterThan(0);
        await new Promise((resolve) => setTimeout(resolve, 2000));
        expect(childFaults(daemon.pid)).toBe(faults);
      },
    );
  }
});
