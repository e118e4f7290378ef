import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect } from 'vitest';
import { type Finished, flan } from '../support/cli.js';
import { peerLease } from '../support/lab.js';
import { ask, charonPid, ipsecNetwork, ipsecTest, PSK } from './overlay.js';

const FORMATS = ['text', 'json', 'ndjson', 'yaml', 'markdown', 'github', 'ip', 'diff'];
/** All that look, in words without the settings. */
const LOOKS = [
  ...FORMATS.map((format) => `plan --verbose --show-foreign -o ${format}`),
  ...['desired', 'observed', 'leases', 'facts'].map((what) => `show ${what} --json`),
  ...['validate', 'config show --json', 'lease list --json', 'snapshot', 'status --json', 'doctor --json'],
  ...['history --json', 'explain 10.244.2.2'],
];

/** The ways in which the key may come to light. */
const SPELLINGS = [PSK, Buffer.from(PSK).toString('base64').replace(/=+$/, ''), Buffer.from(PSK).toString('hex')];
const tells = (text: string): boolean => SPELLINGS.some((secret) => text.includes(secret));

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

describe('the key of backend ipsec', () => {
  ipsecTest('is in no output and in no file but its own', { timeoutMs: 120_000 }, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const said: (readonly [words: string, text: string])[] = [];
    const note = (words: string, { code, stdout, stderr }: Finished): void => {
      expect(`${words}: ${code} ${code === 64 ? stderr : ''}`).not.toContain(': 64');
      said.push([words, stdout + stderr]);
    };
    const daemon = await node.watch(['--log-level', 'debug']);
    note('watch', await daemon.stop());
    // So that plans have something to say of it.
    await ask(node, async (client) => {
      for (const id of (await client.request('get-shared')).keys as readonly string[])
        await client.request('unload-shared', { id });
    });
    for (const words of LOOKS) note(words, await flan([...words.split(' '), ...node.flags]));
    note('plan --out', await node.flan(['plan', '--out', `${lab.dir}/saved-plan`]));
    note('apply', await node.flan(['apply', '--yes', '--debug', '--confirm', '1h']));
    note('confirm', await node.flan(['confirm']));
    expect(said.find(([words]) => words.endsWith('-o text'))?.[1]).toMatch(/preshared key sha256:/);
    expect(said.filter(([, text]) => text === '' || tells(text)).map(([words]) => words)).toEqual([]);
    // Nor can others read it of charon's process.
    const environment =
      readFileSync(`/proc/${charonPid(node)}/environ`, 'utf8') +
      readFileSync(`/proc/${charonPid(node)}/cmdline`, 'utf8');
    expect(tells(environment)).toBe(false);
    expect(environment).not.toContain('FLAN_');
    const theirs = [join(lab.leases, 'network.yaml')];
    const files = filesIn(lab.dir);
    expect(files).toEqual(expect.arrayContaining([...theirs, join(lab.dir, 'saved-plan')]));
    expect(files.filter((path) => !theirs.includes(path) && tells(readFileSync(path, 'utf8')))).toEqual([]);
  });

  ipsecTest('is not in a sysdump, which asks the charon that is in use', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    await node.flan(['apply', '--yes']);
    expect((await flan(['sysdump', ...node.flags], { cwd: lab.dir })).code).toBe(0);
    const archive = readdirSync(lab.dir).find((name) => name.startsWith('flan-sysdump-')) ?? '';
    const dump = gunzipSync(readFileSync(join(lab.dir, archive))).toString();
    expect(dump).toMatch(/^flan:192[-./\d]+: .*reauthentication/m);
    expect(tells(dump)).toBe(false);
  });

  ipsecTest('is in a snapshot as an image that still tells one key from another', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    await node.flan(['apply', '--yes']);
    const file = join(lab.dir, 'snapshot.json');
    await node.flan(['snapshot', '--out', file]);
    expect(tells(readFileSync(file, 'utf8'))).toBe(false);
    const planned = (more: readonly string[]) => flan(['plan', '--snapshot', file, ...more], { cwd: '/' });
    expect((await planned([])).stdout).toContain('No changes; 5 unchanged');
    lab.put('network.yaml', ipsecNetwork({ PSK: PSK.toUpperCase() }));
    const other = await planned(['--leases', lab.leases, '--leases-from', 'store']);
    expect(other.stdout.match(/psk sha256:\w+ → sha256:\w+/g)).toHaveLength(2);
    expect(tells(other.stdout)).toBe(false);
  });

  ipsecTest('is not repeated where it is wrong', {}, async (lab) => {
    const wrong = PSK.slice(0, 95);
    lab.put('network.yaml', ipsecNetwork({ PSK: wrong }));
    const refused = await lab.node().flan(['plan']);
    expect(refused).toMatchObject({ stdout: '', code: 78 });
    expect(refused.stderr).toContain('PSK');
    expect(refused.stderr).not.toContain(wrong);
  });
});
