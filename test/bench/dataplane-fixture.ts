import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { makeNetns, type TestNetns } from '../support/netns.js';
import { cpuSeconds } from './proc.js';
import { compileC } from './stats.js';
import { FLAN } from './watch-fixture.js';

const run = promisify(execFile);

/** Who carries the packets of a node: flan, the plain C program, or the kernel's own vxlan. */
export type Carrier = 'flan' | 'reference' | 'vxlan';

export interface DataplaneOptions {
  /** `off`: single datagrams on the wire, as on a plain network card. */
  readonly segmentation?: 'on' | 'off';
  /** Peers that the tables hold besides the one that answers. */
  readonly morePeers?: number;
}

/** Two nodes joined by one cable, each with a carrier; node 2 answers on 10.244.2.0. */
export interface DataplaneBench {
  readonly sender: TestNetns;
  readonly receiver: TestNetns;
  /** One TCP test of iperf3. @returns Mbit/s as received, of all streams and directions */
  tcp(seconds: number, flags?: readonly string[]): Promise<number>;
  /** UDP datagrams of 64 bytes, as fast as one sender can. @returns how many per second came through to the other host */
  packetsPerSecond(seconds: number): Promise<number>;
  /** @returns the mean round trip of a flood of pings, in microseconds */
  pingMicroseconds(count: number): Promise<number>;
  /** Segments that arrived with a wrong checksum, on both nodes. */
  wrongChecksums(): number;
  /** Processor seconds of both carriers so far; 0 for the kernel. */
  carrierSeconds(): number;
  close(): Promise<void>;
}

const PORT = 5201;
const SOURCE = new URL('proxy-reference.c', import.meta.url);

export const machineLoad = (): string => `load ${loadavg()[0]?.toFixed(1)}`;

export async function openDataplane(
  carriers: readonly [Carrier, Carrier],
  options: DataplaneOptions = {},
): Promise<DataplaneBench> {
  const dir = mkdtempSync(join(tmpdir(), 'flan-bench-'));
  const spaces = [makeNetns('t1'), makeNetns('t2')] as const;
  const [sender, receiver] = spaces;
  const children: ChildProcess[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(children.map(end));
    for (const space of spaces) space.close();
    rmSync(dir, { recursive: true });
  };
  try {
    ip(sender, `link add eth0 type veth peer name eth0 netns ${receiver.name}`);
    for (const [i, space] of spaces.entries()) {
      ip(space, `address add 192.168.10.${i + 1}/16 dev eth0`);
      ip(space, 'link set eth0 up');
      if (options.segmentation === 'off') await space.sh('ethtool -K eth0 tx-udp-segmentation off');
    }
    writeLeases(join(dir, 'leases'), options.morePeers ?? 0);
    const working: ChildProcess[] = [];
    for (const [i, carrier] of carriers.entries()) {
      const space = spaces[i] ?? sender;
      const child = await START[carrier]({ n: i + 1, space, dir, morePeers: options.morePeers ?? 0 });
      if (child !== undefined) working.push(child);
      children.push(...(child === undefined ? [] : [child]));
    }
    children.push(await iperfServer(receiver));
    return measures({ sender, receiver, working, close });
  } catch (error) {
    await close();
    throw error;
  }
}

interface Measured {
  readonly sender: TestNetns;
  readonly receiver: TestNetns;
  readonly working: readonly ChildProcess[];
  readonly close: () => Promise<void>;
}

interface IperfResult {
  readonly error?: string;
  readonly end: Readonly<Record<string, { readonly bits_per_second: number; readonly seconds: number }>>;
}

function measures({ sender, receiver, working, close }: Measured): DataplaneBench {
  const iperf = async (flags: readonly string[]): Promise<IperfResult> => {
    const client = ['iperf3', '-J', '-c', '10.244.2.0', '-B', '10.244.1.0', '-p', String(PORT), ...flags];
    const { stdout } = await run('ip', ['netns', 'exec', sender.name, ...client], { maxBuffer: 1 << 28 });
    const result = JSON.parse(stdout) as IperfResult;
    if (result.error !== undefined) throw new Error(result.error);
    return result;
  };
  const rate = (result: IperfResult, name: string): number => (result.end[name]?.bits_per_second ?? 0) / 1e6;
  const udpArrived = (): number => snmp(receiver, 'Udp', 'InDatagrams') + snmp(receiver, 'Udp', 'RcvbufErrors');
  return {
    ...{ sender, receiver, close },
    tcp: async (seconds, flags = []) => {
      const result = await iperf(['-t', String(seconds), ...flags]);
      return rate(result, 'sum_received') + rate(result, 'sum_received_bidir_reverse');
    },
    packetsPerSecond: async (seconds) => {
      const before = udpArrived();
      const result = await iperf(['-u', '-b', '0', '-l', '64', '-t', String(seconds)]);
      // What the receiving program is too slow to take has come through the tunnel all the same.
      return (udpArrived() - before) / (result.end.sum?.seconds ?? seconds);
    },
    pingMicroseconds: async (count) => {
      const text = await sender.sh(`ping -n -q -f -c ${count} -I 10.244.1.0 10.244.2.0`);
      const mean = /= [\d.]+\/([\d.]+)\//.exec(text)?.[1];
      if (mean === undefined || !text.includes(' 0% packet loss')) throw new Error(text);
      return Number(mean) * 1000;
    },
    wrongChecksums: () => snmp(sender, 'Tcp', 'InCsumErrors') + snmp(receiver, 'Tcp', 'InCsumErrors'),
    carrierSeconds: () => working.reduce((sum, { pid }) => sum + (pid === undefined ? 0 : cpuSeconds(pid)), 0),
  };
}

