import { describe, expect } from 'vitest';
import { type Lab, type LabNode, labTest, peerLease } from '../support/lab.js';
import { faultsOf } from '../support/schemas.js';

const COUNT = 1500;

/** Pings a thousand times a second until all are sent. */
function pingHard(node: LabNode): { readonly isRunning: () => boolean; readonly summary: Promise<string> } {
  let running = true;
  const summary = node.netns
    .sh(`ping -n -q -i 0.001 -c ${COUNT} -I 10.244.1.1 10.244.2.1 | grep transmitted`)
    .finally(() => {
      running = false;
    });
  return { isRunning: () => running, summary };
}

const ALL_ANSWERED = `${COUNT} packets transmitted, ${COUNT} received, 0% packet loss`;
const MAC = (n: number): string => `46:00:00:00:04:0${n}`;

/** What flanneld makes for a node: its device, what stands on it, a peer that lives and one whose lease ended. */
const VXLAN = (n: number): readonly string[] => [
  `ip link add flannel.1 address ${MAC(n)} mtu 1450 type vxlan id 1 local 192.168.10.${n} dev eth0 dstport 8472 nolearning`,
  `ip addr add 10.244.${n}.0/32 dev flannel.1`,
  'ip link set flannel.1 up',
  ...[3 - n, 9].flatMap((peer) => [
    `ip neigh replace 10.244.${peer}.0 lladdr ${MAC(peer)} dev flannel.1 nud permanent`,
    `bridge fdb replace ${MAC(peer)} dev flannel.1 dst 192.168.10.${peer} self permanent`,
    `ip route replace 10.244.${peer}.0/24 via 10.244.${peer}.0 dev flannel.1 onlink`,
  ]),
];

const HOST_GW = (n: number): readonly string[] => [`ip route replace 10.244.${3 - n}.0/24 via 192.168.10.${3 - n}`];

async function runFlanneld(lab: Lab, commands: (n: number) => readonly string[]): Promise<void> {
  for (const [i, node] of lab.nodes.entries()) {
    const n = i + 1;
    const env = ['FLANNEL_NETWORK=10.244.0.0/16', `FLANNEL_SUBNET=10.244.${n}.1/24`, 'FLANNEL_MTU=1450'];
    const folder = node.subnetFile.replace(/[^/]*$/, '');
    await node.netns.sh([`mkdir -p ${folder}`, ...commands(n)].join('\n'));
    await node.netns.sh(`printf '%s\\n' ${env.join(' ')} FLANNEL_IPMASQ=false > ${node.subnetFile}`);
    await node.addPods();
    lab.put(`${node.name}.yaml`, {
      ...peerLease(node.name.slice(-1)),
      ...(commands === VXLAN && { backendType: 'vxlan', backendData: { VNI: 1, VtepMAC: MAC(n) } }),
    });
  }
}

const networkOf = (type: string): object => ({ Network: '10.244.0.0/16', Backend: { Type: type } });

