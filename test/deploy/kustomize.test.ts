import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { backendOf, backendTypes } from '../../src/backends/index.js';
import { InstallCni } from '../../src/commands/install-cni.js';
import { decodeNetwork } from '../../src/config/network.js';
import { SETTINGS } from '../../src/config/settings-definitions.js';
import { CHARON_FOLDER } from '../../src/drivers/vici/charon-files.js';
import { DEFAULT_NET_CONFIG_PATH } from '../../src/leases/kubernetes/net-config.js';
import { CLOUDS } from '../../src/model/cloud.js';
import { deployPath, type KubeObject, render } from '../support/kustomize.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const overlays = readdirSync(deployPath('overlays')).map((name) => `overlays/${name}`);
const installations = ['.', ...overlays];
const all = [...installations, 'preview', 'takeover'];

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext?: {
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly drop: readonly string[]; readonly add?: readonly string[] };
  };
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}
interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly volumes: readonly {
    readonly name: string;
    readonly hostPath?: { readonly path: string };
    readonly secret?: { readonly secretName: string };
  }[];
}
type WithPods = KubeObject & { readonly spec: { readonly template: { readonly spec: PodSpec } } };

const find = (objects: readonly KubeObject[], kind: string): KubeObject => {
  const found = objects.find((object) => object.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
};
const podOf = (folder: string): PodSpec => {
  const workload = render(folder).find(({ kind }) => kind === 'DaemonSet' || kind === 'Job');
  return (workload as WithPods).spec.template.spec;
};
const containersOf = (pod: PodSpec): readonly Container[] => [...(pod.initContainers ?? []), ...pod.containers];
const dataOf = (folder: string) =>
  (find(render(folder), 'ConfigMap') as unknown as { data: Readonly<Record<string, string>> }).data;
/** Of an installation whose network config is no secret it is in the ConfigMap. */
const netConfOf = (folder: string): string => dataOf(folder)['net-conf.json'] ?? followed(folder).netConf;
const configOf = (folder: string) => decodeNetwork(JSON.parse(netConfOf(folder)), folder);

/** Notes what it is asked to do, one line each, and the content of files that it is to put into a Secret. */
const KUBECTL = `#!/bin/sh
echo "$*" >>"$RECORD/calls"
for word; do
  case $word in --from-file=*) word=\${word#*=}; cat "\${word#*=}" >"$RECORD/\${word%%=*}" ;; esac
done
`;

interface Followed {
  /** What kubectl was asked to do. */
  readonly calls: readonly string[];
  readonly netConf: string;
}

/** What comes of the commands in the comment that a kustomization begins with, with a kubectl that only takes notes. */
function followed(folder: string): Followed {
  const [comment = ''] = readFileSync(join(deployPath(folder), 'kustomization.yaml'), 'utf8').split(/^[^#]/m);
  const commands = [...comment.matchAll(/^# {3}(.*)$/gm)].map(([, line]) => line);
  const record = mkdtempSync(join(tmpdir(), 'flan-kubectl-'));
  try {
    writeFileSync(join(record, 'kubectl'), KUBECTL, { mode: 0o755 });
    const env = { PATH: `${record}:${process.env.PATH}`, RECORD: record };
    execFileSync('sh', ['-eu'], { input: commands.join('\n'), env, stdio: 'pipe' });
    const [calls, netConf] = ['calls', basename(DEFAULT_NET_CONFIG_PATH)].map((name) =>
      readFileSync(join(record, name), 'utf8'),
    );
    return { calls: (calls ?? '').trim().split('\n'), netConf: netConf ?? '' };
  } finally {
    rmSync(record, { recursive: true, force: true });
  }
}

/** The version of a kubectl that has a kustomize of this decade; before 1.21 it was 2.0. */
function kubectl(): string | undefined {
  const { stdout } = spawnSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8' });
  try {
    const { major, minor } = (JSON.parse(stdout) as { clientVersion: Record<string, string> }).clientVersion;
    return Number(major) > 1 || Number.parseInt(minor ?? '', 10) >= 21 ? `${major}.${minor}` : undefined;
  } catch {
    return undefined;
  }
}

/** Kustomize puts what a patch adds first and sorts objects; neither means anything. */
function settled(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(settled);
    return items.every((item) => typeof item === 'object')
      ? items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
      : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  const sorted = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, inner]) => [key, settled(inner)]));
}

describe('the manifests', () => {
  const version = kubectl();
  if (version === undefined) console.error('skipped: what kubectl renders; there is none of version 1.21 or newer');
  it.skipIf(version === undefined).each(all)('%s: kubectl renders what these tests look at', (folder) => {
    const text = execFileSync('kubectl', ['kustomize', deployPath(folder)], { encoding: 'utf8', stdio: 'pipe' });
    const theirs = parseAllDocuments(text).map((document) => document.toJS() as unknown);
    expect(settled(render(folder))).toEqual(settled(theirs));
  });

  it('fit the types of the Kubernetes API, to the last field', () => {
    const objects = all.flatMap((folder) => render(folder).map((object) => ({ folder, object })));
    const lines = objects.map(
      ({ folder, object }, i) =>
        `// ${folder}\nexport const o${i}: k.V1${object.kind} = ${JSON.stringify(object, undefined, 1)};`,
    );
    expect(check(['{ const wrong: k.V1DaemonSet = { spec: { templat: {} } }; }'])).toContain('templat');
    expect(check(lines)).toBe('');
  });

  it.each(all)('%s: mount what they name, and nothing is left over', (folder) => {
    const pod = podOf(folder);
    const mounted = containersOf(pod).flatMap(({ volumeMounts = [] }) => volumeMounts.map(({ name }) => name));
    expect([...new Set(mounted)].sort()).toEqual(pod.volumes.map(({ name }) => name).sort());
  });

  it.each(all)('%s: run commands and flags that there are', (folder) => {
    const known: Readonly<Record<string, readonly (string | undefined)[]>> = {
      watch: SETTINGS.flatMap(({ flag, flannelFlag }) => [flag, flannelFlag]),
      plan: SETTINGS.flatMap(({ flag, flannelFlag }) => [flag, flannelFlag]),
      'install-cni': Object.keys(InstallCni.flags),
    };
    const ours = containersOf(podOf(folder)).filter(({ image }) => image.startsWith('flan:'));
    expect(ours.length).toBeGreaterThan(0);
    for (const { args: [command = '', ...flags] = [], env = [] } of ours) {
      expect(Object.keys(known)).toContain(command);
      for (const flag of flags) expect(known[command]).toContain(flag.replace(/^--/, '').replace(/=.*/, ''));
      for (const { name } of env) expect([...SETTINGS.map((setting) => setting.env), 'NODE_NAME']).toContain(name);
    }
  });

  it.each(all)('%s: give flan a writable folder only where it keeps something', (folder) => {
    const kept = [
      '/run/flannel',
      '/run/flan',
      '/var/lib/flan',
      '/etc/kube-flannel',
      '/run/xtables.lock',
      '/dev/net/tun',
      ...(folder === 'overlays/ipsec' ? [CHARON_FOLDER] : []),
    ];
    for (const { volumeMounts = [], securityContext } of podOf(folder).containers) {
      for (const { mountPath } of volumeMounts) expect(kept).toContain(mountPath);
      expect(securityContext?.readOnlyRootFilesystem).toBe(true);
      // The API server refuses the one without the other.
      expect(securityContext?.allowPrivilegeEscalation).toBe(securityContext?.privileged);
    }
  });

  it('are of the version of the package', () => {
    const { version: own } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    for (const folder of all)
      expect(
        containersOf(podOf(folder))
          .map(({ image }) => image)
          .filter((image) => image.startsWith('flan')),
      ).toContain(`flan:${own}`);
  });
});

describe('the takeover of a cluster', () => {
  it('applies what the base does, and leaves namespace and network as they are', () => {
    const kept = ['Namespace', 'ConfigMap'];
    expect(render('takeover')).toEqual(render('.').filter(({ kind }) => !kept.includes(kind)));
    expect(kept.map((kind) => find(render('.'), kind).metadata.name)).toEqual(['kube-flannel', 'kube-flannel-cfg']);
  });
});

describe('every overlay', () => {
  it.each(installations)('%s holds a network that the backend takes without a warning', (folder) => {
    const { network, warnings } = configOf(folder);
    expect(warnings).toEqual([]);
    expect(network.ipv4?.network).toBe('10.244.0.0/16');
    const backend = backendOf(network.backend.type);
    expect(backend.type).toBe(network.backend.type);
    expect(() => backend.options(network.backend.options)).not.toThrow();
  });

  it('is there for every backend that needs no cloud and no commands of others, and differs from the base in that alone', () => {
    const types = installations.map((folder) => configOf(folder).network.backend.type);
    const special: readonly string[] = ['alloc', 'extension', ...CLOUDS];
    expect([...new Set(types)].sort()).toEqual(
      backendTypes()
        .filter((type) => !special.includes(type))
        .sort(),
    );
    const changed = ['overlays/udp', 'overlays/ipsec'];
    const shared = (folder: string) =>
      render(folder).filter(({ kind }) => kind !== 'ConfigMap' && !(kind === 'DaemonSet' && changed.includes(folder)));
    for (const folder of overlays) for (const object of shared(folder)) expect(render('.')).toContainEqual(object);
    // What is installed as CNI configuration is the same in all.
    for (const folder of overlays) expect(dataOf(folder)['cni-conf.json']).toBe(dataOf('.')['cni-conf.json']);
  });

  it('is what it is called', () => {
    for (const name of ['vxlan', 'host-gw', 'ipip', 'wireguard', 'udp', 'ipsec'])
      expect(configOf(`overlays/${name}`).network.backend.type).toBe(name);
    expect(configOf('overlays/nftables').network.nftables).toBe(true);
    expect(configOf('overlays/dual-stack').network.ipv6?.network).toBe('fd00:10:244::/56');
    expect(podOf('overlays/udp').containers[0]?.securityContext?.privileged).toBe(true);
    const others = installations.filter((folder) => !folder.endsWith('udp'));
    for (const folder of others) expect(podOf(folder).containers[0]?.securityContext?.privileged).toBe(false);
  });
});

describe('overlays/ipsec', () => {
  const [base, own] = [podOf('.'), podOf('overlays/ipsec')];
  const folder = dirname(DEFAULT_NET_CONFIG_PATH);

  it('changes nothing of the pod but where the network config comes from, and what charon needs', () => {
    const [watch] = base.containers;
    const { securityContext, volumeMounts = [] } = watch ?? {};
    const add = [...(securityContext?.capabilities?.add ?? []), 'NET_BIND_SERVICE'];
    const mounts = volumeMounts.map((mount) => (mount.mountPath === folder ? { ...mount, name: 'net-conf' } : mount));
    expect(settled(own)).toEqual(
      settled({
        ...base,
        containers: [
          {
            ...watch,
            securityContext: { ...securityContext, capabilities: { ...securityContext?.capabilities, add } },
            volumeMounts: [...mounts, { name: 'run-charon', mountPath: CHARON_FOLDER }],
          },
        ],
        volumes: [
          ...base.volumes,
          { name: 'net-conf', secret: { secretName: 'kube-flannel-net-conf' } },
          { name: 'run-charon', emptyDir: { medium: 'Memory' } },
        ],
      }),
    );
    // flan is told of no other place, and the init container finds its half where it was.
    expect(watch?.args?.join()).not.toContain('net-config-path');
    expect(InstallCni.flags.conf.default).toBe(join(folder, 'cni-conf.json'));
    expect(Object.keys(dataOf('overlays/ipsec'))).toEqual(['cni-conf.json']);
  });

  it('is begun by commands that make the Secret that the pod mounts, with a key of its own each time', () => {
    const { calls, netConf } = followed('overlays/ipsec');
    const { namespace = '' } = find(render('overlays/ipsec'), 'DaemonSet').metadata;
    const secret = own.volumes.find(({ name }) => name === 'net-conf')?.secret?.secretName;
    expect(calls).toEqual([
      `create namespace ${namespace}`,
      `-n ${namespace} create secret generic ${secret} --from-file=${basename(DEFAULT_NET_CONFIG_PATH)}=/dev/stdin`,
    ]);
    expect(configOf('overlays/ipsec').network.backend.options).toEqual({
      PSK: expect.stringMatching(/^[0-9a-f]{96,}$/),
    });
    expect(followed('overlays/ipsec').netConf).not.toBe(netConf);
  });
});

/** What the compiler says of objects as values of the API's types, where a field that is not in the API is an error. */
function check(lines: readonly string[]): string {
  // Inside the checkout, so that packages are found.
  const folder = mkdtempSync(join(ROOT, 'test/deploy/.types-'));
  try {
    writeFileSync(
      join(folder, 'objects.ts'),
      `import type * as k from '@kubernetes/client-node';\n${lines.join('\n')}\n`,
    );
    const flags = [
      '--noEmit',
      '--strict',
      '--skipLibCheck',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--ignoreConfig',
    ];
    const { stdout } = spawnSync(join(ROOT, 'node_modules/.bin/tsc'), [...flags, 'objects.ts'], {
      cwd: folder,
      encoding: 'utf8',
    });
    return stdout;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
