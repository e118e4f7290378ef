import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { type EtcdLab, etcdLabs } from '../e2e-stores/etcd-lab.js';
import { finished, startFlan } from '../support/cli.js';
import type { LabNode } from '../support/lab.js';
import { type Daemon, startDaemon } from '../support/lab-daemon.js';
import { FLANNELD } from './command-line.js';
import {
  configOf,
  gatewayOf,
  leaseValueOf,
  leaveAsFlanneld,
  peerCommands,
  rulesOf,
  shownRules,
  subnetEnvOf,
  subnetOf,
} from './left-by-flanneld.js';

const etcdTest = etcdLabs();

/** flanneld's command line on a node; only that the process acts in the node's namespace is said in our words. */
function startAsFlanneld(lab: EtcdLab, node: LabNode): Daemon {
  const env = {
    FLAN_NETNS: node.netns.name,
    FLAN_NODE: node.name,
    FLAN_NODE_ID: `id-${node.name.slice(-1)}`,
    FLAN_RUNTIME_DIR: node.runtimeDir,
    FLAN_STATE_DIR: `${node.runtimeDir}/kept`,
  };
  const flags = [
    ...[`-etcd-endpoints=${lab.proxy.endpoint}`, `-etcd-prefix=${lab.prefix}`, '-iface=eth0', '-ip-masq=true'],
    ...[`-subnet-file=${node.subnetFile}`, '-subnet-lease-renew-margin=60', '-v=0'],
  ];
  const daemon = startDaemon(startFlan([...flags, '--json'], { command: FLANNELD, env, cwd: '/' }));
  lab.onEnd(() => daemon.kill());
  return daemon;
}

/** Pings a peer's pod network five hundred times a second until `end`, and a little longer. */
function pingHard(lab: EtcdLab, node: LabNode): { readonly end: () => Promise<string> } {
  const words = ['-n', '-q', '-i', '0.002', '-I', gatewayOf(1), gatewayOf(2)];
  const child = spawn('ip', ['netns', 'exec', node.netns.name, 'ping', ...words]);
  lab.onEnd(() => child.kill('SIGKILL'));
  const done = finished(child);
  return {
    async end() {
      await new Promise((resolve) => setTimeout(resolve, 300));
      child.kill('SIGINT');
      return (await done).stdout;
    },
  };
}

function expectNoLoss(summary: string): void {
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(summary) ?? [];
  expect(Number(sent)).toBeGreaterThan(100);
  expect(received, summary).toBe(sent);
}

const routesOf = async (node: LabNode, n: number): Promise<readonly string[]> =>
  (await node.netns.sh(`ip -N -4 route show ${subnetOf(n)}`)).trim().split(/\s*\n\s*/);

