import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { EtcdLab } from '../e2e-stores/etcd-lab.js';
import type { LabNode } from '../support/lab.js';

/** The network of these tests, as `etcdctl put /coreos.com/network/config` would say it. */
export const configOf = (type: 'vxlan' | 'host-gw', more: object = {}): object => ({
  Network: '10.5.0.0/16',
  ...more,
  Backend: { Type: type },
});

export const subnetOf = (n: number): string => `10.5.${n}.0/24`;
export const gatewayOf = (n: number): string => `10.5.${n}.1`;
const underlayOf = (n: number): string => `192.168.10.${n}`;
const macOf = (n: number): string => `3e:00:00:00:00:0${n}`;

/** What flanneld 0.28.9 writes for the CNI plugin. */
export const subnetEnvOf = (n: number, mtu: number): string =>
  [
    'FLANNEL_NETWORK=10.5.0.0/16',
    `FLANNEL_SUBNET=${gatewayOf(n)}/24`,
    `FLANNEL_MTU=${mtu}`,
    'FLANNEL_IPMASQ=true',
    '',
  ].join('\n');

/** The value of a lease as flanneld writes it, to the byte. */
export const leaseValueOf = (n: number, type: 'vxlan' | 'host-gw'): string => {
  const data = type === 'vxlan' ? `,"BackendData":{"VNI":1,"VtepMAC":"${macOf(n)}"}` : '';
  return `{"PublicIP":"${underlayOf(n)}","PublicIPv6":null,"BackendType":"${type}"${data}}`;
};

/** What flanneld does for one peer, in its order; each command does the same when all is there already. */
export function peerCommands(peer: number, type: 'vxlan' | 'host-gw'): readonly string[] {
  if (type === 'host-gw') return [`ip route add ${subnetOf(peer)} via ${underlayOf(peer)} dev eth0`];
  return [
    `ip neigh replace 10.5.${peer}.0 lladdr ${macOf(peer)} dev flannel.1 nud permanent`,
    `bridge fdb replace ${macOf(peer)} dev flannel.1 dst ${underlayOf(peer)} self permanent`,
    `ip route replace ${subnetOf(peer)} via 10.5.${peer}.0 dev flannel.1 onlink`,
  ];
}

/** The rules of flanneld 0.28.9 with -ip-masq, without what iptables-save adds around them. */
export const rulesOf = (n: number): Readonly<Record<'nat' | 'filter', readonly string[]>> => ({
  nat: [
    '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
    '-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN',
    `-A FLANNEL-POSTRTG -s ${subnetOf(n)} -d 10.5.0.0/16 -m comment --comment "flanneld masq" -j RETURN`,
    `-A FLANNEL-POSTRTG -s 10.5.0.0/16 -d ${subnetOf(n)} -m comment --comment "flanneld masq" -j RETURN`,
    `-A FLANNEL-POSTRTG ! -s 10.5.0.0/16 -d ${subnetOf(n)} -m comment --comment "flanneld masq" -j RETURN`,
    '-A FLANNEL-POSTRTG -s 10.5.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully',
    '-A FLANNEL-POSTRTG ! -s 10.5.0.0/16 -d 10.5.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully',
  ],
  filter: [
    '-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD',
    '-A FLANNEL-FWD -s 10.5.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT',
    '-A FLANNEL-FWD -d 10.5.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT',
  ],
});

/** A command that puts these rules in place. */
export function restoring(n: number): string {
  const { nat, filter } = rulesOf(n);
  const lines = ['*nat', ':FLANNEL-POSTRTG -', ...nat, 'COMMIT', '*filter', ':FLANNEL-FWD -', ...filter, 'COMMIT'];
  return `iptables-restore --noflush --wait <<'END'\n${lines.join('\n')}\nEND`;
}

/** The tables of flanneld 0.28.9 with EnableNFTables, as `nft -f` reads them. Its fourth rule hides the last one. */
const nftTables = (n: number): string => `
table ip flannel-ipv4 {
  comment "rules for flannel-ipv4"
  chain forward {
    comment "chain to accept flannel traffic"
    type filter hook forward priority filter; policy accept;
    ip saddr 10.5.0.0/16 accept
    ip daddr 10.5.0.0/16 accept
  }
  chain postrtg {
    comment "chain to manage traffic masquerading by flannel"
    type nat hook postrouting priority srcnat; policy accept;
    meta mark 0x4000 return
    ip saddr ${subnetOf(n)} ip daddr 10.5.0.0/16 return
    ip saddr 10.5.0.0/16 ip daddr ${subnetOf(n)} return
    ip saddr != ${subnetOf(n)} ip daddr 10.5.0.0/16 return
    ip saddr 10.5.0.0/16 ip daddr != 224.0.0.0/4 masquerade fully-random
    ip saddr != 10.5.0.0/16 ip daddr 10.5.0.0/16 masquerade fully-random
  }
}
table ip6 flannel-ipv6 {
  comment "rules for flannel-ipv6"
}
`;

/** Everything that flanneld leaves on a node and in etcd when it is stopped, with pods that go on talking. */
export async function leaveAsFlanneld(
  lab: EtcdLab,
  type: 'vxlan' | 'host-gw',
  filter: 'iptables' | 'nftables' = 'iptables',
): Promise<void> {
  for (const [i, node] of lab.nodes.entries()) {
    const n = i + 1;
    const peers = lab.nodes.flatMap((_, j) => (j === i ? [] : [j + 1]));
    // The etcd lease that flanneld grants lives for a day.
    const granted = /lease (\w+) granted/.exec(await lab.server.ctl('lease', 'grant', '86400'))?.[1] ?? '';
    const key = `${lab.prefix}/subnets/${subnetOf(n).replace('/', '-')}`;
    await lab.server.ctl('put', `--lease=${granted}`, key, leaseValueOf(n, type));
    const device = [
      `ip link add flannel.1 address ${macOf(n)} mtu 1450 type vxlan id 1 local ${underlayOf(n)} dev eth0 dstport 8472 nolearning`,
      'echo 0 > /proc/sys/net/ipv6/conf/flannel.1/accept_ra',
      `ip addr add 10.5.${n}.0/32 dev flannel.1`,
      'ip link set flannel.1 up',
    ];
    await node.netns.sh(
      [...(type === 'vxlan' ? device : []), ...peers.flatMap((p) => peerCommands(p, type))].join('\n'),
    );
    const loadRules = filter === 'nftables' ? `nft -f - <<'END'${nftTables(n)}END` : restoring(n);
    await node.netns.sh(loadRules);
    mkdirSync(dirname(node.subnetFile), { recursive: true });
    writeFileSync(node.subnetFile, subnetEnvOf(n, type === 'vxlan' ? 1450 : 1500), { mode: 0o644 });
    await node.addPods();
  }
}

/** Rules as iptables shows them, table by table; other tables and counters are left out. */
export async function shownRules({ netns }: LabNode): Promise<Readonly<Record<'nat' | 'filter', readonly string[]>>> {
  const table = async (name: string) =>
    (await netns.sh(`iptables-save -t ${name}`)).split('\n').filter((line) => line.startsWith('-A'));
  return { nat: await table('nat'), filter: await table('filter') };
}
