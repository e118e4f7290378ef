import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openSession } from '../../src/commands/session.js';
import { nodeFiles } from '../../src/config/files.js';
import { loadSettings } from '../../src/config/settings.js';
import { kernelWireguard } from '../../src/drivers/wireguard/kernel.js';
import type { WireguardTransport } from '../../src/drivers/wireguard/transport.js';
import { userspaceWireguard } from '../../src/drivers/wireguard/userspace.js';
import { wireguardKeyOf } from '../../src/host/wireguard-key.js';
import { systemClock } from '../../src/reconcile/clock.js';
import type { WatchEvent } from '../../src/reconcile/events.js';
import type { Session } from '../../src/reconcile/session.js';
import { watch } from '../../src/reconcile/watch.js';
import { defaultNetwork, type Lab, type LabFamilies, type LabNode, peerLease } from '../support/lab.js';
import { environmentOf } from '../support/lab-session.js';

const run = promisify(execFile);

export type Family = '4' | '6';
export const each = (families: LabFamilies): Family[] => [...families] as Family[];

/** The network config of a WireGuard lab; options beside the type as flannel spells them. */
export const wireguardNetwork = (families: LabFamilies, backend: object = {}): object => ({
  ...defaultNetwork(families),
  Backend: { Type: 'wireguard', ...backend },
});

export const DEVICE: Readonly<Record<Family, string>> = { '4': 'flannel-wg', '6': 'flannel-wg-v6' };
/** The first host address of the n-th node's subnet, counted from 1. */
export const GATEWAY: Readonly<Record<Family, (n: number) => string>> = {
  '4': (n) => `10.244.${n}.1`,
  '6': (n) => `fd00:10:244:${n}::1`,
};
export const NETWORK: Readonly<Record<Family, string>> = { '4': '10.244.0.0/16', '6': 'fd00:10:244::/48' };
export const UNDERLAY: Readonly<Record<Family, (n: number) => string>> = {
  '4': (n) => `192.168.10.${n}`,
  '6': (n) => `fd00:192:168:10::${n}`,
};

export const keyFileOf = (node: LabNode): string => join(node.runtimeDir, 'wgkey');

/** Flags that make the command line act as this node. */
export const flagsOf = (node: LabNode): readonly string[] => [...node.flags, '--wireguard-key-file', keyFileOf(node)];

/** Gives every node its lease before anybody starts, so that subnets are known. */
export function putLeases(lab: Lab, families: LabFamilies): void {
  for (const { name } of lab.nodes) lab.put(`${name}.yaml`, peerLease(name.slice(-1), families));
}

export async function openNode(node: LabNode, more: readonly string[] = []): Promise<Session> {
  const env = environmentOf([...flagsOf(node), ...more]);
  const { settings } = await loadSettings({ flags: {}, env, cwd: '/', ...nodeFiles });
  return openSession(settings, new AbortController().signal);
}

/** `flan watch` in this process: where a process costs seconds, several nodes share one. */
export interface RunningNode {
  readonly events: readonly WatchEvent[];
  stop(): Promise<void>;
}

export async function startNode(lab: Lab, node: LabNode, more: readonly string[] = []): Promise<RunningNode> {
  const session = await openNode(node, more);
  const stopping = new AbortController();
  const events: WatchEvent[] = [];
  let isReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => {
    isReady = resolve;
  });
  const done = watch({
    session,
    signal: stopping.signal,
    clock: systemClock,
    adopt: 'no',
    resyncIntervalMs: 300_000,
    renewMarginMs: 60_000,
    tell: (event) => {
      events.push(event);
      if (event.type === 'ready') isReady();
    },
  });
  const stop = async (): Promise<void> => {
    stopping.abort();
    await done.catch(() => undefined);
    await session.close();
  };
  lab.onEnd(stop);
  await Promise.race([ready, done]);
  return { events, stop };
}

/** What flan itself talks to WireGuard with on this kernel. */
export function transportOf(node: LabNode): WireguardTransport {
  const netns = node.netns.name;
  const publicKeyOf = (secret: Uint8Array): string => wireguardKeyOf(secret).publicKey;
  return (
    kernelWireguard({ netns }) ?? userspaceWireguard({ netns, folder: join(node.runtimeDir, 'wireguard'), publicKeyOf })
  );
}

/** Runs `wg`, which looks for user-space devices in one fixed folder. */
export function wg(node: LabNode, words: string): Promise<string> {
  const folder = join(node.runtimeDir, 'wireguard');
  if (!existsSync(folder)) return node.netns.sh(`wg ${words}`);
  return node.netns.sh(
    `unshare -m sh -ec 'mkdir -p /run/wireguard; mount --bind ${folder} /run/wireguard; wg ${words}'`,
  );
}

/** A process in user space ends with its link, and would hold the namespace otherwise. */
export async function removeDevices({ netns }: LabNode): Promise<void> {
  await netns.sh('for d in flannel-wg flannel-wg-v6; do ip link del $d 2>/dev/null || true; done');
}

/** Everything of the overlay that a node's kernel holds, without what changes by itself. */
export async function overlayState(
  node: LabNode,
  families: LabFamilies,
  devices = each(families).map((f) => DEVICE[f]),
) {
  const transport = transportOf(node);
  try {
    const states = await Promise.all(devices.map((dev) => transport.read(dev)));
    const wireguard = states.map((state) =>
      state === undefined
        ? 'none'
        : [
            `${state.dev} ${state.publicKey} ${state.listenPort} ${state.firewallMark}`,
            ...state.peers
              .map(({ publicKey, presharedKey, endpoint, keepaliveSeconds, allowedIps }) =>
                [
                  publicKey,
                  presharedKey,
                  endpoint?.address,
                  endpoint?.port,
                  keepaliveSeconds,
                  [...allowedIps].sort(),
                ].join(' '),
              )
              .sort(),
          ].join('\n'),
    );
    const ofLinks = devices.flatMap((dev) => [`link show dev ${dev}`, `address show dev ${dev} scope global`]);
    const routes = 'route show proto 70';
    const shown = [ipBatch(node, '-4', [routes]), ipBatch(node, '-6', [routes])];
    const addresses = ipBatch(node, '-o', ofLinks);
    return [...wireguard, ...(await Promise.all([...shown, addresses]))].join('\n--\n');
  } finally {
    transport.close();
  }
}

/** Some commands of ip(8) for one process, without what differs from one device to its successor. */
async function ipBatch({ netns }: LabNode, option: string, lines: readonly string[]): Promise<string> {
  const child = run('ip', ['-n', netns.name, option, '-batch', '-']);
  child.child.stdin?.end(`${lines.join('\n')}\n`);
  const { stdout } = await child;
  const told = stdout
    .replace(/^\d+: /gm, '')
    .replace(/ qdisc.* mode/g, ' mode')
    .replace(/ qdisc \S+ state \S+/g, '');
  return told.split('\n').sort().join('\n');
}

export interface Patience {
  readonly patienceMs?: number;
}

/** Waits until `look` returns what is expected; rejects with the last thing it returned. */
export async function becomes<T>(
  look: () => Promise<T>,
  expected: T,
  { patienceMs = 30_000 }: Patience = {},
): Promise<void> {
  const start = performance.now();
  for (;;) {
    const lookedMs = performance.now();
    const now = await look().catch((error: unknown) => String(error) as T);
    if (now === expected) return;
    if (performance.now() - start > patienceMs)
      throw new Error(`still\n${String(now)}\ninstead of\n${String(expected)}`);
    // Where looking is slow, not so often that nothing else gets done.
    const pauseMs = Math.max(50, performance.now() - lookedMs);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
