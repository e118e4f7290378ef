import { readFileSync, statSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { systemClock } from '../../src/reconcile/clock.js';
import type { WatchEvent } from '../../src/reconcile/events.js';
import { applyOnce } from '../../src/reconcile/once.js';
import { preview } from '../../src/reconcile/preview.js';
import { handOverKey } from '../../src/reconcile/rotate-key.js';
import type { Need } from '../support/kernel.js';
import { type Lab, type LabFamilies, type LabNode, type LabOptions, labTest, required } from '../support/lab.js';
import { joinByVeth } from '../support/netns.js';
import { DISTURBANCES } from './disturbances.js';
import {
  becomes,
  DEVICE,
  each,
  GATEWAY,
  keyFileOf,
  openNode,
  overlayState,
  putLeases,
  removeDevices,
  startNode,
  transportOf,
  UNDERLAY,
  wg,
  wireguardNetwork,
} from './overlay.js';

const PSK = 'zBAHm1k3kXk3vJ8BvTgk3rB8Zqg2rHxX8iV6pDqB1lQ=';
const KEEPALIVE = { PersistentKeepaliveInterval: 1 };
const signal = new AbortController().signal;

interface Options extends LabOptions {
  readonly needs?: readonly Need[];
  readonly backend?: object;
}

export interface Scenarios {
  readonly needs: readonly Need[];
  /** The families to see healing in. */
  readonly healing: readonly LabFamilies[];
}

/** What backend wireguard promises, on whatever WireGuard this kernel has. */
export function wireguardScenarios({ needs, healing }: Scenarios): void {
  const scenario = (name: string, options: Options, action: (lab: Lab) => Promise<void>): void => {
    const { families = '4', backend = {}, nodes = 3 } = options;
    const network = wireguardNetwork(families, backend);
    const all = [...needs, ...(options.needs ?? [])];
    labTest(name, { nodes, families, network, needs: all, timeoutMs: 300_000 }, async (lab) => {
      for (const node of lab.nodes) lab.onEnd(() => removeDevices(node));
      putLeases(lab, families);
      await action(lab);
    });
  };

  describe('wireguard', () => {
    scenario(
      'joins nodes in both families, and wg(8) reads back what flan believes',
      { families: '46', backend: { PSK, ...KEEPALIVE } },
      async (lab) => {
        const [a, b, c] = await overlay(lab, '46');
        for (const family of each('46')) {
          for (const n of [2, 3]) expect(await ping(a, GATEWAY[family](n), GATEWAY[family](1))).toBe(0);
          expect(await ping(b, GATEWAY[family](3), GATEWAY[family](2))).toBe(0);
          // Fragments of large packets, each way.
          const big = `ping -n -q -c 20 -i 0.05 -s 8000 -I ${GATEWAY[family](1)} ${GATEWAY[family](2)}`;
          expect(await a.netns.sh(big)).toMatch(/ 0% packet loss/);
        }
        const session = await openNode(a);
        try {
          const { document } = await preview({ session, adopt: 'no', signal });
          expect(document.plan.steps).toEqual([]);
          const tunnels = (await session.tunnels?.()) ?? [];
          expect(tunnels).toHaveLength(4);
          const [key, keyC] = [
            publicKeyOf(await wg(b, 'show flannel-wg')),
            publicKeyOf(await wg(c, 'show flannel-wg')),
          ];
          const toB = tunnels.filter(({ publicKey }) => publicKey === key);
          for (const tunnel of toB) expect(tunnel.sentBytes).toBeGreaterThan(160_000);
          for (const tunnel of tunnels) expect(tunnel.lastHandshakeMs).toBeGreaterThan(0);
          const shown = await wg(a, 'show flannel-wg dump');
          const lines = shown
            .trim()
            .split('\n')
            .map((line) => line.split('\t'));
          const [own, ...peers] = lines;
          expect(own?.slice(1)).toEqual([session.publicKey?.(), '51820', 'off']);
          const believed = [
            [key, PSK, `${UNDERLAY['4'](2)}:51820`, '10.244.2.0/24', '1'],
            [keyC, PSK, `${UNDERLAY['4'](3)}:51820`, '10.244.3.0/24', '1'],
          ].sort();
          expect(peers.map((peer) => [...peer.slice(0, 4), peer[7]]).sort()).toEqual(believed);
          // The secret is where it belongs, and nowhere else.
          const secret = readFileSync(keyFileOf(a), 'utf8');
          expect(own?.[0]).toBe(secret);
          expect(statSync(keyFileOf(a)).mode & 0o777).toBe(0o600);
          expect(JSON.stringify(document)).not.toContain(secret);
          expect(JSON.stringify(document)).not.toContain(PSK);
          expect(readFileSync(`${lab.leases}/node-a.yaml`, 'utf8')).not.toContain(secret);
        } finally {
          await session.close();
        }
      },
    );

    for (const families of healing) {
      scenario(`heals whatever is done to its objects (${families})`, { families, backend: { PSK } }, async (lab) => {
        const [a, b] = await overlay(lab, families);
        const look = () => overlayState(a, families);
        const before = await look();
        expect(before.match(/51820|51821/g)?.length).toBe(3 * families.length);
        const keys = new Map(
          await Promise.all(
            each(families).map(async (f) => [f, publicKeyOf(await wg(b, `show ${DEVICE[f]}`))] as const),
          ),
        );
        for (const [what, command] of Object.entries(DISTURBANCES)) {
          for (const family of each(families)) {
            const { shell, words } = command({ dev: DEVICE[family], family, peer: required(keys.get(family), 'key') });
            if (words !== undefined) await wg(a, words);
            if (shell !== undefined) await a.netns.sh(shell);
          }
          await becomes(look, before).catch((error: unknown) => {
            throw new Error(`${what}: ${String(error)}`);
          });
        }
        for (const family of each(families)) expect(await ping(a, GATEWAY[family](2), GATEWAY[family](1))).toBe(0);
      });
    }

    scenario('a changed key goes round without waiting for a second handshake', {}, async (lab) => {
      const [a, b] = await overlay(lab, '4');
      const before = publicKeyOf(await wg(b, 'show flannel-wg'));
      expect(await ping(a, GATEWAY['4'](2), GATEWAY['4'](1))).toBe(0);
      const flow = pingAlong(a, { target: GATEWAY['4'](2), source: GATEWAY['4'](1), count: 80 });
      const session = await openNode(b);
      try {
        const rotation = await handOverKey({ session, path: keyFileOf(b), signal, clock: systemClock });
        expect(rotation).toMatchObject({ before, devices: ['flannel-wg'] });
        expect(rotation.now).not.toBe(before);
        await becomes(async () => (await wg(a, 'show flannel-wg peers')).includes(rotation.now), true);
        await becomes(async () => (await wg(a, 'show flannel-wg peers')).includes(before), false);
      } finally {
        await session.close();
      }
      // A handshake that is lost is tried again after 5 s, which would cost 50 of these.
      expect(await flow).toBeLessThan(50);
      expect(await ping(b, GATEWAY['4'](1), GATEWAY['4'](2))).toBe(0);
    });

    scenario('a renumbered node is found at its new address', {}, async (lab) => {
      const [a, b] = await overlay(lab, '4');
      await b.netns.sh('ip addr del 192.168.10.2/24 dev eth0; ip addr add 192.168.10.22/24 dev eth0');
      await b.netns.sh('ip route replace default via 192.168.10.254');
      await becomes(async () => (await wg(a, 'show flannel-wg endpoints')).includes('192.168.10.22:51820'), true);
      expect(await ping(a, GATEWAY['4'](2), GATEWAY['4'](1))).toBe(0);
    });

    scenario('a restart of one side is not noticed', {}, async (lab) => {
      const [a, b] = lab.nodes as [LabNode, LabNode];
      await overlay(lab, '4', 1);
      const running = await startNode(lab, b);
      await lab.node(1).addPods();
      expect(await ping(a, GATEWAY['4'](2), GATEWAY['4'](1))).toBe(0);
      const flow = pingAlong(a, { target: GATEWAY['4'](2), source: GATEWAY['4'](1), count: 40 });
      await running.stop();
      const again = await startNode(lab, b);
      expect(await flow).toBe(0);
      expect(again.events.filter(({ type }) => type === 'applied')).toEqual([]);
    });

    scenario('peers come and go with their leases', {}, async (lab) => {
      const [a, , c] = await overlay(lab, '4');
      const key = publicKeyOf(await wg(c, 'show flannel-wg'));
      expect(await wg(a, 'show flannel-wg peers')).toContain(key);
      await lastOf(running).stop();
      lab.remove('node-c.yaml');
      await becomes(async () => (await wg(a, 'show flannel-wg peers')).includes(key), false);
    });

    scenario('a peer behind NAT is left where its packets come from', { nodes: 2, backend: KEEPALIVE }, async (lab) => {
      const [a, b] = lab.nodes as [LabNode, LabNode];
      const first = await startNode(lab, a);
      await startNode(lab, b, ['--public-ip', '192.168.10.99']);
      for (const node of lab.nodes) await node.addPods();
      const endpoint = async () => (await wg(a, 'show flannel-wg endpoints')).split(/\s+/)[1];
      await becomes(endpoint, '192.168.10.2:51820');
      const inSeconds = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
      // Through several looks.
      await inSeconds(6);
      const changes = (events: readonly WatchEvent[]) => events.flatMap((e) => (e.type === 'applied' ? e.changes : []));
      expect(changes(first.events).filter(({ key, action }) => key.includes('peer') && action !== 'create')).toEqual(
        [],
      );
      expect(await endpoint()).toBe('192.168.10.2:51820');
      // The next flan has seen no packet of it, and looks at everything anew.
      await first.stop();
      const next = await startNode(lab, a);
      await inSeconds(3);
      expect(changes(next.events)).toEqual([]);
      expect(await endpoint()).toBe('192.168.10.2:51820');
      expect(await ping(a, GATEWAY['4'](2), GATEWAY['4'](1))).toBe(0);
    });

    scenario(
      'nodes behind one public address are told apart by their ports',
      { backend: KEEPALIVE, needs: ['nft'] },
      async (lab) => {
        const [a, ...inside] = lab.nodes as [LabNode, LabNode, LabNode];
        await putBehindNat(lab, inside);
        await startNode(lab, a);
        for (const node of inside) await startNode(lab, node, ['--public-ip', SHARED]);
        for (const node of lab.nodes) await node.addPods();
        const endpoints = async () =>
          (await wg(a, 'show flannel-wg endpoints')).trim().split(/\s+/).filter(isOdd).sort();
        const ofNat = async () => (await endpoints()).map((text) => text.split(':')[0] === SHARED).join();
        // The lease has the same for both: one of them has to be somewhere else.
        await becomes(async () => `${await ofNat()} ${new Set(await endpoints()).size}`, 'true,true 2');
        await becomes(() => ping(a, GATEWAY['4'](2), GATEWAY['4'](1)), 0);
        await becomes(() => ping(a, GATEWAY['4'](3), GATEWAY['4'](1)), 0);
        const session = await openNode(a);
        try {
          const { document } = await preview({ session, adopt: 'no', signal });
          expect(document.plan.steps).toEqual([]);
        } finally {
          await session.close();
        }
      },
    );

    for (const Mode of ['auto', 'ipv4', 'ipv6']) {
      const families: LabFamilies = '46';
      scenario(
        `mode ${Mode} carries both families in one device`,
        { nodes: 2, families, backend: { Mode } },
        async (lab) => {
          const [a] = await overlay(lab, families);
          for (const family of each(families)) expect(await ping(a, GATEWAY[family](2), GATEWAY[family](1))).toBe(0);
          const shown = await wg(a, 'show all endpoints');
          const outer = Mode === 'ipv6' ? `[${UNDERLAY['6'](2)}]:51820` : `${UNDERLAY['4'](2)}:51820`;
          expect(shown.trim().split('\n')).toHaveLength(1);
          expect(shown).toContain(`flannel-wg\t`);
          expect(shown).toContain(`\t${outer}`);
        },
      );
    }

    scenario('a device of somebody else is only taken over when asked to', { nodes: 1 }, async (lab) => {
      const node = lab.node();
      const session = await openNode(node);
      const foreign = `${'b'.repeat(42)}A=`;
      try {
        const all = { session, signal, approve: async () => 'yes' as const } as const;
        expect(await applyOnce({ ...all, adopt: 'no' })).toMatchObject({ left: [] });
        await node.netns.sh("ip link set flannel-wg alias ''");
        await wg(node, `set flannel-wg peer ${foreign} allowed-ips 10.244.9.0/24`);
        const refused = await applyOnce({ ...all, adopt: 'no' }).catch((error: { code?: string }) => error.code);
        expect(refused).toBe('E_CONFLICT');
        expect(await wg(node, 'show flannel-wg peers')).toContain(foreign);
        expect(await applyOnce({ ...all, adopt: 'yes' })).toMatchObject({ left: [] });
        expect((await wg(node, 'show flannel-wg peers')).trim()).toBe('');
      } finally {
        await session.close();
      }
    });
  });
}

const running: { stop(): Promise<void> }[] = [];
const lastOf = <T>(list: readonly T[]): T => required(list.at(-1), 'last one');

/** Starts the nodes of a lab, from the first on, gives them pods, and waits until each has all the others as peers. */
async function overlay(
  lab: Lab,
  families: LabFamilies,
  count = lab.nodes.length,
): Promise<[LabNode, LabNode, LabNode]> {
  const nodes = lab.nodes.slice(0, count);
  for (const node of nodes) running.push(await startNode(lab, node));
  for (const node of nodes) {
    const transport = transportOf(node);
    await becomes(
      async () => ((await transport.read('flannel-wg')) ?? (await transport.read('flannel-wg-v6')))?.peers.length,
      count - 1,
    );
    transport.close();
    await node.addPods();
  }
  void families;
  return lab.nodes as unknown as [LabNode, LabNode, LabNode];
}

const SHARED = '192.168.10.99';
const isOdd = (_: unknown, i: number): boolean => i % 2 === 1;

/** Moves nodes from the bridge to a network behind a router that masquerades. */
async function putBehindNat(lab: Lab, nodes: readonly LabNode[]): Promise<void> {
  const router = lab.makeNetns('nat');
  await joinByVeth({ netns: router, name: 'out', addresses: [`${SHARED}/24`] }, { netns: lab.wire, name: 'nat' });
  await lab.wire.ip('link set nat master br0');
  for (const [i, { netns }] of nodes.entries()) {
    const [inner, outer] = [`172.31.${i}.2`, `172.31.${i}.1`];
    await netns.ip('link del eth0');
    const end = { netns: router, name: `in${i}`, addresses: [`${outer}/24`] };
    await joinByVeth({ netns, name: 'eth0', addresses: [`${inner}/24`] }, end);
    await netns.ip(`route add default via ${outer}`);
  }
  await router.sh(
    'sysctl -qw net.ipv4.ip_forward=1; nft add table ip n; ' +
      "nft 'add chain ip n c { type nat hook postrouting priority 100; }; add rule ip n c oifname out masquerade'",
  );
}

const publicKeyOf = (shown: string): string => required(/public key: (\S+)/.exec(shown)?.[1], 'public key');

/** One packet, given time for a handshake that was lost. @returns ping's exit code */
const ping = (node: LabNode, target: string, source: string): Promise<number> =>
  node.netns.sh(`ping -n -q -c 1 -w 12 -I ${source} ${target}`).then(
    () => 0,
    () => 1,
  );

interface Flow {
  readonly target: string;
  readonly source: string;
  readonly count: number;
}

/** Ten packets per second. @returns how many had no answer */
async function pingAlong(node: LabNode, { target, source, count }: Flow): Promise<number> {
  const said = await node.netns.sh(`ping -n -q -c ${count} -i 0.1 -W 1 -I ${source} ${target} || true`);
  const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(said) ?? [];
  expect(Number(sent)).toBe(count);
  return Number(sent) - Number(received);
}
