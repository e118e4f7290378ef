import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { FLAN, flan } from '../support/cli.js';
import { type Lab, type LabNode, labTest, peerLease } from '../support/lab.js';

/** Away from the lab: no namespace, no flan.yaml, no leases. */
function elsewhere(lab: Lab): (args: readonly string[]) => ReturnType<typeof flan> {
  const cwd = join(lab.dir, 'elsewhere');
  mkdirSync(cwd, { recursive: true });
  return (args) => flan(args, { cwd, env: { FLAN_CONFIG: undefined } });
}

async function snapshotOf(lab: Lab, node: LabNode): Promise<string> {
  const file = join(lab.dir, `${node.name}.json`);
  expect(await node.flan(['snapshot', '--out', file])).toMatchObject({ code: 0, stdout: '' });
  return file;
}

const documentOf = async (run: ReturnType<typeof flan>): Promise<Record<string, unknown>> =>
  JSON.parse((await run).stdout) as Record<string, unknown>;

const VXLAN = { Network: '10.244.0.0/16', Backend: { Type: 'vxlan', DirectRouting: true } };

describe('a snapshot', () => {
  const networks = { 'host-gw': undefined, vxlan: VXLAN } as const;
  for (const [backend, network] of Object.entries(networks)) {
    const options = { ...(network && { network, needs: ['vxlan'] as const }) };
    labTest(`plans somewhere else what its host would plan, with ${backend}`, options, async (lab) => {
      const a = lab.node();
      for (const letter of ['b', 'c', 'd']) lab.put(`node-${letter}.yaml`, peerLease(letter));
      expect((await a.flan(['apply', '--yes'])).code).toBe(0);
      lab.put('node-b.yaml', { ...peerLease('b'), publicIP: '192.168.10.22' });
      lab.remove('node-c.yaml');
      lab.put('node-e.yaml', 'subnet: nonsense');
      await a.netns.sh('ip route del 10.244.4.0/24; ip route add 10.244.4.0/24 via 192.168.10.200 proto static');
      const file = await snapshotOf(lab, a);
      const here = await documentOf(a.flan(['plan', '--json']));
      const there = await documentOf(elsewhere(lab)(['plan', '--snapshot', file, '--json']));
      expect(there).toMatchObject({
        kind: 'flan.fleet-plan',
        summary: { hosts: 1, changing: 1, failed: 0, conflicts: 1 },
      });
      expect(there.hosts).toEqual([expect.objectContaining({ snapshot: file, node: 'node-a', document: here })]);
    });
  }

  labTest('of a later version is read without what is not known', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    const file = await snapshotOf(lab, a);
    const snapshot = JSON.parse(readFileSync(file, 'utf8')) as { observed: object[] };
    const later = { kind: 'zzz', name: 'x' };
    writeFileSync(file, JSON.stringify({ ...snapshot, observed: [later, ...snapshot.observed] }));
    const planned = await elsewhere(lab)(['plan', '--snapshot', file]);
    expect(planned).toMatchObject({ code: 0, stdout: expect.stringContaining('No changes') });
    expect(planned.stdout).toMatch(/does not know and leaves out: zzz \(W_UNKNOWN_KIND\)/);
    writeFileSync(file, JSON.stringify({ ...snapshot, observed: [null] }));
    const broken = await elsewhere(lab)(['plan', '--snapshot', file]);
    expect(broken).toMatchObject({ code: 65, stderr: expect.stringContaining('E_DATA') });
  });

  labTest('goes through a pipe: - is stdin and stdout', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const taken = await a.flan(['snapshot', '--out', '-']);
    expect(taken).toMatchObject({ code: 0, stderr: '' });
    const cwd = join(lab.dir, 'elsewhere');
    mkdirSync(cwd);
    const args = ['plan', '--snapshot', '-', '--json'];
    const there = await flan(args, { cwd, env: { FLAN_CONFIG: undefined }, input: taken.stdout });
    expect(JSON.parse(there.stdout)).toMatchObject({ kind: 'flan.fleet-plan', summary: { hosts: 1, changing: 1 } });
  });

  labTest('plans with the leases of a store, and sees what stands where they lead', { nodes: 2 }, async (lab) => {
    const nodes = [lab.node(0), lab.node(1)];
    for (const node of nodes) await node.flan(['apply', '--yes']);
    // Nobody wants anything here yet.
    await lab.node(0).netns.ip('route add 10.244.7.0/24 via 192.168.10.70 proto static');
    const files = [await snapshotOf(lab, lab.node(0)), await snapshotOf(lab, lab.node(1))];
    const proposed = join(lab.dir, 'proposed');
    mkdirSync(proposed);
    for (const name of ['network.yaml', 'node-a.yaml', 'node-b.yaml'])
      writeFileSync(join(proposed, name), readFileSync(join(lab.leases, name)));
    writeFileSync(join(proposed, 'node-g.yaml'), JSON.stringify(peerLease('g')));
    const away = elsewhere(lab);
    const snapshots = files.flatMap((file) => ['--snapshot', file]);
    const own = await away(['plan', ...snapshots, '--detailed-exitcode', '--summary']);
    expect(own).toMatchObject({ code: 0, stderr: '' });
    expect(own.stdout).toMatch(/^0 of 2 hosts change\. No changes; /);
    const summary = join(lab.dir, 'summary.json');
    const args = ['plan', ...snapshots, '--leases', proposed, '--detailed-exitcode', '--summary-json', summary];
    const planned = await away(args);
    expect(planned).toMatchObject({ code: 2, stderr: '' });
    expect(planned.stdout).toMatch(/! +conflict route\/main\/10\.244\.7\.0\/24/);
    expect(planned.stdout).toMatch(/\+ +create +route\/main\/10\.244\.7\.0\/24 +via 192\.168\.10\.7 dev eth0/);
    expect(planned.stdout).toMatch(/^2 of 2 hosts change\. Plan: 1 to create; 1 conflict; /m);
    const line = readFileSync(summary, 'utf8');
    expect(line.trimEnd()).not.toContain('\n');
    expect(JSON.parse(line)).toMatchObject({ kind: 'flan.summary', changes: true, hosts: 2, create: 1, conflicts: 1 });
    const kept = await away(['plan', ...snapshots, '--leases', proposed, '--leases-from', 'snapshot', '--summary']);
    expect(kept.stdout).toMatch(/^0 of 2 hosts change/);
    for (const format of ['markdown', 'github', 'ip', 'diff', 'yaml', 'ndjson'] as const) {
      const { code, stdout } = await away([...args, '-o', format]);
      expect([format, code]).toEqual([format, 2]);
      expect(stdout).toContain('10.244.7.0/24');
    }
    // Another backend on paper: what it would make is all missing.
    writeFileSync(join(proposed, 'network.yaml'), JSON.stringify(VXLAN));
    const moved = await away(['plan', ...snapshots, '--leases', proposed]);
    expect(moved.stdout).toContain('link/flannel.1');
  });

  labTest('says of a host that cannot be planned for why, and goes on with the others', { nodes: 2 }, async (lab) => {
    const files = [await snapshotOf(lab, lab.node(0)), await snapshotOf(lab, lab.node(1))];
    const [first = '', second = ''] = files;
    expect(statSync(first).mode & 0o777).toBe(0o600);
    const broken = JSON.parse(readFileSync(first, 'utf8'));
    writeFileSync(first, JSON.stringify({ ...broken, facts: { ...broken.facts, links: [], defaultRoutes: [] } }));
    const away = elsewhere(lab);
    const planned = await away(['plan', '--snapshot', first, '--snapshot', second]);
    expect(planned.code).toBe(78);
    expect(planned.stdout).toContain('Error E_IFACE:');
    expect(planned.stdout).toMatch(/^1 of 2 hosts change, 1 cannot be planned for\. /m);
    const markdown = await away(['plan', '--snapshot', first, '--snapshot', second, '-o', 'markdown']);
    expect(markdown.stdout).toContain('| node-a | `E_IFACE` |');
    writeFileSync(first, JSON.stringify({ ...broken, leases: 7 }));
    const refused = await away(['plan', '--snapshot', first]);
    expect(refused).toMatchObject({ code: 65, stdout: '' });
    expect(refused.stderr).toContain('its leases is missing or damaged');
    writeFileSync(first, '{}');
    expect((await away(['plan', '--snapshot', first])).stderr).toContain('it was not written by `flan snapshot`');
    expect((await away(['plan', '--snapshot', join(lab.dir, 'none.json')])).stderr).toContain('Error E_FILE');
  });

  labTest('is planned for by anybody, on a machine with no network at all', {}, async (lab) => {
    lab.put('node-b.yaml', peerLease('b'));
    const file = await snapshotOf(lab, lab.node());
    const shared = mkdtempSync(join(tmpdir(), 'flan-shared-'));
    lab.onEnd(() => rmSync(shared, { recursive: true, force: true }));
    chmodSync(shared, 0o755);
    const copy = join(shared, 'a.json');
    copyFileSync(file, copy);
    chmodSync(copy, 0o644);
    const user = ['--reuid=65534', '--regid=65534', '--clear-groups', 'unshare', '-Urn'];
    const args = ['plan', '--snapshot', copy, '--leases-from', 'snapshot', '-o', 'ip'];
    const planned = await flan([...user, FLAN, ...args], { command: 'setpriv', cwd: shared });
    expect(planned).toMatchObject({ code: 0, stderr: '' });
    expect(planned.stdout).toContain('# host node-a\n');
    expect(planned.stdout).toContain('ip route add 10.244.2.0/24 via 192.168.10.2 dev eth0 proto 70\n');
  });

  labTest('lists on demand what stays, and what is foreign and near', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    await a.flan(['apply', '--yes']);
    await a.netns.sh('ip route add 10.244.9.0/24 via 192.168.10.9; ip route add 10.99.0.0/16 via 192.168.10.9');
    const { stdout } = await a.flan(['plan', '--verbose', '--show-foreign']);
    expect(stdout).toMatch(
      /= +as is +route\/main\/10\.244\.2\.0\/24 +via 192\.168\.10\.2 dev eth0 \(lease of node-b\)\n/,
    );
    expect(stdout).toMatch(/\* +foreign +route\/main\/10\.244\.9\.0\/24 +via 192\.168\.10\.9 dev eth0\n/);
    expect(stdout).not.toContain('10.99.0.0/16');
    expect(stdout).toMatch(/^No changes; 2 unchanged; /m);
  });
});
