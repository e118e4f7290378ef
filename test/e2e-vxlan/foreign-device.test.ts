import { describe, expect } from 'vitest';
import { type Lab, type LabNode, labTest, peerLease } from '../support/lab.js';
import { startDaemon } from '../support/lab-daemon.js';
import { vxlanNetwork } from './overlay.js';

const OPTIONS = { network: vxlanNetwork('4'), needs: ['vxlan'], timeoutMs: 60_000 } as const;

function putPeer(lab: Lab): void {
  const backendData = { VNI: 1, VtepMAC: '46:00:00:00:04:02' };
  lab.put('node-b.yaml', { ...peerLease('b'), backendType: 'vxlan', backendData });
}

interface Planned {
  readonly plan: { readonly steps: readonly { readonly key: string }[]; readonly heldUp?: readonly unknown[] };
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}
const planOf = async (node: LabNode): Promise<Planned> =>
  JSON.parse((await node.flan(['plan', '--json'])).stdout) as Planned;

describe('a device that is not flan’s', () => {
  labTest('keeps watch from putting anything on it, until it goes', OPTIONS, async (lab) => {
    const node = lab.node();
    putPeer(lab);
    await node.netns.sh('ip link add flannel.1 type bridge; ip link set flannel.1 up');
    const state = () =>
      node.netns.sh(
        'ip -o addr show dev flannel.1 scope global; ip neigh show dev flannel.1; ip route show dev flannel.1',
      );
    const before = await state();
    const { plan } = await planOf(node);
    expect(
      plan.steps.map(({ key }) => key).filter((key) => /flannel|10\.244\.2\./.test(key) && !/^file/.test(key)),
    ).toEqual([]);
    expect(plan.heldUp?.length).toBeGreaterThan(3);
    const daemon = startDaemon(node.start(['watch', '--json']));
    lab.onEnd(() => daemon.kill());
    await daemon.until('conflict', ({ conflict }) => conflict.key === 'link/flannel.1');
    await daemon.until('ready');
    expect(await state()).toBe(before);
    const status = JSON.parse((await node.flan(['status', '--json'])).stdout) as { state: string };
    expect(status.state).toBe('not in order');
    await node.netns.ip('link del flannel.1');
    await daemon.until('applied', ({ changes }) => changes.some(({ key }) => key === 'route/main/10.244.2.0/24'));
    expect(await node.netns.ip('-d link show flannel.1')).toContain('vxlan id 1');
    expect((await planOf(node)).plan.steps).toEqual([]);
    expect((await daemon.stop()).code).toBe(0);
  });
});

describe('what others put on a device of flan’s', () => {
  labTest('is named when the device is made anew, and comes back by a rollback', OPTIONS, async (lab) => {
    const node = lab.node();
    putPeer(lab);
    expect((await node.flan(['apply', '--yes'])).code).toBe(0);
    await node.netns.sh(`ip addr add 172.31.0.1/24 dev flannel.1
      ip route add 10.244.250.0/24 dev flannel.1; ip route add 172.30.0.0/16 dev flannel.1`);
    const losses = async () => (await planOf(node)).warnings.filter(({ code }) => code === 'W_TAKEN_ALONG');
    expect(await losses()).toEqual([]);
    lab.put('network.yaml', { ...vxlanNetwork('4'), Backend: { Type: 'vxlan', Port: 4789 } });
    const told = await losses();
    expect(told).toHaveLength(1);
    for (const key of ['address/flannel.1/172.31.0.1/24', 'route/main/10.244.250.0/24', 'route/main/172.30.0.0/16'])
      expect(told[0]?.message).toContain(key);
    expect(told[0]?.message).not.toContain('fe80');
    expect((await node.flan(['apply', '--yes'])).code).toBe(0);
    expect(await node.netns.ip('route show 172.30.0.0/16')).toBe('');
    expect(await node.flan(['rollback', '--yes'])).toMatchObject({ code: 0 });
    expect(await node.netns.ip('route show 172.30.0.0/16')).toContain('dev flannel.1');
    expect(await node.netns.ip('-o addr show dev flannel.1')).toContain('172.31.0.1/24');
  });
});
