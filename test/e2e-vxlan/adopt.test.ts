import { describe, expect } from 'vitest';
import { type Lab, type LabNode, labTest, peerLease } from '../support/lab.js';
import {
  becomes,
  DEVICE,
  each,
  type Family,
  GATEWAY,
  overlayState,
  SUBNET,
  UNDERLAY,
  VTEP,
  vxlanNetwork,
} from './overlay.js';

const FAMILIES = '46';
const OPTIONS = {
  nodes: 2,
  families: FAMILIES,
  network: vxlanNetwork(FAMILIES),
  needs: ['vxlan'],
  timeoutMs: 60_000,
} as const;

const MAC: Readonly<Record<Family, (n: number) => string>> = {
  '4': (n) => `46:00:00:00:04:0${n}`,
  '6': (n) => `46:00:00:00:06:0${n}`,
};

/** What flanneld of 2026 leaves on a node whose only peer lives, beside one whose lease ended while it was down. */
async function runFlanneld(lab: Lab, node: LabNode, n: number): Promise<void> {
  const peers = [n === 1 ? 2 : 1, 9];
  const commands = each(FAMILIES).flatMap((f) => [
    `ip link add ${DEVICE[f]} address ${MAC[f](n)} mtu 1450 type vxlan id 1 local ${UNDERLAY[f](n)} dev eth0 dstport 8472 nolearning`,
    `echo 0 > /proc/sys/net/ipv6/conf/${DEVICE[f]}/accept_ra`,
    `ip addr add ${VTEP[f](n)}/${f === '4' ? 32 : 128} dev ${DEVICE[f]} ${f === '6' ? 'nodad' : ''}`,
    `ip link set ${DEVICE[f]} up`,
    ...peers.flatMap((peer) => [
      `ip neigh replace ${VTEP[f](peer)} lladdr ${MAC[f](peer)} dev ${DEVICE[f]} nud permanent`,
      `bridge fdb replace ${MAC[f](peer)} dev ${DEVICE[f]} dst ${UNDERLAY[f](peer)} self permanent`,
      `ip route replace ${SUBNET[f](peer)} via ${VTEP[f](peer)} dev ${DEVICE[f]} onlink`,
    ]),
  ]);
  const env = [
    'FLANNEL_NETWORK=10.244.0.0/16',
    `FLANNEL_SUBNET=${GATEWAY['4'](n)}/24`,
    'FLANNEL_IPV6_NETWORK=fd00:10:244::/48',
    `FLANNEL_IPV6_SUBNET=${GATEWAY['6'](n)}/64`,
    ...['FLANNEL_MTU=1450', 'FLANNEL_IPMASQ=true'],
  ];
  await node.netns.sh([`mkdir -p ${node.subnetFile.replace(/[^/]*$/, '')}`, ...commands].join('\n'));
  await node.netns.sh(`printf '%s\\n' ${env.join(' ')} > ${node.subnetFile}`);
  await node.addPods();
  const data = (f: Family) => ({ VNI: 1, VtepMAC: MAC[f](n) });
  lab.put(`${node.name}.yaml`, {
    ...peerLease(node.name.slice(-1), FAMILIES),
    ...{ backendType: 'vxlan', backendData: data('4'), backendV6Data: data('6') },
  });
}

/** Pings a thousand times a second until all are sent. @returns whether it still ran when asked, and its last lines */
function pingHard(
  node: LabNode,
  family: Family,
): { readonly isRunning: () => boolean; readonly summary: Promise<string> } {
  let running = true;
  const summary = node.netns
    .sh(`ping -n -q -i 0.001 -c 2500 -I ${GATEWAY[family](1)} ${GATEWAY[family](2)} | grep transmitted`)
    .finally(() => {
      running = false;
    });
  return { isRunning: () => running, summary };
}

const indexes = ({ netns }: LabNode) =>
  netns.sh('cat /sys/class/net/flannel.1/ifindex /sys/class/net/flannel-v6.1/ifindex');

describe('a node that flanneld leaves', () => {
  for (const how of ['apply', 'watch'] as const) {
    labTest(`is taken over by ${how} --adopt without one lost packet, whole and at once`, OPTIONS, async (lab) => {
      const [a, b] = [lab.node(0), lab.node(1)];
      await runFlanneld(lab, a, 1);
      await runFlanneld(lab, b, 2);
      const before = await indexes(a);
      for (const family of each(FAMILIES)) expect(await a.ping(GATEWAY[family](2), GATEWAY[family](1))).toBe('answer');
      const pings = each(FAMILIES).map((family) => pingHard(a, family));
      if (how === 'apply') expect(await a.flan(['apply', '--yes', '--adopt'])).toMatchObject({ code: 0, stderr: '' });
      else await a.watch(['--adopt']);
      expect(pings.map(({ isRunning }) => isRunning())).toEqual([true, true]);
      for (const { summary } of pings)
        expect(await summary).toContain('2500 packets transmitted, 2500 received, 0% packet loss');
      expect(await indexes(a)).toBe(before);
      const state = await overlayState(a, FAMILIES);
      for (const family of each(FAMILIES)) {
        expect(state).toContain(`${VTEP[family](2)} lladdr ${MAC[family](2)} PERMANENT proto 70`);
        expect(state).toContain(`${SUBNET[family](2)} via ${VTEP[family](2)} dev ${DEVICE[family]}`);
      }
      // What flanneld forgot to remove went in the same go; nothing of it is left.
      for (const command of [
        'ip route',
        'ip -6 route',
        'ip neigh',
        'bridge fdb show dev flannel.1',
        'bridge fdb show dev flannel-v6.1',
      ]) {
        const text = await a.netns.sh(command);
        expect(text).not.toMatch(/10\.244\.9\.|fd00:10:244:9:|46:00:00:00:0[46]:09/);
      }
      expect((await a.flan(['plan', '--detailed-exitcode'])).code).toBe(0);
    });
  }

  labTest('is left as it is without --adopt, and every foreign object is named', OPTIONS, async (lab) => {
    const a = lab.node(0);
    await runFlanneld(lab, a, 1);
    await runFlanneld(lab, lab.node(1), 2);
    const everything = () =>
      a.netns.sh(
        'ip -d link show dev flannel.1; ip addr show dev flannel.1; ip route; ip -6 route; ip neigh; bridge fdb show dev flannel.1',
      );
    const before = await everything();
    const refused = await a.flan(['apply', '--yes']);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/E_CONFLICT.*link\/flannel\.1 and 9 more/s);
    expect(await everything()).toBe(before);
  });

  labTest(
    'keeps carrying packets beside flan nodes: what one publishes the other understands',
    OPTIONS,
    async (lab) => {
      const [a, b] = [lab.node(0), lab.node(1)];
      await runFlanneld(lab, b, 2);
      lab.put('node-a.yaml', {
        ...peerLease('a', FAMILIES),
        backendType: 'vxlan',
        backendData: { VtepMAC: MAC['4'](1) },
        backendV6Data: { VtepMAC: MAC['6'](1) },
      });
      await a.watch();
      await a.addPods();
      for (const family of each(FAMILIES))
        await becomes(() => a.ping(GATEWAY[family](2), GATEWAY[family](1)), 'answer');
    },
  );
});
