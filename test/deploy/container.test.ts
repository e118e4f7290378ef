import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { stopCharon } from '../../src/drivers/vici/charon.js';
import { CHARON_FOLDER, charonSocket } from '../../src/drivers/vici/charon-files.js';
import { openVici } from '../../src/drivers/vici/client.js';
import { sectionsIn } from '../../src/drivers/vici/message.js';
import { ipsecStateFile } from '../../src/drivers/vici/state-file.js';
import { readUdpSockets } from '../../src/host/state/udp-sockets.js';
import { isRunning } from '../../src/sys/process-mark.js';
import { ask } from '../e2e-telemetry/ask.js';
import { ipsecNetwork } from '../ipsec/overlay.js';
import { type Finished, FLAN, finished } from '../support/cli.js';
import { type KernelContext, kernelTest } from '../support/kernel.js';
import { render } from '../support/kustomize.js';
import { peerLease, required } from '../support/lab.js';
import { type Daemon, startDaemon } from '../support/lab-daemon.js';
import type { TestNetns } from '../support/netns.js';

interface SecurityContext {
  readonly readOnlyRootFilesystem: boolean;
  readonly allowPrivilegeEscalation: boolean;
  readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] };
}
interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly securityContext: SecurityContext;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  /** Where it has an empty folder of its own. */
  readonly emptyDirs: readonly string[];
}

interface Probed extends Container {
  readonly livenessProbe: { readonly httpGet: { readonly path: string } };
  readonly readinessProbe: { readonly httpGet: { readonly path: string } };
}

interface PodSpec {
  readonly containers: readonly Omit<Container, 'emptyDirs'>[];
  readonly initContainers: readonly Omit<Container, 'emptyDirs'>[];
  readonly volumes: readonly { readonly name: string; readonly emptyDir?: { readonly medium: string } }[];
}

/** A container of the DaemonSet, as a folder of deploy/kubernetes has it. */
function container(name: string, folder = '.'): Container {
  const daemonSet = render(folder).find(({ kind }) => kind === 'DaemonSet') as unknown as {
    spec: { template: { spec: PodSpec } };
  };
  const { containers, initContainers, volumes } = daemonSet.spec.template.spec;
  const found = required(
    [...containers, ...initContainers].find((one) => one.name === name),
    `container ${name}`,
  );
  const empty = volumes.filter(({ emptyDir }) => emptyDir?.medium === 'Memory').map((volume) => volume.name);
  const emptyDirs = found.volumeMounts.filter((mount) => empty.includes(mount.name)).map(({ mountPath }) => mountPath);
  return { ...found, emptyDirs };
}

