import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { flan, startFlan } from '../support/cli.js';
import { type Lab, type LabNode, labTest } from '../support/lab.js';
import { type Daemon, startDaemon } from '../support/lab-daemon.js';
import { becomes, vxlanNetwork } from './overlay.js';

const FAMILIES = '4';
const INSTANCES = ['vxlan', 'host-gw'] as const;
type Instance = (typeof INSTANCES)[number];
const NETWORK: Readonly<Record<Instance, string>> = { vxlan: '10.11.0.0/16', 'host-gw': '10.12.0.0/16' };

/** One of two flans on a node: each has its own leases and subnet file; traffic rules are on, as they are by default. */
function flagsOf(lab: Lab, node: LabNode, instance: Instance): readonly string[] {
  return [
    ...['--leases', join(lab.dir, instance), '--netns', node.netns.name, '--node', node.name, '--node-id', node.name],
    ...['--subnet-file', envOf(lab, node, instance), '--runtime-dir', node.runtimeDir, '--ip-masq'],
    ...['--state-dir', join(lab.dir, 'kept')],
  ];
}
const envOf = (lab: Lab, node: LabNode, instance: Instance): string => join(lab.dir, `${node.name}-${instance}.env`);

const gatewayOf = (lab: Lab, node: LabNode, instance: Instance): string =>
  /^FLANNEL_SUBNET=(.*)\/24$/m.exec(readFileSync(envOf(lab, node, instance), 'utf8'))?.[1] ?? '';

async function startBoth(lab: Lab, node: LabNode): Promise<Readonly<Record<Instance, Daemon>>> {
  const start = async (instance: Instance): Promise<Daemon> => {
    const daemon = startDaemon(startFlan(['watch', '--json', ...flagsOf(lab, node, instance)], { cwd: lab.dir }));
    lab.onEnd(() => daemon.kill());
    await daemon.until('ready');
    return daemon;
  };
  const [vxlan, hostGw] = await Promise.all(INSTANCES.map(start));
  if (vxlan === undefined || hostGw === undefined) throw new Error('one did not start');
  return { vxlan, 'host-gw': hostGw };
}

describe('two daemons on each host', () => {
  for (const nftables of [false, true]) {
    labTest(
      `serve two networks side by side, with rules in ${nftables ? 'nftables' : 'iptables'}`,
      { nodes: 2, families: FAMILIES, needs: ['vxlan', 'nft', 'iptables', 'ip6tables'], timeoutMs: 90_000 },
      async (lab) => {
        for (const instance of INSTANCES) {
          const network = { ...vxlanNetwork(FAMILIES), Network: NETWORK[instance], EnableNFTables: nftables };
          await lab.wire.sh(`mkdir ${join(lab.dir, instance)}`);
          lab.put(`../${instance}/network.yaml`, { ...network, Backend: { Type: instance } });
        }
        const [a, b] = [lab.node(0), lab.node(1)];
        const [atA] = [await startBoth(lab, a), await startBoth(lab, b)];
        for (const node of [a, b]) {
          const gateways = INSTANCES.map((instance) => `ip addr add ${gatewayOf(lab, node, instance)}/24 dev dummy0`);
          await node.netns.sh(`ip link add dummy0 type bridge; ${gateways.join('; ')}; ip link set dummy0 up`);
        }
        const ping = (instance: Instance, dev?: string) =>
          a.ping(gatewayOf(lab, b, instance), dev ?? gatewayOf(lab, a, instance));
        for (const instance of INSTANCES) await becomes(() => ping(instance), 'answer');
        // Over the interface of the other network there is no way.
        expect(await ping('host-gw', 'flannel.1')).toBe('no answer');
        expect(await ping('vxlan', 'eth0')).toBe('no answer');

        const rules = () => a.netns.sh(nftables ? 'nft list table ip flannel-ipv4' : 'iptables -S; iptables -t nat -S');
        const state = async () =>
          `${await a.netns.sh('ip -d link show dev flannel.1; ip route; ip neigh show nud permanent')}${await rules()}`;
        for (const network of Object.values(NETWORK)) expect(await rules()).toContain(`${network} `);
        const before = await state();
        // Each puts its own back, and has nothing to say about the other's.
        const marks = INSTANCES.map((instance) => atA[instance].mark());
        await a.netns.sh(nftables ? 'nft flush ruleset' : 'iptables -F; iptables -t nat -F');
        const sorted = (text: string) => text.split('\n').sort().join('\n');
        await becomes(async () => sorted(await state()), sorted(before));
        for (const [i, instance] of INSTANCES.entries()) {
          const told = atA[instance].events.slice(marks[i]).filter(({ type }) => type === 'fight' || type === 'failed');
          expect(told).toEqual([]);
        }
        for (const instance of INSTANCES) {
          expect(await flan(['plan', '--detailed-exitcode', ...flagsOf(lab, a, instance)])).toMatchObject({ code: 0 });
        }
        // A restart of one changes nothing, and its end takes away nothing of the other's.
        await atA.vxlan.stop();
        expect(await flan(['apply', '--yes', ...flagsOf(lab, a, 'vxlan')])).toMatchObject({ code: 0 });
        expect(sorted(await state())).toBe(sorted(before));
        expect(await flan(['destroy', '--yes', ...flagsOf(lab, a, 'vxlan')])).toMatchObject({ code: 0 });
        const left = `${await a.netns.ip('route')}${await rules()}`;
        expect(left).not.toContain('10.11.0.0/16');
        expect(left).not.toContain('flannel.1');
        expect(left).toContain('10.12.0.0/16');
        expect(await ping('host-gw')).toBe('answer');
        expect(await flan(['plan', '--detailed-exitcode', ...flagsOf(lab, a, 'host-gw')])).toMatchObject({ code: 0 });
      },
    );
  }

  labTest(
    'restarted keeps FLANNEL_SUBNET and every packet on its way',
    { nodes: 2, families: '46', network: vxlanNetwork('46'), needs: ['vxlan'], timeoutMs: 60_000 },
    async (lab) => {
      const [a, b] = [lab.node(0), lab.node(1)];
      const [daemon] = [await a.watch(), await b.watch()];
      await Promise.all([a.addPods(), b.addPods()]);
      const gateway = (node: LabNode, name: string) =>
        new RegExp(`^${name}=(.*)/`, 'm').exec(node.subnetEnv() ?? '')?.[1] ?? '';
      const names = ['FLANNEL_SUBNET', 'FLANNEL_IPV6_SUBNET'];
      for (const name of names) await becomes(() => a.ping(gateway(b, name), gateway(a, name)), 'answer');
      const env = a.subnetEnv();
      const pings = names.map((name) =>
        a.netns.sh(`ping -n -q -i 0.005 -c 600 -I ${gateway(a, name)} ${gateway(b, name)} | grep transmitted`),
      );
      await daemon.stop();
      const again = await a.watch();
      await again.kill();
      await a.watch();
      for (const one of pings) expect(await one).toContain('600 packets transmitted, 600 received, 0% packet loss');
      expect(a.subnetEnv()).toBe(env);
    },
  );
});
