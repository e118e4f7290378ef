import { asFlanError } from '../../errors.js';
import { kinds } from '../../kinds/index.js';
import { isOwnAlias, linkKey } from '../../kinds/link.js';
import type { WireguardDevice } from '../../kinds/wireguard-device.js';
import { allowedIpsOf, type WireguardPeer, wireguardPeer, wireguardPeerKey } from '../../kinds/wireguard-peer.js';
import type { Prefix } from '../../model/ip.js';
import type { CommandSocket } from '../../netlink/command.js';
import { dumpLinks } from '../../netlink/dumps.js';
import { type Key, type Resource, sameValue } from '../../planner/kind.js';
import type { Step } from '../../planner/plan.js';
import { subjectOf } from '../../planner/step.js';
import { turns } from '../../sys/turns.js';
import type { Driver, Notice, Outcome, Scope } from '../driver.js';
import type { GivenEndpointsFile } from './given-endpoints.js';
import { isAt, roaming } from './roaming.js';
import { deviceChange, peerChanges, type WireguardSecrets } from './steps.js';
import type { PeerChange, WireguardState, WireguardTransport } from './transport.js';

export interface WireguardDriverInput {
  readonly transport: WireguardTransport;
  /** For the links. */
  readonly socket: CommandSocket;
  readonly secrets: WireguardSecrets;
  readonly given: GivenEndpointsFile;
  /** Hears of changes of this node's key from now on. */
  readonly followKey?: (tell: (why: string) => void, signal: AbortSignal) => void;
}

/**
 * WireGuard tells nobody when its peers change, so somebody has to look: once per second, or less often where that would
 * cost more than half a per cent of the time.
 */
const LOOK_INTERVAL_MS = { least: 1_000, most: 30_000 };
const COST_FACTOR = 200;

