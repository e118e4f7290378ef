import { describe, expect } from 'vitest';
import { labTest } from '../support/lab.js';
import {
  becomes,
  DEVICE,
  each,
  type Family,
  GATEWAY,
  overlayState,
  putLeases,
  SUBNET,
  UNDERLAY,
  VTEP,
  vxlanNetwork,
} from './overlay.js';

const FAMILIES = '46';

/** What somebody does on node a, whose peers are b and c. */
const DISTURBANCES: Readonly<Record<string, (family: Family) => string>> = {
  'device deleted': (f) => `ip link del ${DEVICE[f]}`,
  'device down': (f) => `ip link set ${DEVICE[f]} down`,
  'device renamed': (f) => `ip link set ${DEVICE[f]} name other`,
  'MAC changed': (f) => `ip link set ${DEVICE[f]} address 02:00:00:00:00:99`,
  'MTU changed': (f) => `ip link set ${DEVICE[f]} mtu 1300`,
  'local address changed': (f) => `ip link set ${DEVICE[f]} type vxlan local ${UNDERLAY[f](77)}`,
  'learning switched on': (f) => `ip link set ${DEVICE[f]} type vxlan learning`,
  'address removed': (f) => `ip -${f} addr flush dev ${DEVICE[f]} scope global`,
  'foreign address inside the network added': (f) =>
    `ip addr add ${f === '4' ? '10.244.7.7/32' : 'fd00:10:244:7::7/128'} dev ${DEVICE[f]}`,
  'neighbour removed': (f) => `ip neigh del ${VTEP[f](2)} dev ${DEVICE[f]}`,
  'neighbour changed': (f) => `ip neigh replace ${VTEP[f](2)} lladdr 02:00:00:00:00:42 dev ${DEVICE[f]} nud permanent`,
  'neighbour no longer permanent': (f) =>
    `ip neigh replace ${VTEP[f](2)} lladdr 02:00:00:00:00:42 dev ${DEVICE[f]} nud reachable`,
  'FDB entry removed': (f) =>
    `bridge fdb show dev ${DEVICE[f]} | awk '/dst ${UNDERLAY[f](2)} /{print $1}' | xargs -I{} bridge fdb del {} dev ${DEVICE[f]}`,
  'FDB entry led elsewhere': (f) =>
    `bridge fdb show dev ${DEVICE[f]} | awk '/dst ${UNDERLAY[f](2)} /{print $1}' | xargs -I{} bridge fdb replace {} dev ${DEVICE[f]} dst ${UNDERLAY[f](88)}`,
  'all FDB entries removed': (f) =>
    `bridge fdb show dev ${DEVICE[f]} | while read mac rest; do bridge fdb del $mac dev ${DEVICE[f]}; done`,
  'route removed': (f) => `ip route del ${SUBNET[f](2)}`,
  'route led elsewhere': (f) => `ip route replace ${SUBNET[f](2)} dev eth0`,
  'own routes and neighbours flushed': (f) =>
    `ip -${f} route flush proto 70; ip -${f} neigh flush dev ${DEVICE[f]} nud permanent`,
  'alias taken away': (f) => `ip link set ${DEVICE[f]} alias ''`,
  'another device under our name': (f) =>
    `ip link del ${DEVICE[f]}; ip link add ${DEVICE[f]} type bridge; ip link set ${DEVICE[f]} alias 'flan 10.244.0.0/16 fd00:10:244::/48'`,
  'another VNI under our name': (f) =>
    `ip link del ${DEVICE[f]}; ip link add ${DEVICE[f]} type vxlan id 9 dstport 8472 local ${UNDERLAY[f](1)} dev eth0; ip link set ${DEVICE[f]} up alias 'flan 10.244.0.0/16 fd00:10:244::/48'`,
  'checksum offload switched on': (f) => `ethtool -K ${DEVICE[f]} tx on`,
  'underlay down and up': () =>
    `ip link set eth0 down; ip link set eth0 up; ip -6 addr replace ${UNDERLAY['6'](1)}/64 dev eth0 nodad`,
};

describe('vxlan in watch', () => {
  labTest(
    'heals whatever is done to its objects',
    {
      nodes: 3,
      families: FAMILIES,
      network: vxlanNetwork(FAMILIES, { DisableTxChecksumOffload: true }),
      needs: ['vxlan'],
      timeoutMs: 120_000,
    },
    async (lab) => {
      putLeases(lab, FAMILIES);
      const [a, b, c] = [lab.node(0), lab.node(1), lab.node(2)];
      const daemon = await a.watch();
      for (const peer of [b, c]) expect(await peer.flan(['apply', '--yes'])).toMatchObject({ code: 0, stderr: '' });
      await Promise.all([a, b, c].map((node) => node.addPods()));
      const look = () => overlayState(a, FAMILIES);
      await becomes(async () => (await look()).match(/ lladdr /g)?.length, 4);
      const before = await look();
      expect(before.match(/tx-checksum-ip-generic: off/g)).toHaveLength(2);
      for (const [what, command] of Object.entries(DISTURBANCES)) {
        for (const family of each(FAMILIES)) {
          // Steps of one disturbance that a healer would get between are done while it sleeps.
          if (command(family).includes('; ')) daemon.signal('SIGSTOP');
          await a.netns.sh(command(family));
          daemon.signal('SIGCONT');
          await becomes(look, before).catch((error: unknown) => {
            throw new Error(
              `${what} (IPv${family}): ${String(error)}\n${JSON.stringify(daemon.events.slice(-8), undefined, 1)}`,
            );
          });
          const answer = await a.ping(GATEWAY[family](2), GATEWAY[family](1));
          expect(`${what} (IPv${family}): ${answer}`).toBe(`${what} (IPv${family}): answer`);
        }
      }
      expect(await daemon.stop()).toMatchObject({ code: 0 });
    },
  );
});