interface StartInput {
  readonly n: number;
  readonly space: TestNetns;
  readonly dir: string;
  readonly morePeers: number;
}

const START: Readonly<Record<Carrier, (input: StartInput) => Promise<ChildProcess | undefined>>> = {
  flan: async ({ n, space, dir }) => {
    const flags = [
      ...['--leases', join(dir, 'leases'), '--netns', space.name, '--iface', 'eth0'],
      ...['--node', `node-${n}`, '--node-id', `id-${n}`, '--iptables-forward-rules=false'],
      ...['--subnet-file', join(dir, `${n}.env`), '--runtime-dir', join(dir, `run-${n}`), '--state-dir', dir],
    ];
    const child = spawn(process.execPath, [FLAN, 'watch', '--json', ...flags], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await line(child, '"type":"ready"');
    child.stdout.resume();
    return child;
  },
  reference: async ({ n, space, morePeers }) => {
    const peers = [3 - n, ...Array.from({ length: morePeers }, (_, i) => i + 3)];
    const args = peers.flatMap((peer) => [`${subnet(peer)}/24`, address(peer)]);
    const program = compileC(SOURCE.pathname);
    const words = ['netns', 'exec', space.name, program, 'flannel0', `192.168.10.${n}`, '8285', ...args];
    const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    await line(child, 'ready');
    ip(space, `address add 10.244.${n}.0/32 dev flannel0`);
    ip(space, 'link set flannel0 mtu 1472 up');
    ip(space, 'route add 10.244.0.0/16 dev flannel0');
    return child;
  },
  vxlan: async ({ n, space }) => {
    const other = 3 - n;
    const mac = (node: number): string => `02:00:00:00:00:0${node}`;
    ip(space, `link add flannel.1 type vxlan id 1 dstport 8472 local 192.168.10.${n} dev eth0 nolearning`);
    ip(space, `link set flannel.1 address ${mac(n)} mtu 1450`);
    ip(space, `address add 10.244.${n}.0/32 dev flannel.1`);
    ip(space, 'link set flannel.1 up');
    ip(space, `neighbour add 10.244.${other}.0 lladdr ${mac(other)} dev flannel.1`);
    execFileSync('bridge', [
      '-n',
      space.name,
      ...`fdb add ${mac(other)} dev flannel.1 dst 192.168.10.${other}`.split(' '),
    ]);
    ip(space, `route add 10.244.${other}.0/24 via 10.244.${other}.0 dev flannel.1 onlink`);
    return undefined;
  },
};

async function iperfServer(space: TestNetns): Promise<ChildProcess> {
  const words = ['netns', 'exec', space.name, 'iperf3', '-s', '--forceflush', '-B', '10.244.2.0', '-p', String(PORT)];
  const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  await line(child, 'Server listening');
  child.stdout.resume();
  return child;
}

function line(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    if (child.stdout === null) throw new Error('no stdout');
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (one) => {
      if (one.includes(text)) resolve();
    });
    child.on('close', (code) => reject(new Error(`ended with ${code} before it said '${text}'`)));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.on('close', resolve));
  child.kill('SIGTERM');
  await ended;
}

const ip = (space: TestNetns, words: string): void =>
  void execFileSync('ip', ['-n', space.name, ...words.split(' ')], { stdio: ['ignore', 'ignore', 'inherit'] });

const subnet = (n: number): string => `10.244.${n}.0`;
const address = (n: number): string => (n < 3 ? `192.168.10.${n}` : `192.168.${20 + (n >> 8)}.${n & 255}`);

function writeLeases(folder: string, morePeers: number): void {
  mkdirSync(folder);
  writeFileSync(join(folder, 'network.yaml'), 'Network: 10.244.0.0/16\nBackend: { Type: udp }\n');
  for (let n = 1; n <= 2 + morePeers; n++) {
    const lease = { node: `node-${n}`, nodeId: `id-${n}`, subnet: `${subnet(n)}/24`, publicIP: address(n) };
    writeFileSync(join(folder, `${n}.json`), JSON.stringify(lease));
  }
}

/** One counter of /proc/net/snmp of a namespace. */
function snmp(space: TestNetns, protocol: string, name: string): number {
  const text = execFileSync('ip', ['netns', 'exec', space.name, 'cat', '/proc/net/snmp'], { encoding: 'utf8' });
  const [names = '', values = ''] = text.split('\n').filter((one) => one.startsWith(`${protocol}:`));
  return Number(values.split(' ')[names.split(' ').indexOf(name)] ?? 0);
}
