import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { isInstalled } from '../../src/drivers/run-tool.js';
import { wireguardKeyOf } from '../../src/host/wireguard-key.js';
import { flan } from '../support/cli.js';
import { type Lab, type LabNode, labTest } from '../support/lab.js';
import { flagsOf, keyFileOf, putLeases, removeDevices, wg, wireguardNetwork } from '../wireguard/overlay.js';
import { lastOf, untilState } from './support.js';

const PSK = randomBytes(32).toString('base64');
const options = { network: wireguardNetwork('4', { PSK }), needs: ['tun', 'wg'], timeoutMs: 90_000 } as const;
const run = (node: LabNode, ...words: readonly string[]) => flan([...words, ...flagsOf(node)]);

/** As people write a lease, with a key of its own. */
function putPeer(lab: Lab, n: number): void {
  lab.put(`peer-${n}.yaml`, {
    ...{ node: `peer-${n}`, subnet: `10.244.${n}.0/24`, publicIP: `192.168.10.${n}`, backendType: 'wireguard' },
    backendData: { PublicKey: KEYS[n] },
  });
}

const KEYS = Array.from({ length: 5 }, () => wireguardKeyOf(randomBytes(32)).publicKey);

const peersOf = async (node: LabNode): Promise<string> =>
  ['preshared-keys', 'endpoints', 'allowed-ips']
    .map((what) => wg(node, `show flannel-wg ${what}`))
    .reduce(async (all, some) => `${await all}${(await some).split('\n').sort().join('\n')}\n`, Promise.resolve(''));

describe.runIf(isInstalled('wireguard-go', {}))('apply --confirm with backend wireguard', () => {
  labTest('puts a peer back with its preshared key, which no file has held', options, async (lab) => {
    const node = lab.node();
    lab.onEnd(() => removeDevices(node));
    putLeases(lab, '4');
    putPeer(lab, 2);
    putPeer(lab, 3);
    const applied = await run(node, 'apply', '--yes');
    expect(applied, applied.stderr).toMatchObject({ code: 0 });
    const before = await peersOf(node);
    expect(before).toContain(PSK);
    for (const how of ['the timer', 'flan rollback'] as const) {
      lab.remove('peer-3.yaml');
      putPeer(lab, 4);
      const changed = await run(node, 'apply', '--yes', '--confirm', how === 'the timer' ? '3s' : '10m');
      expect(changed, changed.stderr).toMatchObject({ code: 0 });
      expect(await peersOf(node)).not.toBe(before);
      if (how === 'flan rollback') {
        const undone = await run(node, 'rollback', '--yes');
        expect(undone, undone.stdout + undone.stderr).toMatchObject({ code: 0 });
      }
      await untilState(node, 'rolled-back');
      expect(await peersOf(node), how).toBe(before);
      const secret = readFileSync(keyFileOf(node), 'utf8').trim();
      const folder = `${node.runtimeDir}/checkpoints ${node.runtimeDir}/holds`;
      expect(await lab.wire.sh(`grep -rlF -e '${PSK}' -e '${secret}' ${folder} || true`)).toBe('');
      expect(lastOf(node).withheld).toEqual(['PSK']);
      // The leases ask for what is there again.
      lab.remove('peer-4.yaml');
      putPeer(lab, 3);
    }
  });
});
