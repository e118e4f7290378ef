import { execFileSync } from 'node:child_process';
import { MonitorSocket } from '../../src/netlink/monitor.js';
import { NUD_PERMANENT, RTNLGRP_IPV4_ROUTE, RTNLGRP_NEIGH } from '../../src/netlink/wire/constants.js';
import { decodeEvent } from '../../src/netlink/wire/event.js';
import { type DaemonBench, openDaemonBench } from './daemon-fixture.js';
import { benchLease, benchMac, type EtcdBench, openEtcdBench } from './etcd-fixture.js';

export const DEVICE = 'flannel.1';
/** One neighbour, one FDB entry and one route. */
export const OBJECTS_PER_PEER = 3;

export type Place = 'route' | 'neighbour' | 'fdb';

/** What the kernel says stands somewhere now; `right` where it is what peer `j` should have. */
export interface News {
  readonly place: Place;
  readonly j: number;
  readonly right: boolean;
  readonly atMs: number;
}

/** A node with etcd and vxlan peers, and a third party that hears what happens to the peers' objects. */
export interface VxlanBench {
  readonly etcd: EtcdBench;
  readonly node: DaemonBench;
  /** Called with every change until it is set anew. */
  onNews: (news: News) => void;
  /** Commands for `ip -batch` and `bridge -batch` that make everything of peers 2 to `last`, device included. */
  byHand(last: number): { readonly ip: string; readonly bridge: string };
  ip(words: string): string;
  close(): Promise<void>;
}

/** Telling a third party of 15,000 objects is work of the kernel's that who makes them waits for: only where it is of use. */
export async function openVxlanBench(
  peers: number,
  audience: 'third party' | 'nobody' = 'third party',
): Promise<VxlanBench> {
  const etcd = await openEtcdBench(peers, 'vxlan');
  const node = openDaemonBench('172.16.0.1/12');
  const bench: VxlanBench = {
    ...{ etcd, node, byHand },
    onNews: () => undefined,
    ip: (words) => execFileSync('ip', ['-n', node.netns, ...words.split(' ')], { encoding: 'utf8' }),
    close: async () => {
      monitor?.close();
      await node.close();
      await etcd.close();
    },
  };
  const monitor = audience === 'nobody' ? undefined : listen(bench);
  return bench;
}

const listen = (bench: VxlanBench): MonitorSocket =>
  MonitorSocket.open({
    netns: bench.node.netns,
    groups: [RTNLGRP_IPV4_ROUTE, RTNLGRP_NEIGH],
    receiveBufferBytes: 64 * 1_048_576,
    onMessage: (message) => {
      const event = decodeEvent(message);
      const news = event === undefined ? undefined : newsOf(event);
      if (news !== undefined) bench.onNews(news);
    },
    onOverrun: () => {
      throw new Error('the third party lost events');
    },
    onError: (error) => {
      throw error;
    },
  });

const VTEP = (j: number): string => benchLease(j).subnet.replace('/24', '');
const GATEWAY = (j: number): string => `172.${16 + (j >> 16)}.${(j >> 8) & 255}.${j & 255}`;
/** Of 10.x.y.0. */
const numberOf = (text: string): number => {
  const [, x = 0, y = 0] = text.split('.').map(Number);
  return (x << 8) | y;
};

function newsOf(event: NonNullable<ReturnType<typeof decodeEvent>>): News | undefined {
  const atMs = performance.now();
  const isNew = event.verb === 'new';
  if (event.about === 'route') {
    const { dst, via, protocol, dstLen } = event.message;
    if (dstLen !== 24 || !dst.startsWith('10.')) return undefined;
    return { place: 'route', j: numberOf(dst), right: isNew && `${via}/24` === dst && protocol === 70, atMs };
  }
  if (event.about === 'neighbour') {
    const { dst, mac, state } = event.message;
    if (dst === undefined || !dst.startsWith('10.')) return undefined;
    const j = numberOf(dst);
    return { place: 'neighbour', j, right: isNew && mac === benchMac(j) && (state & NUD_PERMANENT) !== 0, atMs };
  }
  if (event.about === 'fdb') {
    const { dst, mac = '' } = event.message;
    const j = Number.parseInt(mac.slice(9).replaceAll(':', ''), 16);
    return { place: 'fdb', j, right: isNew && dst === GATEWAY(j), atMs };
  }
  return undefined;
}

function byHand(last: number): { readonly ip: string; readonly bridge: string } {
  const all = Array.from({ length: last - 1 }, (_, i) => i + 2);
  return {
    ip: [
      `link add ${DEVICE} type vxlan id 1 local 172.16.0.1 dev eth0 dstport 8472 nolearning`,
      `addr add 10.0.1.0/32 dev ${DEVICE}`,
      `link set ${DEVICE} up`,
      ...all.map((j) => `neigh add ${VTEP(j)} lladdr ${benchMac(j)} dev ${DEVICE} nud permanent`),
      ...all.map((j) => `route add ${VTEP(j)}/24 via ${VTEP(j)} dev ${DEVICE} onlink proto 70`),
    ].join('\n'),
    bridge: all.map((j) => `fdb add ${benchMac(j)} dev ${DEVICE} dst ${GATEWAY(j)} self permanent`).join('\n'),
  };
}

/** Runs what `byHand` wrote. */
export function programByHand({ node }: VxlanBench, commands: ReturnType<VxlanBench['byHand']>): void {
  execFileSync('ip', ['-n', node.netns, '-batch', '-'], { input: commands.ip });
  execFileSync('bridge', ['-n', node.netns, '-batch', '-'], { input: commands.bridge });
}

/** @throws unless every peer has all of its objects */
export function checkAll({ node }: VxlanBench, peers: number): void {
  const count = (command: string, ...args: string[]): number =>
    execFileSync(command, ['-n', node.netns, ...args], { encoding: 'utf8', maxBuffer: 1 << 28 })
      .trim()
      .split('\n').length;
  const counts = [
    count('ip', '-4', 'route', 'show', 'proto', '70'),
    count('ip', '-4', 'neigh', 'show', 'dev', DEVICE, 'nud', 'permanent'),
    count('bridge', 'fdb', 'show', 'dev', DEVICE),
  ];
  if (counts.some((one) => one !== peers)) throw new Error(`${counts.join(', ')} objects instead of ${peers} each`);
}
