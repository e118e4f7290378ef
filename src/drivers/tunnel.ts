import { availableParallelism } from 'node:os';
import { setInterval } from 'node:timers';
import { startTunnel, type Tunnel, type TunnelEndpoint, type TunnelPeerEntry } from '../dataplane/tunnel.js';
import { asFlanError, FlanError } from '../errors.js';
import { isOwnAlias } from '../kinds/link.js';
import { TUNNEL_DEVICE, type TunnelDevice, tunnelDeviceKey } from '../kinds/tunnel-device.js';
import { type TunnelPeer, tunnelPeerKey } from '../kinds/tunnel-peer.js';
import type { CommandSocket } from '../netlink/command.js';
import { findLink } from '../netlink/dumps.js';
import { setLink } from '../netlink/wire/link.js';
import type { Resource } from '../planner/kind.js';
import type { Step } from '../planner/plan.js';
import { subjectOf } from '../planner/step.js';
import { markOf } from '../sys/process-mark.js';
import { keepTun } from '../sys/tun.js';
import type { Driver, Notice, Outcome, Scope } from './driver.js';
import { type TunnelState, tunnelStateFile } from './tunnel-state.js';

export interface TunnelDriverInput {
  /** For the link. */
  readonly socket: CommandSocket;
  readonly netns?: string | undefined;
  /** Where the process that carries packets says so to the others. */
  readonly runtimeDir: string;
  /** Whether this process lives long enough to carry packets. */
  readonly role: 'carrier' | 'onlooker';
}

/** How often counters are written for other processes to read, while they change. */
const STATE_INTERVAL_MS = 2_000;
const MOST_QUEUES = 4;
/** A large packet, with the headers that each of its segments gets, then fits one datagram of 64 KiB: one send. */
const GSO_MAX_BYTES = 60_000;
/** As Ethernet has; the 500 of a TUN device are full after three milliseconds of small packets. */
const QUEUE_PACKETS = 1000;

/**
 * The data path of the udp backend: a thread (or several) of this process for the device, and its peers. The device
 * itself is made to stay when the process ends, so that addresses and routes are not torn down by a restart.
 */
