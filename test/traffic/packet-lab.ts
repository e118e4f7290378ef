import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Family } from '../../src/model/ip.js';
import { until } from '../drivers/traffic-host.js';
import type { KernelContext } from '../support/kernel.js';
import { joinByVeth, type TestNetns } from '../support/netns.js';

/** Addresses of the lab in one family. The node's two cables stand for its uplink and its overlay device. */
export interface Addresses {
  readonly pod: string;
  /** The pod's gateway: an address of the node inside its own subnet. */
  readonly bridge: string;
  readonly node: string;
  /** The node's address on the overlay device. */
  readonly overlay: string;
  readonly outside: string;
  readonly excluded: string;
  readonly remotePod: string;
  readonly group: string;
}

export const ADDRESSES: Readonly<Record<Family, Addresses>> = {
  4: {
    pod: '10.244.3.2',
    bridge: '10.244.3.1',
    node: '192.0.2.1',
    overlay: '10.244.3.0',
    outside: '192.0.2.2',
    excluded: '198.51.100.2',
    remotePod: '10.244.9.2',
    group: '239.1.2.3',
  },
  6: {
    pod: 'fd00:10:244:3::2',
    bridge: 'fd00:10:244:3::1',
    node: '2001:db8::1',
    overlay: 'fd00:10:244:3::ff',
    outside: '2001:db8::2',
    excluded: '2001:db8:51::2',
    remotePod: 'fd00:10:244:9::2',
    group: 'ff05::123',
  },
};

export const EXCLUDED: Readonly<Record<Family, string>> = { 4: '198.51.100.0/24', 6: '2001:db8:51::/48' };
/** Packets to this port bear kube-proxy's mark, and another bit. */
export const MARKED_PORT = 7002;
export const PORT = 7001;

export interface Probe {
  readonly in: 'pod' | 'node' | 'far';
  readonly from: string;
  readonly to: string;
  readonly port: number;
  /** Interface to send multicast through. */
  readonly via?: string;
}

export interface Lab {
  readonly node: TestNetns;
  /** The source address that the receiver of one packet saw; undefined when it got none. */
  sourceSeen(probe: Probe): Promise<string | undefined>;
}

const WIDTH: Readonly<Record<Family, number>> = { 4: 32, 6: 128 };

/** pod — node = far, where `far` is both the rest of the overlay and the rest of the world. */
export async function packetLab({ netns: node, makeNetns, onEnd }: KernelContext): Promise<Lab> {
  const [pod, far] = [makeNetns('pod'), makeNetns('far')];
  const both = (of: (a: Addresses, family: Family) => string) => ([4, 6] as const).map((f) => of(ADDRESSES[f], f));
  // The default policy of some hosts drops packets whose answer would leave by another interface.
  for (const ns of [pod, node, far]) {
    await ns.sh('echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 0 > /proc/sys/net/ipv4/conf/default/rp_filter');
    await ns.sh('echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad');
  }
  await joinByVeth(
    { netns: pod, name: 'eth0', addresses: both((a, f) => `${a.pod}/${f === 4 ? 24 : 64}`) },
    { netns: node, name: 'cni0', addresses: both((a, f) => `${a.bridge}/${f === 4 ? 24 : 64}`) },
  );
  await joinByVeth(
    { netns: node, name: 'up0', addresses: both((a, f) => `${a.node}/${f === 4 ? 24 : 64}`) },
    { netns: far, name: 'up0', addresses: both((a, f) => `${a.outside}/${f === 4 ? 24 : 64}`) },
  );
  await joinByVeth(
    { netns: node, name: 'ovl0', addresses: both((a, f) => `${a.overlay}/${WIDTH[f]}`) },
    { netns: far, name: 'ovl0', addresses: both((a, f) => `${a.remotePod}/${WIDTH[f]}`) },
  );
  await node.sh('echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding');
  for (const family of [4, 6] as const) {
    const a = ADDRESSES[family];
    const width = WIDTH[family];
    await pod.ip(`-${family} route add default via ${a.bridge}`);
    await far.ip(`address add ${a.excluded}/${width} dev lo`);
    await node.ip(`-${family} route add ${a.excluded}/${width} via ${a.outside}`);
    await node.ip(`-${family} route add ${a.remotePod}/${width} dev ovl0`);
    // Through the overlay as far as the overlay's own addresses go.
    await far.ip(`-${family} route add ${family === 4 ? '10.244.3.0/24' : 'fd00:10:244:3::/64'} dev ovl0`);
    await node.ip(`neighbour replace ${a.remotePod} dev ovl0 lladdr ${await macOf(far, 'ovl0')}`);
    for (const address of [a.pod, a.bridge, a.overlay]) {
      await far.ip(`neighbour replace ${address} dev ovl0 lladdr ${await macOf(node, 'ovl0')}`);
    }
  }
  await node.sh(`nft add table inet lab; nft add chain inet lab marks '{ type filter hook prerouting priority mangle; }'
    nft add rule inet lab marks udp dport ${MARKED_PORT} meta mark set 0x4001`);
  const seen = new Map<string, string>();
  for (const ns of [pod, far]) await receiver({ ns, seen, onEnd });
  return { node, sourceSeen: (probe) => send({ ns: { pod, node, far }[probe.in], seen, probe }) };
}

