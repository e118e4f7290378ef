import { readdirSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { isInstalled } from '../../src/drivers/run-tool.js';
import { flan } from '../support/cli.js';
import { labTest } from '../support/lab.js';
import { flagsOf, putLeases, removeDevices, wg, wireguardNetwork } from './overlay.js';

const options = { nodes: 2, network: wireguardNetwork('4'), needs: ['tun'] as const, timeoutMs: 120_000 };

describe.runIf(isInstalled('wireguard-go', {}))('flan destroy with backend wireguard', () => {
  labTest('leaves neither device nor what peers were given', options, async (lab) => {
    for (const node of lab.nodes) lab.onEnd(() => removeDevices(node));
    putLeases(lab, '4');
    const [a, b] = [lab.node(0), lab.node(1)];
    for (const node of [b, a]) expect(await flan(['apply', '--yes', ...flagsOf(node)])).toMatchObject({ code: 0 });
    const given = () => readdirSync(a.runtimeDir).filter((name) => name.includes('wireguard-endpoints'));
    expect((await wg(a, 'show flannel-wg endpoints')).trim()).toMatch(/\t192\.168\.10\.2:51820$/);
    expect(given()).toHaveLength(1);
    expect(await flan(['destroy', '--yes', ...flagsOf(a)])).toMatchObject({ code: 0 });
    expect(await a.netns.ip('link show')).not.toContain('flannel-wg');
    expect(given()).toEqual([]);
  });
});
