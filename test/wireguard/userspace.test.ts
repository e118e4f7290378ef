import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isInstalled } from '../../src/drivers/run-tool.js';
import { labTest } from '../support/lab.js';
import { signalProcess } from '../support/signal.js';
import {
  becomes,
  GATEWAY,
  overlayState,
  putLeases,
  removeDevices,
  startNode,
  wg,
  wireguardNetwork,
} from './overlay.js';
import { wireguardScenarios } from './scenarios.js';

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    // It ended meanwhile.
    return '';
  }
}

// On a kernel without WireGuard these go by wireguard-go, and need no VM.
const missing = ['wireguard-go', 'wg'].filter((program) => !isInstalled(program, {}));

if (missing.length === 0) {
  wireguardScenarios({ needs: ['tun'], healing: ['4', '6', '46'] });
  const options = { nodes: 2, network: wireguardNetwork('4'), needs: ['tun'] as const, timeoutMs: 60_000 };
  labTest('a wireguard-go that was killed is started again, with its peers', options, async (lab) => {
    for (const node of lab.nodes) lab.onEnd(() => removeDevices(node));
    putLeases(lab, '4');
    const [a, b] = [lab.node(0), lab.node(1)];
    for (const node of lab.nodes) await startNode(lab, node);
    for (const node of lab.nodes) await node.addPods();
    const state = () => overlayState(a, '4');
    await becomes(() => a.ping(GATEWAY['4'](2), GATEWAY['4'](1)), 'answer');
    const before = await state();
    const key = (await wg(b, 'show flannel-wg public-key')).trim();
    expect(before).toContain(key);
    const serving = async () =>
      (await a.netns.sh('ip netns pids $(ip netns identify)'))
        .split('\n')
        .filter((pid) => pid !== '' && commandOf(pid) === 'wireguard-go')
        .join();
    const killed = await serving();
    expect(killed).toMatch(/^\d+$/);
    signalProcess(killed, 'SIGKILL');
    const isBack = async () =>
      /^\d+$/.test(await serving()) && (await serving()) !== killed && (await state()) === before;
    await becomes(isBack, true);
    await becomes(() => a.ping(GATEWAY['4'](2), GATEWAY['4'](1)), 'answer');
  });
} else {
  test('wireguard', ({ skip }) => {
    if (process.env.FLAN_REQUIRE_KERNEL === '1') expect(missing).toEqual([]);
    process.stderr.write(`SKIPPED wireguard: ${missing.join(' and ')} not installed\n`);
    skip(`${missing.join(' and ')} not installed`);
  });
}