async function macOf(ns: TestNetns, dev: string): Promise<string> {
  const [link] = (await ns.ipJson(`link show ${dev}`)) as { address: string }[];
  return link?.address ?? '';
}

/** Prints what every packet says and which source address it bore. */
const RECEIVER = `
  let open = 0;
  for (const [type, group] of [['udp4', '${ADDRESSES[4].group}'], ['udp6', '${ADDRESSES[6].group}']]) {
    for (const port of [${PORT}, ${MARKED_PORT}]) {
      const socket = require('node:dgram').createSocket({ type, ipv6Only: type === 'udp6' });
      socket.on('message', (text, from) => console.log(text + ' ' + from.address));
      socket.bind(port, () => {
        const joined = type === 'udp4' ? '${ADDRESSES[4].outside}' : '::%up0';
        try { socket.addMembership(group, joined); } catch { /* only the far end has that interface */ }
        if (++open === 4) console.log('ready now');
      });
    }
  }`;

interface Receiver {
  readonly ns: TestNetns;
  /** Source addresses by what the packet said. */
  readonly seen: Map<string, string>;
  readonly onEnd: KernelContext['onEnd'];
}

function receiver({ ns, seen, onEnd }: Receiver): Promise<void> {
  const child = nodeIn(ns, RECEIVER);
  onEnd(() => child.kill('SIGKILL'));
  return new Promise((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      const [text = '', address = ''] = line.split(' ');
      seen.set(text, address);
      if (text === 'ready') resolve();
    });
    child.once('close', (code) => reject(new Error(`the receiver ended with ${code}`)));
  });
}

let count = 0;

/** Sends until the packet is seen: the first ones may be lost to neighbour discovery. Gives up after a second. */
async function send({
  ns,
  seen,
  probe,
}: Omit<Receiver, 'onEnd'> & { readonly probe: Probe }): Promise<string | undefined> {
  const { from, to, port, via } = probe;
  const text = `packet-${++count}`;
  const child = nodeIn(
    ns,
    `const socket = require('node:dgram').createSocket('${to.includes(':') ? 'udp6' : 'udp4'}');
     socket.bind({ port: 0, address: '${from}' }, () => {
       ${via === undefined ? '' : `socket.setMulticastInterface('${via}'); socket.setMulticastTTL(4);`}
       let left = 20;
       const again = () => left-- > 0 ? (socket.send('${text}', ${port}, '${to}'), setTimeout(again, 50)) : process.exit();
       again();
     });`,
  );
  let isOver = false;
  child.once('close', () => {
    isOver = true;
  });
  await until(() => isOver || seen.has(text));
  child.kill('SIGKILL');
  return seen.get(text);
}

const nodeIn = (ns: TestNetns, code: string): ChildProcessByStdio<null, Readable, null> =>
  spawn('ip', ['netns', 'exec', ns.name, process.execPath, '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
