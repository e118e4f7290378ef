import { closeSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Scope } from '../../src/drivers/driver.js';
import { tunnelDriver } from '../../src/drivers/tunnel.js';
import { TUNNEL_DEVICE, type TunnelDevice, tunnelDeviceKey } from '../../src/kinds/tunnel-device.js';
import { type TunnelPeer, tunnelPeerKey } from '../../src/kinds/tunnel-peer.js';
import { parseAddress, parsePrefix } from '../../src/model/ip.js';
import { CommandSocket } from '../../src/netlink/command.js';
import type { Resource } from '../../src/planner/kind.js';
import type { Step } from '../../src/planner/plan.js';
import { openUdpSocket } from '../../src/sys/udp-socket.js';
import { type KernelContext, kernelTest } from '../support/kernel.js';

const signal = new AbortController().signal;
const LOOPBACK = parseAddress('127.0.0.1');
const deviceAt = (port: number): TunnelDevice => ({
  ...{ kind: 'tunnel-device', name: TUNNEL_DEVICE, state: 'running', addresses: [LOOPBACK], queues: 1, port },
  alias: 'flan 10.244.0.0/16',
});
const peerOf = (subnet: string): TunnelPeer => ({
  ...{ kind: 'tunnel-peer', dev: TUNNEL_DEVICE, subnet: parsePrefix(subnet) },
  ...{ endpoint: parseAddress('127.0.0.2'), port: 8285 },
});
const deviceStep = (port: number): Step => ({
  ...{ action: 'create', key: tunnelDeviceKey(TUNNEL_DEVICE), after: deviceAt(port), needs: [], reason: 'test' },
});
const peerStep = (action: 'create' | 'delete', subnet: string): Step => {
  const common = { key: tunnelPeerKey(peerOf(subnet)), needs: [], reason: 'test' };
  return action === 'create'
    ? { ...common, action, after: peerOf(subnet) }
    : { ...common, action, before: peerOf(subnet) };
};
const SCOPE: Scope = {
  ...{ ownership: { protocol: 70, networks: ['10.244.0.0/16'] }, families: [4], tables: [254] },
  ...{ wants: () => true, named: [] },
};

async function driverIn({ netns, onEnd }: KernelContext) {
  await netns.sh('ip link set lo up');
  const runtimeDir = mkdtempSync(join(tmpdir(), 'flan-tunnel-'));
  onEnd(() => rmSync(runtimeDir, { recursive: true }));
  const socket = CommandSocket.open({ netns: netns.path });
  onEnd(() => socket.close());
  const driver = tunnelDriver({ socket, netns: netns.path, runtimeDir, role: 'carrier' });
  onEnd(() => driver.close());
  const statuses = async (...steps: Step[]) => (await driver.perform(steps, signal)).map(({ status }) => status);
  const seen = async () =>
    (await driver.observe(SCOPE, signal)).resources as readonly (Resource & Partial<TunnelPeer>)[];
  return { statuses, seen };
}

kernelTest('keeps the peers of a tunnel that cannot be started again at once', { needs: ['tun'] }, async (context) => {
  const { statuses, seen } = await driverIn(context);
  expect(await statuses(deviceStep(8285))).toEqual(['done']);
  const subnets = ['10.244.2.0/24', '10.244.3.0/24'];
  expect(await statuses(...subnets.map((subnet) => peerStep('create', subnet)))).toEqual(['done', 'done']);
  const { fd } = openUdpSocket({ address: LOOPBACK, port: 9000, netns: context.netns.path, shared: 'no' });
  expect(await statuses(deviceStep(9000))).toEqual(['failed']);
  // Nobody carries packets now, and nobody is told otherwise.
  expect(await seen()).toMatchObject([{ kind: 'tunnel-device', state: 'idle' }]);
  expect(await statuses(peerStep('delete', '10.244.3.0/24'))).toEqual(['done']);
  closeSync(fd);
  expect(await statuses(deviceStep(9000))).toEqual(['done']);
  expect(await seen()).toMatchObject([
    { kind: 'tunnel-device', state: 'running', port: 9000 },
    { kind: 'tunnel-peer', subnet: '10.244.2.0/24' },
  ]);
});
