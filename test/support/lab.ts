import { type ChildProcessWithoutNullStreams, execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Finished, flan, type RunOptions, startFlan } from './cli.js';
import { type KernelContext, type KernelTestOptions, kernelTest } from './kernel.js';
import { type Daemon, startDaemon } from './lab-daemon.js';
import type { TestNetns } from './netns.js';

export type LabFamilies = '4' | '6' | '46';

export interface LabOptions {
  readonly nodes?: number;
  /** Of the underlay and, unless `network` says otherwise, of the overlay. */
  readonly families?: LabFamilies;
  /** What network.yaml holds; host-gw on 10.244.0.0/16 and fd00:10:244::/48 when absent. */
  readonly network?: unknown;
  /** `written`: each node finds a lease that says its n-th subnet; `drawn`: it takes one by chance. */
  readonly subnets?: 'written' | 'drawn';
}

/** Nodes in namespaces of their own, all on one bridge, with one folder of leases. */
export interface Lab {
  /** Everything that the lab keeps on disk. */
  readonly dir: string;
  readonly leases: string;
  readonly nodes: readonly LabNode[];
  /** The n-th node, from 0. */
  node(n?: number): LabNode;
  /** A file in the folder of leases, written at once as an editor's rename does. Values that are no text become JSON. */
  put(name: string, content: unknown): void;
  remove(name: string): void;
  /** Where the bridge is. */
  readonly wire: TestNetns;
  /** As in `KernelContext`. */
  readonly makeNetns: KernelContext['makeNetns'];
  readonly onEnd: KernelContext['onEnd'];
}

