import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect } from 'vitest';
import { isInstalled } from '../../src/drivers/run-tool.js';
import { flan, startFlan } from '../support/cli.js';
import { type LabNode, labTest } from '../support/lab.js';
import { startDaemon } from '../support/lab-daemon.js';
import { flagsOf, keyFileOf, putLeases, removeDevices, wg, wireguardNetwork } from './overlay.js';

const needs = ['tun'] as const;
const options = { nodes: 1, network: wireguardNetwork('4'), needs, timeoutMs: 120_000 };
const run = (node: LabNode, ...words: readonly string[]) => flan([...words, ...flagsOf(node)]);
const published = (text: string): string | undefined => /PublicKey"?: "?([A-Za-z0-9+/=]{44})/.exec(text)?.[1];
const inUse = async (node: LabNode): Promise<string> => (await wg(node, 'show flannel-wg public-key')).trim();

describe.runIf(isInstalled('wireguard-go', {}))('flan wireguard rotate-key', () => {
  labTest('changes file, device and lease, and tells public keys only', options, async (lab) => {
    const node = lab.node();
    lab.onEnd(() => removeDevices(node));
    putLeases(lab, '4');
    // Planning makes no key.
    const plan = await run(node, 'plan');
    expect(plan.stdout).toContain('(known after apply)');
    expect(() => readFileSync(keyFileOf(node))).toThrow(/ENOENT/);
    expect(await run(node, 'apply', '--yes')).toMatchObject({ code: 0 });
    const [before, secret] = [await inUse(node), readFileSync(keyFileOf(node), 'utf8')];
    const lease = () => readFileSync(`${lab.leases}/node-a.yaml`, 'utf8');
    expect(published(lease())).toBe(before);
    const rotated = await run(node, 'wireguard', 'rotate-key', '--json');
    expect(rotated).toMatchObject({ code: 0, stderr: '' });
    const now = await inUse(node);
    expect(now).not.toBe(before);
    expect(JSON.parse(rotated.stdout)).toMatchObject({ kind: 'flan.rotate-key', before, now, devices: ['flannel-wg'] });
    expect(published(lease())).toBe(now);
    const newSecret = readFileSync(keyFileOf(node), 'utf8');
    for (const told of [
      plan,
      rotated,
      await run(node, 'show', 'observed'),
      await run(node, 'show', 'desired', '--json'),
    ]) {
      expect(`${told.stdout}${told.stderr}`).not.toContain(secret);
      expect(`${told.stdout}${told.stderr}`).not.toContain(newSecret);
    }
    expect(await run(node, 'plan', '--detailed-exitcode')).toMatchObject({ code: 0 });
  });

  labTest('leaves the work to the daemon that serves the host', options, async (lab) => {
    const node = lab.node();
    lab.onEnd(() => removeDevices(node));
    putLeases(lab, '4');
    const daemon = startDaemon(startFlan(['watch', '--json', ...flagsOf(node)]));
    lab.onEnd(() => daemon.kill());
    await daemon.until('ready');
    const before = await inUse(node);
    const rotated = await run(node, 'wireguard', 'rotate-key');
    expect(rotated).toMatchObject({ code: 0, stderr: '' });
    const now = await inUse(node);
    expect(rotated.stdout).toBe(`public key ${before} → ${now}\n`);
    await daemon.until('lease', ({ lease }) => JSON.stringify(lease.ipv4?.backendData).includes(now));
    // A key that vanishes is made anew.
    const mark = daemon.mark();
    await node.netns.sh(`rm ${keyFileOf(node)}`);
    await daemon.until(
      'applied',
      ({ changes }) => changes.some(({ key }) => key === 'wireguard-device/flannel-wg'),
      mark,
    );
    expect(await inUse(node)).not.toBe(now);
    expect(JSON.stringify(daemon.events)).not.toContain(readFileSync(keyFileOf(node), 'utf8'));
  });

  labTest('puts the old key back when the new one cannot be published', options, async (lab) => {
    const node = lab.node();
    lab.onEnd(() => removeDevices(node));
    putLeases(lab, '4');
    expect(await run(node, 'apply', '--yes')).toMatchObject({ code: 0 });
    const before = [await inUse(node), readFileSync(keyFileOf(node), 'utf8')];
    mkdirSync(dirname(keyFileOf(node)), { recursive: true });
    // Root writes wherever the mode forbids it, so the folder itself is made read-only.
    await node.netns.sh(`chattr +i ${lab.leases} 2>/dev/null || mount --bind -o ro ${lab.leases} ${lab.leases}`);
    lab.onEnd(() => node.netns.sh(`chattr -i ${lab.leases} 2>/dev/null; umount ${lab.leases} 2>/dev/null || true`));
    const rotated = await run(node, 'wireguard', 'rotate-key');
    expect(rotated.code).not.toBe(0);
    expect([await inUse(node), readFileSync(keyFileOf(node), 'utf8')]).toEqual(before);
  });

  labTest(
    'is refused where there is no such key',
    { needs: [], network: { Network: '10.244.0.0/16', Backend: { Type: 'host-gw' } } },
    async (lab) => {
      const refused = await run(lab.node(), 'wireguard', 'rotate-key');
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toContain('E_UNSUPPORTED');
    },
  );
});
