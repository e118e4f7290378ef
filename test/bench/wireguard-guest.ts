import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Drivers } from '../../src/drivers/drivers.js';
import { wireguardDriver } from '../../src/drivers/wireguard/driver.js';
import { givenEndpoints } from '../../src/drivers/wireguard/given-endpoints.js';
import { kernelWireguard } from '../../src/drivers/wireguard/kernel.js';
import { endpointText, wireguardPeer, wireguardPeerKind } from '../../src/kinds/wireguard-peer.js';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import { CommandSocket } from '../../src/netlink/command.js';
import type { Step } from '../../src/planner/plan.js';
import { apply } from '../../src/reconcile/apply.js';
import { inNetns } from '../../src/sys/netns.js';
import { makeNetns } from '../support/netns.js';
import { alternate, elapsedMs } from './stats.js';

// What test/bench/cases/wireguard.ts runs in a VM: prints the medians as one line of JSON.
const [count = 1000, rounds = 9] = process.argv.slice(2).map(Number);
const netns = makeNetns('bench');
const dir = mkdtempSync(join(tmpdir(), 'flan-bench-'));
const key = (): string => randomBytes(32).toString('base64');

const peers = Array.from({ length: count }, (_, i) => {
  const [high, low] = [i >> 8, i & 255];
  return {
    ...{ publicKey: key(), address: parseAddress(`192.168.${high}.${low}`) },
    subnet: parsePrefix(`10.${128 + high}.${low}.0/24`),
  };
});
const config = join(dir, 'wg.conf');
writeFileSync(
  config,
  ['[Interface]', 'ListenPort = 51820']
    .concat(
      peers.flatMap(({ publicKey, address, subnet }) => [
        ...['[Peer]', `PublicKey = ${publicKey}`, `AllowedIPs = ${subnet}`],
        ...[`Endpoint = ${address}:51820`, 'PersistentKeepalive = 0'],
      ]),
    )
    .join('\n'),
);
const stepsFor = (dev: string): Step[] =>
  peers.map(({ publicKey, address, subnet }) => {
    const about = { keepaliveSeconds: 0, presharedKey: 'none', onOwnLink: true };
    const endpoint = endpointText(address, 51820);
    const after = wireguardPeer({ dev, publicKey, endpoint, allowedIps: [subnet], ...about });
    return { action: 'create', key: wireguardPeerKind.key(after), after, needs: [], reason: 'bench' };
  });

const transport = kernelWireguard({ netns: netns.name });
if (transport === undefined) throw new Error('this kernel has no WireGuard');
const socket = CommandSocket.open({ netns: netns.name });
const given = givenEndpoints({ runtimeDir: dir, netns: netns.name });
const secrets = { key: () => undefined, presharedKey: undefined };
const drivers = new Drivers([wireguardDriver({ transport, socket, secrets, given })]);
const signal = new AbortController().signal;

let devices = 0;
/** A device of its own each time, which stays: to take a thousand peers away lasts longer than all the rest. */
const filled = async (work: (dev: string, steps: readonly Step[]) => unknown): Promise<number> => {
  const dev = `wg${devices++}`;
  execFileSync('ip', ['-n', netns.name, 'link', 'add', dev, 'type', 'wireguard']);
  const steps = stepsFor(dev);
  const tookMs = await elapsedMs(() => work(dev, steps));
  const { peers: found = [] } = (await transport.read(dev)) ?? {};
  const whole = found.filter(({ allowedIps, endpoint }) => allowedIps.length === 1 && endpoint).length;
  if (whole !== count) throw new Error(`${whole} of ${count} peers`);
  return tookMs;
};

const medians = await alternate(
  {
    flan: () =>
      filled(async (_, steps) => {
        for await (const outcomes of apply({ steps, drivers, signal })) {
          const failed = outcomes.find(({ status }) => status !== 'done');
          if (failed !== undefined && failed.status !== 'done') throw failed.error;
        }
      }),
    // A child is born in the namespace of the thread that makes it.
    setconf: () => filled((dev) => inNetns(netns.name, () => execFileSync('wg', ['setconf', dev, config]))),
  },
  rounds,
);
console.log(JSON.stringify(medians));
drivers.close();
socket.close();
rmSync(dir, { recursive: true, force: true });
netns.close();