export interface LabNode {
  /** `node-a`, `node-b`, … with the identity `id-a`, … */
  readonly name: string;
  readonly netns: TestNetns;
  /** 192.168.10.N and fd00:192:168:10::N, N from 1. */
  readonly address: { readonly v4: string; readonly v6: string };
  readonly subnetFile: string;
  readonly runtimeDir: string;
  /** Flags that make the command line act as this node. */
  readonly flags: readonly string[];
  flan(args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** As `flan`, for a run that the test ends itself. */
  start(args: readonly string[]): ChildProcessWithoutNullStreams;
  /** Starts `flan watch` and waits until it is ready. */
  watch(args?: readonly string[]): Promise<Daemon>;
  /** subnet.env; undefined when there is none. */
  subnetEnv(): string | undefined;
  /** flan's own routes in the words of ip(8), IPv4 first. */
  routes(): Promise<readonly string[]>;
  /** Every route of every table that is not flan's, as it is. */
  foreignRoutes(): Promise<string>;
  /** Puts the gateway addresses of subnet.env on a bridge, as the CNI plugin does, so that the subnet can be pinged. */
  addPods(): Promise<void>;
  /** Sends one packet and waits for the answer; the source is an address of this node. */
  ping(target: string, source: string): Promise<'answer' | 'no answer'>;
}

/** The routes that flan makes carry this rtm_protocol. */
const MARK = 'proto 70';

/** Until duplicate detection is through with the link-local address (a second) a link sends no neighbour solicitation. */
const WITHOUT_DAD = 'file=/proc/sys/net/ipv6/conf/default/accept_dad; test ! -e $file || echo 0 > $file';

/** A test in a lab of its own, which goes away when the test ends, however it ends. */
export function labTest(
  name: string,
  options: LabOptions & KernelTestOptions,
  action: (lab: Lab) => Promise<void>,
): void {
  const families = options.families ?? '4';
  const needs = ['veth', 'bridge', ...(families === '4' ? [] : (['ipv6'] as const)), ...(options.needs ?? [])] as const;
  kernelTest(name, { ...options, needs }, async ({ netns: wire, makeNetns, onEnd }) => {
    const dir = mkdtempSync(join(tmpdir(), 'flan-lab-'));
    onEnd(() => rmSync(dir, { recursive: true, force: true }));
    const nodes = Array.from({ length: options.nodes ?? 1 }, (_, i) =>
      makeNode({ dir, index: i + 1, netns: makeNetns(`n${i + 1}`), onEnd }),
    );
    for (const { netns } of nodes) await netns.sh(WITHOUT_DAD);
    layCables({ wire, nodes, families });
    const leases = join(dir, 'leases');
    mkdirSync(leases);
    const lab: Lab = {
      ...{ wire, makeNetns, onEnd },
      dir,
      leases,
      nodes,
      node: (n = 0) => required(nodes[n], `node ${n}`),
      put: (file, content) => putFile(join(leases, file), content),
      remove: (file) => rmSync(join(leases, file)),
    };
    lab.put('network.yaml', options.network ?? defaultNetwork(families));
    if (options.subnets !== 'drawn') {
      for (const { name } of nodes) lab.put(`${name}.yaml`, peerLease(name.slice('node-'.length), families));
    }
    await action(lab);
  });
}

export const defaultNetwork = (families: LabFamilies): object => ({
  ...(families.includes('4') ? { Network: '10.244.0.0/16' } : { EnableIPv4: false }),
  ...(families.includes('6') ? { EnableIPv6: true, IPv6Network: 'fd00:10:244::/48' } : {}),
  Backend: { Type: 'host-gw' },
});

/** A lease as people write it: node `b` with the second subnet and the second address of each family, and so on. */
export function peerLease(letter: string, families: LabFamilies = '4'): Readonly<Record<string, string>> {
  const n = letter.charCodeAt(0) - 96;
  return {
    node: `node-${letter}`,
    ...(families.includes('4') && { subnet: `10.244.${n}.0/24`, publicIP: `192.168.10.${n}` }),
    ...(families.includes('6') && { ipv6Subnet: `fd00:10:244:${n}::/64`, publicIPv6: `fd00:192:168:10::${n}` }),
  };
}

export function required<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what}`);
  return value;
}

function putFile(path: string, content: unknown): void {
  const temporary = join(path, '..', '.being-written');
  writeFileSync(temporary, typeof content === 'string' ? content : JSON.stringify(content));
  renameSync(temporary, path);
}

interface NodeInit {
  readonly dir: string;
  readonly index: number;
  readonly netns: TestNetns;
  readonly onEnd: (cleanUp: () => unknown) => void;
}

function makeNode({ dir, index, netns, onEnd }: NodeInit): LabNode {
  const letter = String.fromCharCode(96 + index);
  const name = `node-${letter}`;
  const own = join(dir, name);
  mkdirSync(own);
  const subnetFile = join(own, 'run', 'subnet.env');
  const runtimeDir = join(own, 'state');
  const flags = [
    ...['--leases', join(dir, 'leases'), '--netns', netns.name, '--node', name, '--node-id', `id-${letter}`],
    ...['--subnet-file', subnetFile, '--runtime-dir', runtimeDir, '--state-dir', join(own, 'kept')],
    '--iptables-forward-rules=false',
  ];
  const subnetEnv = (): string | undefined => (existsSync(subnetFile) ? readFileSync(subnetFile, 'utf8') : undefined);
  const isOurs = (line: string): boolean => line.includes(MARK);
  return {
    name,
    netns,
    address: { v4: `192.168.10.${index}`, v6: `fd00:192:168:10::${index}` },
    subnetFile,
    runtimeDir,
    flags,
    flan: ([command = '', ...args], options) =>
      flan([...command.split(' '), ...flags, ...args], { cwd: own, ...options }),
    start: ([command = '', ...args]) => startFlan([command, ...flags, ...args], { cwd: own }),
    watch: async (args = []) => {
      const daemon = startDaemon(startFlan(['watch', '--json', ...flags, ...args], { cwd: own }));
      onEnd(() => daemon.kill());
      await daemon.until('ready');
      return daemon;
    },
    subnetEnv,
    routes: async () => {
      const all = `${await netns.ip('-4 route show')}\n${await netns.ip('-6 route show')}`;
      const lines = all.split('\n').filter(isOurs);
      return lines.map((line) =>
        line
          .replace(MARK, '')
          // Many routes are spread over scopes: see src/drivers/netlink/route-scopes.ts.
          .replace(/ (metric 1024|pref medium|scope \d+)/g, '')
          .replace(/ +/g, ' ')
          .trim(),
      );
    },
    foreignRoutes: async () => {
      const all = await Promise.all([netns.ip('-N -4 route show table all'), netns.ip('-N -6 route show table all')]);
      // The time that learned routes have left changes by itself.
      return all
        .join('')
        .split('\n')
        .filter((line) => !isOurs(line))
        .map((line) => line.replace(/ expires \d+sec/, ''))
        .join('\n');
    },
    addPods: async () => {
      const gateways = [...(subnetEnv() ?? '').matchAll(/^FLANNEL_(?:IPV6_)?SUBNET=(.*)$/gm)].map(([, cidr]) => cidr);
      const addresses = gateways.map((cidr) => `ip addr add ${cidr} dev cni0 ${cidr?.includes(':') ? 'nodad' : ''}`);
      await netns.sh(['ip link add cni0 type bridge', ...addresses, 'ip link set cni0 up'].join('; '));
    },
    ping: (target, source) =>
      netns.sh(`ping -n -q -c 1 -W 2 -I ${source} ${target}`).then(
        () => 'answer',
        () => 'no answer',
      ),
  };
}

/** One bridge with a port per node; eth0 in each node, with a default route to an address that nobody has. */
function layCables({
  wire,
  nodes,
  families,
}: {
  wire: TestNetns;
  nodes: readonly LabNode[];
  families: LabFamilies;
}): void {
  const batch = (netns: TestNetns, lines: readonly string[]): void => {
    execFileSync('ip', ['-n', netns.name, '-batch', '-'], {
      input: lines.join('\n'),
      stdio: ['pipe', 'ignore', 'pipe'],
    });
  };
  batch(wire, [
    'link add br0 type bridge mcast_snooping 0',
    'link set br0 up',
    ...nodes.flatMap(({ netns, name }) => [
      `link add ${name} type veth peer name eth0 netns ${netns.name}`,
      `link set ${name} master br0 up`,
    ]),
  ]);
  for (const { netns, address } of nodes) {
    batch(netns, [
      ...(families.includes('4') ? [`address add ${address.v4}/24 dev eth0`] : []),
      ...(families.includes('6') ? [`address add ${address.v6}/64 dev eth0 nodad`] : []),
      'link set eth0 up',
      ...(families.includes('4') ? ['route add default via 192.168.10.254'] : []),
      ...(families.includes('6') ? ['route add default via fd00:192:168:10::254'] : []),
    ]);
  }
}