describe('flan adopt', () => {
  labTest(
    "takes over flanneld's device with all that stands on it, and loses no packet",
    { nodes: 2, network: networkOf('vxlan'), needs: ['vxlan'], timeoutMs: 60_000 },
    async (lab) => {
      await runFlanneld(lab, VXLAN);
      const a = lab.node();
      const everything = () =>
        a.netns.sh('ip -N -d link show dev flannel.1; ip -N route; ip -N neigh show nud permanent; bridge fdb');
      const before = await everything();
      const shown = await a.flan(['adopt', '--dry-run']);
      expect(shown).toMatchObject({ code: 0, stderr: '' });
      expect(shown.stdout).toMatch(/^ {2}> {3}adopt +link\/flannel\.1 /m);
      expect(shown.stdout).toMatch(/^ {2}- {3}delete +route\/main\/10\.244\.9\.0\/24 /m);
      expect(await everything()).toBe(before);
      const ping = pingHard(a);
      const adopted = await a.flan(['adopt', '--yes']);
      expect(ping.isRunning()).toBe(true);
      expect(adopted).toMatchObject({ code: 0, stderr: '' });
      expect(adopted.stdout).toMatch(/^Applied: \d+ deleted, \d+ adopted; verified\.$/m);
      expect(await ping.summary).toContain(ALL_ANSWERED);
      expect(await a.routes()).toEqual(['10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink']);
      const after = await everything();
      expect(after).toContain('alias flan 10.244.0.0/16');
      expect(after).not.toMatch(/10\.244\.9\.|46:00:00:00:04:09/);
      // Nothing of flanneld's is left for the next ones to take over.
      expect((await a.flan(['adopt', '--dry-run'])).stdout).toMatch(/^No changes;/m);
      expect((await a.flan(['plan'])).stdout).not.toMatch(/conflict|adopt/);
    },
  );

  labTest(
    'takes plain routes of flanneld, and neither what people made nor what is missing',
    { nodes: 2, timeoutMs: 60_000 },
    async (lab) => {
      await runFlanneld(lab, HOST_GW);
      const a = lab.node();
      for (const letter of ['c', 'd']) lab.put(`node-${letter}.yaml`, peerLease(letter));
      await a.netns.ip('route add 10.244.3.0/24 via 192.168.10.77 proto static');
      const others = (await a.foreignRoutes()).split('\n').filter((line) => !line.startsWith('10.244.2.0/24'));
      const ping = pingHard(a);
      const adopted = await a.flan(['adopt', '--yes']);
      expect(ping.isRunning()).toBe(true);
      expect(adopted).toMatchObject({ code: 0, stderr: '' });
      expect(adopted.stdout).toMatch(/^\d other changes are left for `flan apply`: see `flan plan`\.$/m);
      expect(await ping.summary).toContain(ALL_ANSWERED);
      expect(await a.routes()).toEqual(['10.244.2.0/24 via 192.168.10.2 dev eth0']);
      expect((await a.foreignRoutes()).split('\n')).toEqual(others);
      const document = JSON.parse((await a.flan(['adopt', '--yes', '--json'])).stdout);
      expect(document).toMatchObject({ kind: 'flan.adopt', verified: true, outcomes: [], plan: { steps: [] } });
      expect(document.other_changes).toBeGreaterThan(0);
      expect(faultsOf('adopt', document)).toEqual([]);
    },
  );

  labTest(
    'leaves a device that would have to be made anew, and all that stands on it',
    { nodes: 2, network: { Network: '10.244.0.0/16', Backend: { Type: 'vxlan', Port: 4789 } }, needs: ['vxlan'] },
    async (lab) => {
      await runFlanneld(lab, VXLAN);
      const a = lab.node();
      const before = await a.netns.sh('ip -N -d link show dev flannel.1; ip -N route; bridge fdb');
      const adopted = await a.flan(['adopt', '--yes']);
      expect(adopted.stdout).toMatch(/^No changes;.*\n\d+ other changes are left for `flan apply`/m);
      expect(await a.netns.sh('ip -N -d link show dev flannel.1; ip -N route; bridge fdb')).toBe(before);
      expect((await a.flan(['plan', '--adopt'])).stdout).toMatch(/replace +link\/flannel\.1/);
    },
  );

  labTest(
    'leaves a device that somebody has marked, and all that stands on it',
    { nodes: 2, network: networkOf('vxlan'), needs: ['vxlan'] },
    async (lab) => {
      await runFlanneld(lab, VXLAN);
      const a = lab.node();
      await a.netns.ip('link set flannel.1 alias mine');
      const before = await a.netns.sh('ip -N -d link show dev flannel.1; ip -N route; bridge fdb');
      const adopted = await a.flan(['adopt', '--yes']);
      expect(adopted.stdout).toMatch(/^No changes;.*\n\d+ other changes are left for `flan apply`/m);
      expect(await a.netns.sh('ip -N -d link show dev flannel.1; ip -N route; bridge fdb')).toBe(before);
    },
  );

  labTest('waits for an apply that is to be confirmed', { nodes: 2 }, async (lab) => {
    const a = lab.node();
    const waiting = await a.flan(['apply', '--yes', '--confirm', '1h']);
    expect(waiting.code).toBe(0);
    await a.netns.ip('route replace 10.244.2.0/24 via 192.168.10.2 proto boot');
    const refused = await a.flan(['adopt', '--yes']);
    expect(refused.stderr).toMatch(/^Error E_PENDING_CONFIRM/m);
    expect(await a.routes()).toEqual([]);
    expect((await a.flan(['confirm'])).code).toBe(0);
    expect((await a.flan(['adopt', '--yes'])).code).toBe(0);
    expect(await a.routes()).toEqual(['10.244.2.0/24 via 192.168.10.2 dev eth0']);
  });

  labTest(
    "makes flannel's rules of an earlier version ours, in one go",
    { nodes: 2, needs: ['iptables'] },
    async (lab) => {
      await runFlanneld(lab, HOST_GW);
      const a = lab.node();
      // As flanneld 0.20 wrote them, less one that it has lost.
      const chain = 'iptables -t nat -A FLANNEL-POSTRTG -m comment --comment "flanneld masq"';
      await a.netns.sh(
        [
          'iptables -t nat -N FLANNEL-POSTRTG',
          'iptables -t nat -A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
          'iptables -t nat -A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE',
          `${chain} -s 10.244.0.0/16 -d 10.244.0.0/16 -j RETURN`,
          `${chain} -s 10.244.0.0/16 ! -d 224.0.0.0/4 -j MASQUERADE`,
        ].join('; '),
      );
      const flags = ['--ip-masq', '--iptables-forward-rules'];
      const adopted = await a.flan(['adopt', '--yes', '--json', ...flags]);
      expect(adopted.code).toBe(0);
      const document = JSON.parse(adopted.stdout) as { outcomes: readonly { key: string }[] };
      expect(faultsOf('adopt', document)).toEqual([]);
      expect(document.outcomes.map(({ key }) => key)).toEqual(['route/main/10.244.2.0/24', 'iptables-rules/ipv4']);
      const rules = await a.netns.sh('iptables-save');
      expect(rules).toContain('-A FLANNEL-POSTRTG -s 10.244.1.0/24 -d 10.244.0.0/16');
      expect(rules).not.toContain('POSTRTG -s 10.244.0.0/16 -d 10.244.0.0/16 ');
      expect(rules).toContain('-A POSTROUTING -s 172.17.0.0/16 -j MASQUERADE');
      expect((await a.flan(['plan', ...flags])).stdout).not.toContain('iptables-rules/ipv4');
    },
  );

  labTest('asks first, and needs a lease to know what is right', { nodes: 2 }, async (lab) => {
    await runFlanneld(lab, HOST_GW);
    const a = lab.node();
    const before = await a.netns.ip('-N route');
    const unasked = await a.flan(['adopt'], { input: '' });
    expect(unasked.code).toBe(64);
    expect(unasked.stderr).toMatch(/^Error E_NO_TTY/m);
    lab.remove('node-a.yaml');
    const without = await a.flan(['adopt', '--yes']);
    expect(without.stderr).toMatch(/^Error E_LEASE_MISSING/m);
    expect(await a.netns.ip('-N route')).toBe(before);
  });

  labTest(
    "leaves what flanneld's own process carries",
    { nodes: 2, network: networkOf('udp'), needs: ['tun'] },
    async (lab) => {
      const a = lab.node();
      await a.netns.sh(
        'ip tuntap add dev flannel0 mode tun; ip link set flannel0 up; ip addr add 10.244.1.0/32 dev flannel0',
      );
      const before = await a.netns.sh('ip -N -d link show dev flannel0; ip -N addr; ip -N route');
      const refused = await a.flan(['adopt', '--yes']);
      expect(refused.stderr).toMatch(/^Error E_BACKEND: flanneld's process/m);
      expect(await a.netns.sh('ip -N -d link show dev flannel0; ip -N addr; ip -N route')).toBe(before);
    },
  );
});