/** Keys, ports and peers of WireGuard devices; their links, addresses and routes are rtnetlink's. */
export function wireguardDriver(input: WireguardDriverInput): Driver {
  const { transport, socket, secrets, given, followKey } = input;
  const roamers = roaming(given);
  /** What each peer is wanted to be, as far as is known. */
  const wanted = new Map<Key, WireguardPeer>();
  /** What was last seen or made, by device. */
  const known = new Map<string, Map<Key, Resource>>();
  const ownDevices = new Set<string>();
  let scope: Scope | undefined;
  let hasChanged = false;
  const inTurn = turns();

  const resourcesOf = (state: WireguardState): Resource[] => {
    const { dev, publicKey, listenPort, firewallMark } = state;
    const onOwnLink = ownDevices.has(dev);
    const device: WireguardDevice[] =
      publicKey === undefined
        ? []
        : [{ kind: 'wireguard-device', dev, publicKey, listenPort, firewallMark, onOwnLink }];
    const clocks = { nowMs: performance.now(), wallMs: Date.now() };
    const peers = state.peers.map((peer) => {
      const key = wireguardPeerKey(dev, peer.publicKey);
      const lease = wanted.get(key)?.endpoint;
      const endpoint = roamers.endpointOf({ key, peer, wanted: lease, ...clocks });
      if (lease !== undefined && isAt(peer, lease)) given.note(key, lease);
      const { publicKey, allowedIps, keepaliveSeconds, presharedKey } = peer;
      const about = { dev, publicKey, allowedIps, keepaliveSeconds, presharedKey, onOwnLink };
      return wireguardPeer({ ...about, ...(endpoint !== undefined && { endpoint }) });
    });
    return [...device, ...peers].filter((resource) => onOwnLink || scope?.wants(kinds.key(resource)) === true);
  };

  const look = async (dev: string): Promise<Map<Key, Resource>> => {
    const state = await transport.read(dev);
    const found = new Map((state ? resourcesOf(state) : []).map((resource) => [kinds.key(resource), resource]));
    known.set(dev, found);
    return found;
  };

  const observe = async (seen: Scope): Promise<Resource[]> => {
    scope = seen;
    wanted.clear();
    for (const one of seen.named) {
      if (one.kind === 'wireguard-peer') wanted.set(kinds.key(one), one as WireguardPeer);
    }
    known.clear();
    given.load();
    ownDevices.clear();
    const resources: Resource[] = [];
    for (const { name = '', alias, info } of dumpLinks(socket)) {
      const own = isOwnAlias(alias, seen.ownership);
      if (!CARRIERS.has(info?.kind ?? '') || !(own || seen.wants(linkKey(name)))) continue;
      if (own) ownDevices.add(name);
      resources.push(...(await look(name)).values());
    }
    return resources;
  };

  const settled = (step: Step): void => {
    const subject = subjectOf(step);
    const { dev } = subject as WireguardPeer | WireguardDevice;
    const resources = known.get(dev) ?? new Map<Key, Resource>();
    known.set(dev, resources);
    if (step.action === 'delete') {
      resources.delete(step.key);
      wanted.delete(step.key);
      roamers.forget(step.key);
      given.note(step.key, undefined);
      return;
    }
    ownDevices.add(dev);
    resources.set(step.key, step.after);
    if (subject.kind === 'wireguard-peer') {
      const { endpoint } = step.after as WireguardPeer;
      wanted.set(step.key, step.after as WireguardPeer);
      if (step.action === 'create') roamers.made(step.key, endpoint);
      else if ('fields' in step && step.fields.includes('endpoint')) roamers.put(step.key, endpoint);
      given.note(step.key, endpoint);
    }
  };

  /** Who holds which prefix on a device, for telling that a peer takes one over. */
  const holders = (dev: string): ReadonlyMap<Prefix, string> => {
    const list = [...(known.get(dev)?.values() ?? [])].filter((one) => one.kind === 'wireguard-peer');
    return new Map((list as WireguardPeer[]).flatMap((one) => allowedIpsOf(one).map((ip) => [ip, one.publicKey])));
  };

  const performPeers = async (dev: string, steps: readonly Step[]): Promise<Outcome[]> => {
    const holder = holders(dev);
    const movesFrom = (allowedIps: readonly Prefix[], to: string) =>
      allowedIps.some((prefix) => holder.has(prefix) && holder.get(prefix) !== to);
    const changes = steps.map((step) => peerChanges(step, { secrets, movesFrom }));
    try {
      await transport.write(dev, { peers: changes.flat() });
      return steps.map((step) => ({ step, status: 'done' }));
    } catch {
      // One of them was refused, or the device is gone: each says for itself what the matter is.
      const outcomes: Outcome[] = [];
      for (const [i, step] of steps.entries()) outcomes.push(await attempt(step, () => changes[i] ?? []));
      return outcomes;
    }
  };

  const attempt = async (step: Step, changes: () => readonly PeerChange[]): Promise<Outcome> => {
    const subject = subjectOf(step) as WireguardPeer | WireguardDevice;
    try {
      const change = subject.kind === 'wireguard-device' ? deviceChange(step, secrets) : {};
      await transport.write(subject.dev, { ...change, peers: changes() });
      return { step, status: 'done' };
    } catch (cause) {
      const error = asFlanError(cause);
      if (step.action === 'delete' && error.code === 'E_LINK_MISSING') return { step, status: 'done' };
      return { step, status: error.code === 'E_RACE' ? 'raced' : 'failed', error };
    }
  };

  /** Whose device it was, its peers go when it becomes ours and nobody wants them. */
  const strangers = async (step: Step): Promise<PeerChange[]> => {
    if (step.action !== 'adopt') return [];
    const { dev } = step.after as WireguardDevice;
    const { peers = [] } = (await transport.read(dev)) ?? {};
    return peers
      .filter(({ publicKey }) => scope?.wants(wireguardPeerKey(dev, publicKey)) !== true)
      .map(({ publicKey }) => ({ publicKey, remove: true }));
  };

  const perform = async (steps: readonly Step[]): Promise<Outcome[]> => {
    const outcomes = new Map<Step, Outcome>();
    const peersOf = new Map<string, Step[]>();
    for (const step of steps) {
      const subject = subjectOf(step) as WireguardPeer | WireguardDevice;
      if (subject.kind === 'wireguard-peer') {
        const together = peersOf.get(subject.dev);
        if (together === undefined) peersOf.set(subject.dev, [step]);
        else together.push(step);
      } else {
        const gone = await strangers(step);
        outcomes.set(step, await attempt(step, () => gone));
      }
    }
    for (const [dev, some] of peersOf) {
      for (const outcome of await performPeers(dev, some)) outcomes.set(outcome.step, outcome);
    }
    hasChanged = true;
    return steps.flatMap((step) => {
      const outcome = outcomes.get(step);
      if (outcome?.status === 'done') settled(step);
      return outcome ?? [];
    });
  };

  /** Tells what differs from what was seen or made last. */
  const lookAgain = async (tell: (notice: Notice) => void): Promise<void> => {
    for (const [dev, before] of [...known]) {
      const now = await look(dev);
      for (const key of before.keys()) if (!now.has(key)) tell({ type: 'gone', key });
      for (const [key, resource] of now) {
        if (!sameValue(before.get(key), resource)) tell({ type: 'seen', key, resource });
      }
    }
    given.save();
  };

  return {
    name: 'wireguard',
    kinds: ['wireguard-device', 'wireguard-peer'],
    observe: (seen) => inTurn(async () => ({ resources: await observe(seen), foreign: {} })),
    perform: (steps) => inTurn(() => perform(steps)),
    follow: async (seen, tell, signal) => {
      scope ??= seen;
      followKey?.((why) => tell({ type: 'host', why }), signal);
      let timer: NodeJS.Timeout | undefined;
      const lookLater = (delayMs: number): void => {
        timer = setTimeout(() => void lookNow(), delayMs).unref();
      };
      const lookNow = async (): Promise<void> => {
        let tookMs = 0;
        try {
          await inTurn(async () => {
            const startedMs = performance.now();
            await lookAgain(tell);
            tookMs = performance.now() - startedMs;
          });
        } catch (cause) {
          tell({ type: 'doubt', why: asFlanError(cause).message });
        }
        const { least, most } = LOOK_INTERVAL_MS;
        if (!signal.aborted) lookLater(Math.min(most, Math.max(least, tookMs * COST_FACTOR)));
      };
      signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
      lookLater(LOOK_INTERVAL_MS.least);
    },
    close: () => {
      // Whoever only looked writes nothing.
      if (hasChanged) given.save();
      transport.close();
    },
  };
}

/** IFLA_INFO_KIND of what may be a WireGuard device: the kernel's own, and the TUN device of one in user space. */
const CARRIERS: ReadonlySet<string> = new Set(['wireguard', 'tun']);
