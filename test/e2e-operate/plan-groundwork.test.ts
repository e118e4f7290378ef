import { describe, expect } from 'vitest';
import { vxlanNetwork } from '../e2e-vxlan/overlay.js';
import { type LabNode, labTest, peerLease } from '../support/lab.js';

const sysctl = (name: string, value: number): string => `echo ${value} > /proc/sys/net/${name}`;
const FORWARDING = ['ipv4/ip_forward', 'ipv6/conf/all/forwarding'] as const;

async function warnings(node: LabNode): Promise<readonly string[]> {
  const { stdout, code } = await node.flan(['plan', '--json']);
  expect(code).toBe(0);
  const document = JSON.parse(stdout) as { readonly warnings: readonly { code: string; message: string }[] };
  return document.warnings.map(({ code, message }) => `${code}: ${message}`);
}

describe('the plan warns of ground that does not carry it', () => {
  labTest(
    'a host that does not forward, and one that drops what comes by another way',
    { families: '46', network: vxlanNetwork('46'), needs: ['vxlan'] },
    async (lab) => {
      const node = lab.node();
      const data = { VtepMAC: '02:00:00:00:00:01' };
      lab.put('node-b.yaml', { ...peerLease('b', '46'), backendType: 'vxlan', backendData: data, backendV6Data: data });
      await node.netns.sh(FORWARDING.map((name) => sysctl(name, 0)).join('; '));
      await node.netns.sh([sysctl('ipv4/conf/all/rp_filter', 0), sysctl('ipv4/conf/eth0/rp_filter', 0)].join('; '));
      expect(await warnings(node)).toEqual([
        expect.stringMatching(/^W_FORWARDING_OFF: this host does not forward IPv4 \(net\.ipv4\.ip_forward is 0\)/),
        expect.stringMatching(/^W_FORWARDING_OFF: this host does not forward IPv6/),
      ]);
      expect((await node.flan(['plan'])).stdout).toContain('Run `sysctl -w net.ipv4.ip_forward=1`');
      await node.netns.sh(FORWARDING.map((name) => sysctl(name, 1)).join('; '));
      expect(await warnings(node)).toEqual([]);
      // Strict, and the way to the peer leads through another link.
      await node.netns.sh(`ip link add other type bridge; ip link set other up; ip route add 192.168.10.2/32 dev other
        ${sysctl('ipv4/conf/eth0/rp_filter', 1)}`);
      expect(await warnings(node)).toEqual([
        expect.stringMatching(
          /^W_RP_FILTER: eth0 filters strictly .* the way to node-b \(192\.168\.10\.2\) leads through other/,
        ),
      ]);
      await node.netns.sh(sysctl('ipv4/conf/eth0/rp_filter', 2));
      expect(await warnings(node)).toEqual([]);
    },
  );
});
