import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { ask } from '../e2e-telemetry/ask.js';
import { type Finished, FLAN, finished } from '../support/cli.js';
import { kernelTest } from '../support/kernel.js';
import { render } from '../support/kustomize.js';
import { startDaemon } from '../support/lab-daemon.js';
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
}

interface Probed extends Container {
  readonly livenessProbe: { readonly httpGet: { readonly path: string } };
  readonly readinessProbe: { readonly httpGet: { readonly path: string } };
}

/** A container of the DaemonSet. */
function container(name: string): Container {
  const daemonSet = render('.').find(({ kind }) => kind === 'DaemonSet') as unknown as {
    spec: { template: { spec: { containers: Container[]; initContainers: Container[] } } };
  };
  const { containers, initContainers } = daemonSet.spec.template.spec;
  const found = [...containers, ...initContainers].find((one) => one.name === name);
  if (found === undefined) throw new Error(`no container ${name}`);
  return found;
}

/**
 * A command line that runs what follows as a runtime runs a container of the host's network with this context: with
 * these capabilities, everything read-only but one folder, and /proc/sys read-only because it is not privileged.
 */
function contained(netns: TestNetns, writable: string, context: SecurityContext): readonly string[] {
  expect(context).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false });
  expect(context.capabilities.drop).toEqual(['ALL']);
  const capabilities = (context.capabilities.add ?? []).map((name) => `,+${name.toLowerCase()}`).join('');
  const script = [
    'mount --make-rprivate /',
    `mount --bind ${writable} ${writable}`,
    'mount --bind /proc/sys /proc/sys',
    'for at in /proc/sys / /tmp /run /dev/shm; do ! mountpoint -q $at || mount -o remount,bind,ro $at; done',
    `exec setpriv --bounding-set=-all${capabilities} --inh-caps=-all --no-new-privs "$@"`,
  ].join('\n');
  return ['ip', 'netns', 'exec', netns.name, 'unshare', '--mount', 'sh', '-ec', script, 'sh'];
}

interface Place {
  readonly netns: TestNetns;
  readonly folder: string;
  readonly start: (context: SecurityContext, words: readonly string[]) => ChildProcessWithoutNullStreams;
  readonly run: (context: SecurityContext, words: readonly string[]) => Promise<Finished>;
}

function place(netns: TestNetns): Place & { readonly remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'flan-container-'));
  const start = (context: SecurityContext, words: readonly string[]) => {
    const [command = '', ...rest] = contained(netns, folder, context);
    return spawn(command, [...rest, ...words], { cwd: '/', env: { PATH: process.env.PATH, NO_COLOR: '1' } });
  };
  return {
    netns,
    folder,
    start,
    run: (context, words) => finished(start(context, words)),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

const NETWORKS: Readonly<Record<string, object>> = {
  vxlan: { Network: '10.244.0.0/16', EnableIPv6: true, IPv6Network: 'fd00:10:244::/48', Backend: { Type: 'vxlan' } },
  'host-gw': { Network: '10.244.0.0/16', Backend: { Type: 'host-gw' } },
  nftables: { Network: '10.244.0.0/16', EnableNFTables: true, Backend: { Type: 'vxlan' } },
};

for (const [name, network] of Object.entries(NETWORKS)) {
  const needs = ['veth', 'vxlan', 'nft', 'iptables', 'ip6tables'] as const;
  kernelTest(
    `watch gets ready with the rights of the DaemonSet: ${name}`,
    { needs, timeoutMs: 60_000 },
    async (context) => {
      const { netns, onEnd } = context;
      await netns.sh(`ip link add eth0 type veth peer name far; ip link set far up; ip link set eth0 up
      ip addr add 192.168.10.1/24 dev eth0; ip route add default via 192.168.10.254
      ip addr add fd00:192:168:10::1/64 dev eth0 nodad; ip -6 route add default via fd00:192:168:10::fe`);
      const { folder, start, run, remove } = place(netns);
      onEnd(remove);
      mkdirSync(join(folder, 'leases'));
      writeFileSync(join(folder, 'leases/network.json'), JSON.stringify(network));
      const peer = { node: 'b', subnet: '10.244.2.0/24', publicIP: '192.168.10.2', backendType: 'host-gw' };
      if (name === 'host-gw') writeFileSync(join(folder, 'leases/b.json'), JSON.stringify(peer));
      const { securityContext, args, livenessProbe, readinessProbe } = container('kube-flannel') as Probed;
      const flags = [
        ...args.slice(1).filter((flag) => !/kube|healthz/.test(flag)),
        ...['--leases', join(folder, 'leases'), '--runtime-dir', join(folder, 'run'), '--adopt', '--node-id', 'id-a'],
        ...['--subnet-file', join(folder, 'flannel/subnet.env'), '--healthz-socket', join(folder, 'healthz')],
      ];
      // Nothing of this could be undone by a namespace that goes away.
      const denied = await run(securityContext, [
        'sh',
        '-c',
        `touch /etc/x-${process.pid} || true; echo 1 > /proc/sys/net/ipv6/conf/lo/accept_ra`,
      ]);
      expect(denied.stderr.match(/Read-only file system/g)).toHaveLength(2);
      expect(denied.code).not.toBe(0);

      const env = ['env', `FLAN_STATE_DIR=${join(folder, 'state')}`];
      const daemon = startDaemon(start(securityContext, [...env, FLAN, 'watch', '--json', ...flags]));
      onEnd(() => daemon.kill());
      const ready = await daemon.until('ready');
      expect(daemon.events.filter(({ type }) => type === 'failed')).toEqual([]);
      expect(ready).toMatchObject({ failed: 0 });
      for (const { httpGet } of [livenessProbe, readinessProbe])
        expect(await ask(join(folder, 'healthz'), httpGet.path)).toMatchObject({ status: 200 });
      expect(readFileSync(join(folder, 'flannel/subnet.env'), 'utf8')).toContain('FLANNEL_IPMASQ=true\n');
      // As the preview: with no folder of its own at all.
      const nowhere = flags.map((word) => (word === join(folder, 'run') ? '/nowhere' : word));
      const words = [FLAN, 'plan', '--detailed-exitcode', ...nowhere];
      const plan = await run(securityContext, ['env', 'FLAN_STATE_DIR=/nowhere', ...words]);
      expect(plan).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('No changes') });
      expect((await daemon.stop()).code).toBe(0);
    },
  );
}

kernelTest('install-cni needs no capability at all', {}, async ({ netns, onEnd }) => {
  const { folder, run, remove } = place(netns);
  onEnd(remove);
  const config = (render('.').find(({ kind }) => kind === 'ConfigMap') as unknown as { data: Record<string, string> })
    .data;
  const conf = config['cni-conf.json'] ?? '';
  writeFileSync(join(folder, 'cni-conf.json'), conf);
  mkdirSync(join(folder, 'bin'));
  for (const plugin of ['flannel', 'portmap']) writeFileSync(join(folder, 'bin', plugin), '');
  const { securityContext, args } = container('install-cni');
  const words = args.map((word) => word.replace('/opt/cni/bin', join(folder, 'bin')));
  const where = ['--conf', join(folder, 'cni-conf.json'), '--dir', join(folder, 'net.d')];
  expect(await run(securityContext, [FLAN, ...words, ...where])).toMatchObject({ code: 0, stderr: '' });
  expect(readFileSync(join(folder, 'net.d/10-flannel.conflist'), 'utf8')).toBe(conf);
});