export function tunnelDriver({ socket, netns, runtimeDir, role }: TunnelDriverInput): Driver {
  const file = tunnelStateFile({ runtimeDir, netns, name: TUNNEL_DEVICE });
  const listeners = new Set<(notice: Notice) => void>();
  let tunnel: Tunnel | undefined;
  /** Peers of a tunnel that was closed for another one, which has not started yet. */
  let kept: readonly TunnelPeerEntry[] = [];
  let lastWritten = '';

  const writeState = (): void => {
    if (tunnel === undefined) return;
    const state = stateOf(tunnel);
    const text = JSON.stringify(state);
    if (text === lastWritten) return;
    lastWritten = text;
    file.write(state);
  };
  const timer = role === 'carrier' ? setInterval(() => quietly(writeState), STATE_INTERVAL_MS).unref() : undefined;

  const onLost = (lost: readonly TunnelPeerEntry[]): void => {
    tunnel = undefined;
    file.remove();
    const keys = lost.map(({ subnet }) => tunnelPeerKey({ dev: TUNNEL_DEVICE, subnet }));
    for (const tell of listeners) {
      for (const key of [...keys, tunnelDeviceKey(TUNNEL_DEVICE)]) tell({ type: 'gone', key });
    }
  };

  const observe = ({ ownership, wants }: Scope): Resource[] => {
    const link = findLink(socket, { name: TUNNEL_DEVICE });
    if (link === undefined) return [];
    const alias = link.alias ?? '';
    const state = tunnel === undefined ? file.read() : stateOf(tunnel);
    if (state === undefined || !isOwnAlias(alias, ownership)) {
      if (!wants(tunnelDeviceKey(TUNNEL_DEVICE))) return [];
      return [deviceOf({ alias, state: 'idle', port: 0, addresses: [], queues: 0 })];
    }
    const { port, addresses, queues, peers } = state;
    return [deviceOf({ alias, state: 'running', port, addresses, queues }), ...peers.map(peerOf)];
  };

  const start = async (device: TunnelDevice): Promise<void> => {
    if (tunnel !== undefined) {
      const before = tunnel;
      [kept, tunnel] = [before.peers(), undefined];
      // Until there is another one nobody carries packets.
      file.remove();
      lastWritten = '';
      await before.close();
    }
    const started = await startTunnel({
      name: device.name,
      netns,
      endpoint: endpointOf(device),
      queues: device.queues === 0 ? usefulQueues() : device.queues,
      prepare: (fd) => {
        // The mark first: a device that stays without it would look like somebody else's after a crash.
        const { name, alias } = device;
        socket.perform(setLink({ name, alias, gsoMaxBytes: GSO_MAX_BYTES, queueLength: QUEUE_PACKETS }));
        keepTun(fd, 'yes');
      },
      onLost: () => onLost(tunnel?.peers() ?? []),
    });
    const peers = kept;
    [kept, tunnel] = [[], started];
    await started.change({ put: peers, remove: [] });
  };

  const performDevice = async (step: Step): Promise<void> => {
    if (step.action === 'delete') {
      await tunnel?.close();
      [kept, tunnel] = [[], undefined];
      file.remove();
      return;
    }
    const device = step.after as TunnelDevice;
    if (role === 'onlooker') throw needsWatch();
    const isThere = findLink(socket, { name: device.name }) !== undefined;
    if (tunnel !== undefined && isThere && step.action === 'update') await tunnel.rebind(endpointOf(device));
    else await start(device);
  };

  const performPeers = async (steps: readonly Step[]): Promise<void> => {
    const removed = steps.flatMap((step) => (step.action === 'delete' ? (step.before as TunnelPeer) : []));
    const put = steps.flatMap((step) => (step.action === 'delete' ? [] : (step.after as TunnelPeer)));
    if (tunnel === undefined && put.length === 0) {
      // What no process carries has gone with the process that did.
      kept = kept.filter(({ subnet }) => !removed.some((peer) => peer.subnet === subnet));
      return;
    }
    if (role === 'onlooker') throw needsWatch();
    if (tunnel === undefined) throw new FlanError('E_BACKEND', `nobody carries ${TUNNEL_DEVICE}`, { retry: true });
    await tunnel.change({
      put: put.map(({ subnet, endpoint, port }) => ({ subnet, endpoint, port })),
      remove: removed.map(({ subnet }) => subnet),
    });
  };

  const attempt = async (steps: readonly Step[], work: () => Promise<void>): Promise<Outcome[]> => {
    try {
      await work();
      return steps.map((step) => ({ step, status: 'done' }));
    } catch (cause) {
      const error = asFlanError(cause);
      return steps.map((step) => ({ step, status: 'failed', error }));
    }
  };

  return {
    name: 'tunnel',
    kinds: ['tunnel-device', 'tunnel-peer'],
    observe: async (scope) => ({ resources: observe(scope), foreign: {} }),
    perform: async (steps) => {
      const outcomes = new Map<Step, Outcome>();
      const isPeer = (step: Step): boolean => subjectOf(step).kind === 'tunnel-peer';
      for (const step of steps.filter((one) => !isPeer(one))) {
        for (const outcome of await attempt([step], () => performDevice(step))) outcomes.set(step, outcome);
      }
      const peers = steps.filter(isPeer);
      if (peers.length > 0) {
        for (const outcome of await attempt(peers, () => performPeers(peers))) outcomes.set(outcome.step, outcome);
      }
      quietly(writeState);
      return steps.flatMap((step) => outcomes.get(step) ?? []);
    },
    follow: async (_scope, tell, signal) => {
      listeners.add(tell);
      signal.addEventListener('abort', () => listeners.delete(tell), { once: true });
    },
    close: () => {
      clearInterval(timer);
      listeners.clear();
      if (tunnel === undefined) return;
      void tunnel.close();
      tunnel = undefined;
      file.remove();
    },
  };
}

const needsWatch = (): FlanError =>
  new FlanError('E_BACKEND', `${TUNNEL_DEVICE} needs a process that goes on running to carry its packets`, {
    hint: 'Run `flan watch` on this node.',
  });

const endpointOf = ({ addresses, port }: TunnelDevice): TunnelEndpoint => ({ addresses, port });

const deviceOf = (rest: Omit<TunnelDevice, 'kind' | 'name'>): TunnelDevice => ({
  kind: 'tunnel-device',
  name: TUNNEL_DEVICE,
  ...rest,
});

const peerOf = ({ subnet, endpoint, port }: TunnelPeerEntry): TunnelPeer => ({
  kind: 'tunnel-peer',
  dev: TUNNEL_DEVICE,
  ...{ subnet, endpoint, port },
});

/** Half of the processors: the other half is busy with whoever makes the packets. */
const usefulQueues = (): number => Math.max(1, Math.min(MOST_QUEUES, availableParallelism() >> 1));

const NONE = { sentPackets: 0, sentBytes: 0, receivedPackets: 0, receivedBytes: 0, spoofed: 0, sendErrors: 0 };

function stateOf(tunnel: Tunnel): TunnelState {
  const { name, queues, offload, endpoint } = tunnel;
  return {
    process: markOf(process.pid) ?? { pid: process.pid, started: '' },
    ...{ name, queues, offload, addresses: endpoint.addresses, port: endpoint.port },
    totals: tunnel.totals(),
    peers: tunnel.peers().map((peer) => ({ ...peer, counts: tunnel.countsOf(peer.subnet) ?? NONE })),
  };
}

/** What others read about us is a courtesy: packets flow without. */
function quietly(action: () => void): void {
  try {
    action();
  } catch {
    // A full or read-only runtime directory; the lock there has complained already.
  }
}