describe.each(['vxlan', 'host-gw'] as const)('%s', (type) => {
  const options = {
    config: configOf(type),
    nodes: 2,
    needs: ['vxlan', 'iptables', 'ip6tables'],
    timeoutMs: 90_000,
  } as const;

  etcdTest('a node moves from flanneld to flan and back, and no packet is lost', options, async (lab) => {
    await leaveAsFlanneld(lab, type);
    const [a, b] = [lab.node(0), lab.node(1)];
    expect(await a.ping(gatewayOf(2), gatewayOf(1))).toBe('answer');
    const before = {
      rules: await shownRules(a),
      env: readFileSync(a.subnetFile, 'utf8'),
      file: statSync(a.subnetFile).mode,
    };
    expect(before.rules).toEqual(rulesOf(1));
    const index = type === 'vxlan' ? await a.netns.sh('cat /sys/class/net/flannel.1/ifindex') : '';

    // There.
    const there = pingHard(lab, a);
    const daemon = startAsFlanneld(lab, a);
    expect(await daemon.until('ready')).toMatchObject({ failed: 0 });
    expectNoLoss(await there.end());
    const changes = daemon.events.flatMap((event) => (event.type === 'applied' ? event.changes : []));
    expect(changes.filter(({ action }) => action === 'delete' || action === 'replace')).toEqual([]);
    expect((await routesOf(a, 2)).join()).toContain('proto 70');
    expect(await routesOf(a, 2)).toHaveLength(1);
    if (type === 'vxlan') expect(await a.netns.sh('cat /sys/class/net/flannel.1/ifindex')).toBe(index);
    // The same subnet, under the same key, with what flannel's daemons elsewhere read of it.
    const stored = await lab.stored();
    expect(Object.keys(stored).sort()).toEqual(['10.5.1.0-24', '10.5.2.0-24']);
    expect(stored['10.5.1.0-24']).toMatchObject(JSON.parse(leaseValueOf(1, type)));
    expect(stored['10.5.2.0-24']).toEqual(JSON.parse(leaseValueOf(2, type)));
    expect(await lab.permanent()).toEqual([]);
    // What the CNI plugin and the packet filter see has not moved.
    expect(readFileSync(a.subnetFile, 'utf8')).toBe(before.env);
    expect(before.env).toBe(subnetEnvOf(1, type === 'vxlan' ? 1450 : 1500));
    expect(statSync(a.subnetFile).mode).toBe(before.file);
    const during = await shownRules(a);
    expect(during).toEqual(before.rules);

    // And back: everything stays, and what flanneld does on start finds it fit.
    const back = pingHard(lab, a);
    expect((await daemon.stop()).code).toBe(0);
    expect(await routesOf(a, 2)).toHaveLength(1);
    if (type === 'vxlan') {
      // flanneld keeps a device in which these agree, and makes it anew otherwise.
      const details = /^ +vxlan .*/m.exec(await a.netns.sh('ip -d link show flannel.1'))?.[0];
      expect(details).toMatch(/vxlan id 1 local 192\.168\.10\.1 dev eth0 srcport 0 0 dstport 8472 nolearning/);
      expect(details).not.toMatch(/group|l2miss|l3miss|gbp/);
      await a.netns.sh(peerCommands(2, type).join('\n'));
      expect(await a.netns.sh('ip neigh show 10.5.2.0 dev flannel.1')).toMatch(/lladdr 3e:00:00:00:00:02 PERMANENT/);
      expect((await a.netns.sh('bridge fdb show dev flannel.1')).match(/3e:00:00:00:00:02/g)).toHaveLength(1);
    } else {
      // flanneld skips a route whose destination, gateway and interface are right, whoever made it.
      expect((await routesOf(a, 2)).join()).toMatch(/^10\.5\.2\.0\/24 via 192\.168\.10\.2 dev eth0 /);
    }
    expect(await routesOf(a, 2)).toHaveLength(1);
    for (const [table, rules] of Object.entries(rulesOf(1)))
      for (const rule of rules) await a.netns.sh(`iptables -w -t ${table} ${rule.replace('-A ', '-C ')}`);
    expectNoLoss(await back.end());
    expect(await b.ping(gatewayOf(1), gatewayOf(2))).toBe('answer');

    // A second time finds flanneld's marks again.
    const again = startAsFlanneld(lab, a);
    expect(await again.until('ready')).toMatchObject({ failed: 0 });
    expect(await routesOf(a, 2)).toHaveLength(1);
    expect((await again.stop()).code).toBe(0);
  });

  etcdTest('plan shows first what would be taken over, and changes nothing', options, async (lab) => {
    await leaveAsFlanneld(lab, type);
    const a = lab.node(0);
    const everything = () => a.netns.sh('ip addr; ip route; ip neigh; iptables-save | grep -v "^#"; bridge fdb');
    const steady = (text: string): string => text.replace(/\[\d+:\d+\]|\d+sec| (STALE|REACHABLE|DELAY|PROBE)/g, '');
    const before = steady(await everything());
    const planned = await lab.flan(a, ['plan', '--adopt', '--ip-masq', '--iptables-forward-rules']);
    expect(planned).toMatchObject({ code: 0, stderr: '' });
    expect(planned.stdout).toMatch(/> {3}adopt +route\/main\/10\.5\.2\.0\/24/);
    expect(planned.stdout).not.toMatch(/ (delete|replace) /);
    expect(steady(await everything())).toBe(before);
  });
});

describe('rules in nftables', () => {
  const options = {
    config: configOf('host-gw', { EnableNFTables: true }),
    nodes: 2,
    needs: ['nft'],
    timeoutMs: 60_000,
  } as const;

  etcdTest(
    'go over in one transaction: flanneld’s tables become flan’s, and no packet is lost',
    options,
    async (lab) => {
      await leaveAsFlanneld(lab, 'host-gw', 'nftables');
      const a = lab.node(0);
      const ping = pingHard(lab, a);
      const daemon = startAsFlanneld(lab, a);
      expect(await daemon.until('ready')).toMatchObject({ failed: 0 });
      expectNoLoss(await ping.end());
      const tables = await a.netns.sh('nft list ruleset');
      expect(tables.match(/^table ip flannel-ipv4 /gm)).toHaveLength(1);
      // flanneld's rule that keeps packets of the host to pods elsewhere from being masqueraded is gone.
      expect(tables).not.toContain('ip saddr != 10.5.1.0/24 ip daddr 10.5.0.0/16 return');
      expect(tables).toMatch(/ip saddr != 10\.5\.0\.0\/16 ip daddr 10\.5\.0\.0\/16 .*masquerade/);
      expect((await daemon.stop()).code).toBe(0);
      const planned = await lab.flan(a, ['plan', '--ip-masq', '--iptables-forward-rules', '--detailed-exitcode']);
      expect(planned).toMatchObject({ code: 0, stdout: expect.stringContaining('No changes') });
    },
  );
});
