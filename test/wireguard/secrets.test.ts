import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { isInstalled } from '../../src/drivers/run-tool.js';
import { type Finished, flan, startFlan } from '../support/cli.js';
import { type LabNode, labTest } from '../support/lab.js';
import { startDaemon } from '../support/lab-daemon.js';
import { flagsOf, keyFileOf, putLeases, removeDevices, wg, wireguardNetwork } from './overlay.js';

const PSK = 'zBAHm1k3kXk3vJ8BvTgk3rB8Zqg2rHxX8iV6pDqB1lQ=';
const FORMATS = ['text', 'json', 'ndjson', 'yaml', 'markdown', 'github', 'ip', 'diff'];
/** All that look, in words without the settings. */
const LOOKS = [
  ...FORMATS.map((format) => `plan --verbose --show-foreign -o ${format}`),
  ...['desired', 'observed', 'leases', 'facts'].map((what) => `show ${what} --json`),
  ...['validate', 'config show', 'config show --json', 'lease list --json', 'lease show node-a --json'],
  ...['snapshot', 'status', 'status --json', 'doctor --json', 'history --json', 'explain 10.244.2.2'],
];

const run = (node: LabNode, words: string): Promise<Finished> => flan([...words.split(' '), ...flagsOf(node)]);

/** The ways in which a key may come to light. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret.trim(), 'base64');
  return [secret.trim(), bytes.toString('hex'), bytes.toString('base64url'), [...bytes].join(',')];
}

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

describe.runIf(isInstalled('wireguard-go', {}))('secrets of backend wireguard', () => {
  const network = wireguardNetwork('4', { PSK });
  const options = { nodes: 2, network, needs: ['tun'] as const, timeoutMs: 180_000 };

  labTest('are in no output and in no file but their own', options, async (lab) => {
    const [a, b] = [lab.node(0), lab.node(1)];
    for (const node of lab.nodes) lab.onEnd(() => removeDevices(node));
    putLeases(lab, '4');
    const said: (readonly [words: string, text: string])[] = [];
    const note = (words: string, { code, stdout, stderr }: Finished): void => {
      expect(`${words}: ${code} ${code === 64 ? stderr : ''}`).not.toContain(': 64');
      said.push([words, stdout + stderr]);
    };
    const daemon = startDaemon(startFlan(['watch', '--json', '--log-level', 'debug', ...flagsOf(b)]));
    lab.onEnd(() => daemon.kill());
    await daemon.until('ready');
    note('apply --confirm', await run(a, 'apply --yes --confirm 1h'));
    const checkpoints = await run(a, 'checkpoint ls --json');
    note('checkpoint ls', checkpoints);
    const [, id] = /"id": ?"([^"]+)"/.exec(checkpoints.stdout) ?? [];
    note('checkpoint show', await run(a, `checkpoint show ${id} --json`));
    note('confirm', await run(a, 'confirm'));
    const key = readFileSync(keyFileOf(a), 'utf8');
    expect((await wg(a, 'show flannel-wg dump')).split(/\s/)).toEqual(expect.arrayContaining([key, PSK]));
    // So that plans have something to say of the keys.
    const [peer = ''] = (await wg(a, 'show flannel-wg peers')).split('\n');
    await wg(a, `set flannel-wg peer ${peer} preshared-key /dev/null`);
    await wg(a, 'set flannel-wg private-key /dev/null');
    for (const words of LOOKS) note(words, await run(a, words));
    note('plan --out', await run(a, `plan --out ${lab.dir}/saved-plan`));
    expect(said.find(([words]) => words.endsWith('-o text'))?.[1]).toMatch(/presharedKey none → sha256:/);
    note('apply', await run(a, 'apply --yes --debug'));
    note('watch', await daemon.stop());
    const secrets = [PSK, key, readFileSync(keyFileOf(b), 'utf8')].flatMap(spellings);
    const tells = (text: string): boolean => secrets.some((secret) => text.includes(secret));
    expect(said.filter(([, text]) => text === '' || tells(text)).map(([words]) => words)).toEqual([]);
    const theirs = [keyFileOf(a), keyFileOf(b), join(lab.leases, 'network.yaml')];
    const files = filesIn(lab.dir);
    expect(files).toEqual(expect.arrayContaining([...theirs, join(lab.dir, 'saved-plan')]));
    expect(files.filter((path) => !theirs.includes(path) && tells(readFileSync(path, 'utf8')))).toEqual([]);
  });

  labTest('are not repeated where they are wrong', options, async (lab) => {
    const wrong = `${PSK.slice(0, 40)}==`;
    lab.put('network.yaml', wireguardNetwork('4', { PSK: wrong }));
    const refused = await run(lab.node(), 'plan');
    expect(refused).toMatchObject({ stdout: '' });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('PSK');
    expect(refused.stderr).not.toContain(wrong);
  });
});