/** The words that make a process what runs in the container: with its capabilities, and no more to be had. */
function restricted({ securityContext }: Container): readonly string[] {
  expect(securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
  expect(securityContext.capabilities.drop).toEqual(['ALL']);
  const capabilities = (securityContext.capabilities.add ?? []).map((name) => `,+${name.toLowerCase()}`).join('');
  return ['setpriv', `--bounding-set=-all${capabilities}`, '--inh-caps=-all', '--no-new-privs'];
}

/**
 * A command line that runs what follows as a runtime runs a container of the host's network: with its capabilities,
 * everything read-only but one folder and those in memory, and /proc/sys read-only because it is not privileged.
 */
function contained(netns: TestNetns, writable: string, given: Container): readonly string[] {
  const script = [
    'mount --make-rprivate /',
    `mount --bind ${writable} ${writable}`,
    'mount --bind /proc/sys /proc/sys',
    'for at in /proc/sys / /tmp /run /dev/shm; do ! mountpoint -q $at || mount -o remount,bind,ro $at; done',
    ...given.emptyDirs.map((at) => `mount -t tmpfs -o mode=0777 tmpfs ${at}`),
    'exec "$@"',
  ].join('\n');
  const words = ['ip', 'netns', 'exec', netns.name, 'unshare', '--mount', 'sh', '-ec', script, 'sh'];
  return [...words, ...restricted(given)];
}

interface Place {
  readonly netns: TestNetns;
  readonly folder: string;
  readonly start: (given: Container, words: readonly string[]) => ChildProcessWithoutNullStreams;
  readonly run: (given: Container, words: readonly string[]) => Promise<Finished>;
}

function place(netns: TestNetns): Place & { readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'flan-container-'));
  const start = (given: Container, words: readonly string[]) => {
    const [command = '', ...rest] = contained(netns, folder, given);
    return spawn(command, [...rest, ...words], { cwd: '/', env: ENVIRONMENT });
  };
  return {
    netns,
    folder,
    start,
    run: (given, words) => finished(start(given, words)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const ENVIRONMENT = { PATH: process.env.PATH, NO_COLOR: '1' };

/** As `kubectl exec`: in the container in which a process runs. */
function inside(pid: number, given: Container, words: readonly string[]): Promise<Finished> {
  const [command = '', ...rest] = ['nsenter', `--target=${pid}`, '--mount', '--net', ...restricted(given), ...words];
  return finished(spawn(command, rest, { cwd: '/', env: ENVIRONMENT }));
}

interface Host extends Place {
  /** What the daemon is told, and any other command of the same node. */
  readonly flags: readonly string[];
  readonly putLease: (name: string, content: object) => void;
  /** Starts the daemon in a container, and waits until all is as wanted. */
  readonly watch: (given: Probed) => Promise<Daemon>;
}

/** A host with an interface, and a folder of leases. */
async function host({ netns, onEnd }: KernelContext): Promise<Host> {
  await netns.sh(`ip link add eth0 type veth peer name far; ip link set far up; ip link set eth0 up
  ip addr add 192.168.10.1/24 dev eth0; ip route add default via 192.168.10.254
  ip addr add fd00:192:168:10::1/64 dev eth0 nodad; ip -6 route add default via fd00:192:168:10::fe`);
  const { remove, ...there } = place(netns);
  onEnd(remove);
  const { folder, start } = there;
  mkdirSync(join(folder, 'leases'));
  const flags = [
    ...container('kube-flannel')
      .args.slice(1)
      .filter((flag) => !/kube|healthz/.test(flag)),
    ...['--leases', join(folder, 'leases'), '--runtime-dir', join(folder, 'run'), '--adopt'],
    ...['--node', 'node-a', '--node-id', 'id-a'],
    ...['--subnet-file', join(folder, 'flannel/subnet.env'), '--healthz-socket', join(folder, 'healthz')],
  ];
  const watch = async (given: Probed): Promise<Daemon> => {
    const env = ['env', `FLAN_STATE_DIR=${join(folder, 'state')}`];
    const daemon = startDaemon(start(given, [...env, FLAN, 'watch', '--json', ...flags]));
    onEnd(() => daemon.kill());
    const ready = await daemon.until('ready');
    expect(daemon.events.filter(({ type }) => type === 'failed')).toEqual([]);
    expect(ready).toMatchObject({ failed: 0 });
    for (const { httpGet } of [given.livenessProbe, given.readinessProbe])
      expect(await ask(join(folder, 'healthz'), httpGet.path)).toMatchObject({ status: 200 });
    expect(readFileSync(join(folder, 'flannel/subnet.env'), 'utf8')).toContain('FLANNEL_IPMASQ=true\n');
    return daemon;
  };
  const putLease = (name: string, content: object) =>
    writeFileSync(join(folder, 'leases', name), JSON.stringify(content));
  return { ...there, flags, putLease, watch };
}

const NEEDS = ['veth', 'vxlan', 'nft', 'iptables', 'ip6tables'] as const;
const OPTIONS = { needs: NEEDS, timeoutMs: 60_000 };
/** Nothing of this could be undone by a namespace that goes away. */
const FORBIDDEN = [
  ...['sh', '-c'],
  `touch /etc/x-${process.pid} || true; echo 1 > /proc/sys/net/ipv6/conf/lo/accept_ra`,
];
const NO_CHANGES = { code: 0, stderr: '', stdout: expect.stringContaining('No changes') };
const PEER = peerLease('b');

const NETWORKS: Readonly<Record<string, object>> = {
  vxlan: { Network: '10.244.0.0/16', EnableIPv6: true, IPv6Network: 'fd00:10:244::/48', Backend: { Type: 'vxlan' } },
  'host-gw': { Network: '10.244.0.0/16', Backend: { Type: 'host-gw' } },
  nftables: { Network: '10.244.0.0/16', EnableNFTables: true, Backend: { Type: 'vxlan' } },
};

for (const [name, network] of Object.entries(NETWORKS)) {
  kernelTest(`watch gets ready with the rights of the DaemonSet: ${name}`, OPTIONS, async (context) => {
    const { folder, flags, run, putLease, watch } = await host(context);
    putLease('network.json', network);
    if (name === 'host-gw') putLease('node-b.json', { ...PEER, backendType: 'host-gw' });
    const given = container('kube-flannel') as Probed;
    const denied = await run(given, FORBIDDEN);
    expect(denied.stderr.match(/Read-only file system/g)).toHaveLength(2);
    expect(denied.code).not.toBe(0);

    const daemon = await watch(given);
    // As the preview: with no folder of its own at all.
    const nowhere = flags.map((word) => (word === join(folder, 'run') ? '/nowhere' : word));
    const words = [FLAN, 'plan', '--detailed-exitcode', ...nowhere];
    expect(await run(given, ['env', 'FLAN_STATE_DIR=/nowhere', ...words])).toMatchObject(NO_CHANGES);
    expect((await daemon.stop()).code).toBe(0);
  });
}

const CONNECTION = 'flan:192.168.10.1-10.244.1.0/24-10.244.2.0/24-192.168.10.2';
const IPSEC_OPTIONS = { needs: [...NEEDS, 'charon'], timeoutMs: 60_000 } as const;

kernelTest('watch gets ready with the rights of the DaemonSet: ipsec', IPSEC_OPTIONS, async (context) => {
  const { netns, onEnd } = context;
  const { folder, flags, run, putLease, watch } = await host(context);
  putLease('network.json', ipsecNetwork());
  putLease('node-a.json', peerLease('a'));
  putLease('node-b.json', { ...PEER, backendType: 'ipsec' });
  const state = ipsecStateFile({ runtimeDir: join(folder, 'run'), netns: netns.name });
  // It outlives the daemon, which is ended before.
  onEnd(async () => {
    const { charon } = state.read() ?? {};
    if (charon !== undefined) await stopCharon(charon);
  });
  const policies = () => netns.sh('ip xfrm policy');
  const given = container('kube-flannel', 'overlays/ipsec') as Probed;
  expect(given.emptyDirs).toEqual([CHARON_FOLDER]);
  expect((await run(given, FORBIDDEN)).stderr.match(/Read-only file system/g)).toHaveLength(2);

  /** A pod from its start to the end of its container, with which charon ends too. */
  const pod = async (): Promise<number> => {
    const daemon = await watch(given);
    const charon = required(state.read()?.charon, 'charon');
    for (const kind of ['net', 'mnt'])
      expect(readlinkSync(`/proc/${charon.pid}/ns/${kind}`)).toBe(readlinkSync(`/proc/${daemon.pid}/ns/${kind}`));
    // Without NET_BIND_SERVICE it starts all the same, and hears nobody.
    const heard = readUdpSockets({ netns: netns.name, ports: [500, 4500] }).filter(({ family }) => family === 4);
    expect(heard.map(({ port }) => port).sort()).toEqual([4500, 500]);
    for (const { owner } of heard) expect(owner?.pid).toBe(charon.pid);
    const client = await openVici(charonSocket({ folder: join(`/proc/${charon.pid}/root`, CHARON_FOLDER) }));
    const connections = (await client.list('list-conns', 'list-conn')).flatMap(sectionsIn);
    client.close();
    expect(connections.map(([name]) => name)).toEqual([CONNECTION]);
    expect(await policies()).toContain('src 10.244.1.0/24 dst 10.244.2.0/24 \n\tdir out');
    const words = ['env', `FLAN_STATE_DIR=${join(folder, 'state')}`, FLAN, 'plan', '--detailed-exitcode', ...flags];
    expect(await inside(daemon.pid, given, words)).toMatchObject(NO_CHANGES);
    expect((await daemon.stop()).code).toBe(0);
    expect(isRunning(charon)).toBe(true);
    process.kill(charon.pid, 'SIGKILL');
    while (isRunning(charon)) await sleep(5);
    return charon.pid;
  };
  const first = await pod();
  expect(await policies()).toContain('src 10.244.1.0/24 dst 10.244.2.0/24');
  expect(await pod()).not.toBe(first);

  // Another overlay cleans up after it, with fewer rights.
  putLease('network.json', NETWORKS['host-gw'] ?? {});
  putLease('node-b.json', { ...PEER, backendType: 'host-gw' });
  const daemon = await watch(container('kube-flannel') as Probed);
  expect(await policies()).not.toContain('10.244.');
  expect(state.read()).toBeUndefined();
  expect((await daemon.stop()).code).toBe(0);
});

kernelTest('install-cni needs no capability at all', {}, async ({ netns, onEnd }) => {
  const { folder, run, remove } = place(netns);
  onEnd(remove);
  const config = (render('.').find(({ kind }) => kind === 'ConfigMap') as unknown as { data: Record<string, string> })
    .data;
  const conf = config['cni-conf.json'] ?? '';
  writeFileSync(join(folder, 'cni-conf.json'), conf);
  mkdirSync(join(folder, 'bin'));
  for (const plugin of ['flannel', 'portmap']) writeFileSync(join(folder, 'bin', plugin), '');
  const given = container('install-cni');
  const words = given.args.map((word) => word.replace('/opt/cni/bin', join(folder, 'bin')));
  const where = ['--conf', join(folder, 'cni-conf.json'), '--dir', join(folder, 'net.d')];
  expect(await run(given, [FLAN, ...words, ...where])).toMatchObject({ code: 0, stderr: '' });
  expect(readFileSync(join(folder, 'net.d/10-flannel.conflist'), 'utf8')).toBe(conf);
});
