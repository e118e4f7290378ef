import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { isInstalled } from '../../src/drivers/run-tool.js';
import { startFlan } from '../support/cli.js';
import { defaultNetwork, type Lab, type LabNode, labTest } from '../support/lab.js';
import { type Daemon, startDaemon } from '../support/lab-daemon.js';
import { becomes, flagsOf, GATEWAY, keyFileOf, putLeases, removeDevices, wg, wireguardNetwork } from './overlay.js';

const PSK = 'zBAHm1k3kXk3vJ8BvTgk3rB8Zqg2rHxX8iV6pDqB1lQ=';
const options = { nodes: 2, network: wireguardNetwork('4'), needs: ['tun'] as const, timeoutMs: 120_000 };

async function start(lab: Lab, node: LabNode): Promise<Daemon> {
  lab.onEnd(() => removeDevices(node));
  const daemon = startDaemon(startFlan(['watch', '--json', ...flagsOf(node)]));
  lab.onEnd(() => daemon.kill());
  await daemon.until('ready');
  await node.addPods();
  return daemon;
}

async function reload(daemon: Daemon): Promise<void> {
  const mark = daemon.mark();
  daemon.signal('SIGHUP');
  expect(await daemon.until('reload', () => true, mark)).toMatchObject({
    result: 'taken',
    changed: ['network config'],
  });
  await daemon.until('ready', () => true, mark);
}

const peersOf = async (node: LabNode): Promise<number> =>
  (await wg(node, 'show flannel-wg peers')).split('\n').filter(Boolean).length;
const indexOf = async (node: LabNode): Promise<string> =>
  (await node.netns.ip('link show flannel-wg')).split(':')[0] ?? '';
const ping = ([a]: readonly LabNode[]): Promise<string> => (a as LabNode).ping(GATEWAY['4'](2), GATEWAY['4'](1));

describe.runIf(isInstalled('wireguard-go', {}))('SIGHUP with backend wireguard', () => {
  labTest('changes options in the devices that are there, and tells no secret', options, async (lab) => {
    putLeases(lab, '4');
    const [a, b] = [lab.node(0), lab.node(1)];
    const daemons = [await start(lab, a), await start(lab, b)];
    for (const node of lab.nodes) await becomes(() => peersOf(node), 1);
    expect(await ping(lab.nodes)).toBe('answer');
    const [index, key] = [await indexOf(a), readFileSync(keyFileOf(a), 'utf8')];
    const backend = { PSK, ListenPort: 51900, PersistentKeepaliveInterval: 2 };
    lab.put('network.yaml', wireguardNetwork('4', backend));
    for (const daemon of daemons) await reload(daemon);
    const dump = async () => (await wg(a, 'show flannel-wg dump')).split('\n').map((line) => line.split('\t'));
    await becomes(
      async () => (await dump()).map((words) => `${words[2]} ${words[3]} ${words[7]}`)[1],
      '192.168.10.2:51900 10.244.2.0/24 2',
    );
    const [own, peer] = await dump();
    expect([own?.[0], own?.[2], peer?.[1]]).toEqual([key, '51900', PSK]);
    expect(await indexOf(a)).toBe(index);
    expect(readFileSync(`${lab.leases}/node-a.yaml`, 'utf8')).toMatch(/Port"?: ?51900/);
    await becomes(() => ping(lab.nodes), 'answer');
    for (const daemon of daemons) {
      const said = await daemon.stop();
      expect(said).toMatchObject({ code: 0, stderr: '' });
      for (const secret of [PSK, key, readFileSync(keyFileOf(b), 'utf8')]) expect(said.stdout).not.toContain(secret);
    }
  });

  labTest(
    'goes over to wireguard and back, and leaves no device',
    { ...options, network: defaultNetwork('4') },
    async (lab) => {
      putLeases(lab, '4');
      const daemons = [await start(lab, lab.node(0)), await start(lab, lab.node(1))];
      expect(await ping(lab.nodes)).toBe('answer');
      lab.put('network.yaml', wireguardNetwork('4'));
      for (const daemon of daemons) await reload(daemon);
      for (const node of lab.nodes) await becomes(() => peersOf(node), 1);
      await becomes(() => ping(lab.nodes), 'answer');
      expect(await lab.node().netns.ip('route get 10.244.2.1')).toContain('dev flannel-wg');
      lab.put('network.yaml', defaultNetwork('4'));
      for (const daemon of daemons) await reload(daemon);
      await becomes(() => ping(lab.nodes), 'answer');
      for (const node of lab.nodes) expect(await node.netns.ip('link show')).not.toContain('flannel-wg');
      expect(await lab.node().netns.ip('route get 10.244.2.1')).toContain('via 192.168.10.2');
    },
  );
});
