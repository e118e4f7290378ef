import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { digestOf } from '../../src/planner/fingerprint.js';
import type { SavedPlan } from '../../src/report/saved-plan.js';
import { type Lab, labTest, peerLease } from '../support/lab.js';

const fileIn = (lab: Lab): string => join(lab.dir, 'change.flanplan');
const read = (path: string): SavedPlan => JSON.parse(readFileSync(path, 'utf8')) as SavedPlan;
const TO_B = '10.244.2.0/24 via 192.168.10.2 dev eth0';
const TO_C = '10.244.3.0/24 via 192.168.10.3 dev eth0';

/** Changes a plan as somebody would who knows how the digest is made. */
function forge(path: string, change: (saved: SavedPlan) => object): void {
  const { digest: _, ...saved } = { ...read(path), ...change(read(path)) };
  writeFileSync(path, JSON.stringify({ ...saved, digest: digestOf(saved) }));
}

describe('a saved plan', () => {
  labTest('is applied as it was shown, without a question, and once', {}, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    lab.put('node-b.yaml', peerLease('b'));
    const planned = await a.flan(['plan', '--out', file]);
    expect(planned).toMatchObject({ code: 0 });
    expect(planned.stderr).toContain(`Saved as ${file} for node-a until `);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await a.routes()).toEqual([]);
    // A peer that came later was not in what was shown, and spoils nothing.
    lab.put('node-c.yaml', peerLease('c'));
    const shown = await a.flan(['show', file]);
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain('route/main/10.244.2.0/24');
    expect(shown.stdout).not.toContain('Warning stale');
    expect(await a.flan(['apply', file])).toMatchObject({ code: 0 });
    expect(await a.routes()).toEqual([TO_B]);
    const again = await a.flan(['apply', file]);
    expect(again.code).toBe(3);
    expect(again.stderr).toMatch(/Error E_PLAN_STALE: the plan was applied already, at 2/);
    const after = await a.flan(['show', file, '--json']);
    expect(JSON.parse(after.stdout)).toMatchObject({ kind: 'flan.shown-plan', status: { state: 'applied' } });
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    expect(await a.routes()).toEqual([TO_B, TO_C]);
  });

  labTest('counts what is as it should be as the plan did', {}, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    lab.put('node-b.yaml', peerLease('b'));
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    lab.put('node-c.yaml', peerLease('c'));
    const counted = (text: string): string | undefined => /\d+ unchanged/.exec(text)?.[0];
    const planned = counted((await a.flan(['plan', '--out', file])).stdout);
    expect(planned).toMatch(/^[1-9]/);
    expect(counted((await a.flan(['show', file])).stdout)).toBe(planned);
    expect(counted((await a.flan(['apply', file])).stdout)).toBe(planned);
    const empty = counted((await a.flan(['plan', '--out', file])).stdout);
    const applied = await a.flan(['apply', file]);
    expect(applied).toMatchObject({ code: 0, stdout: expect.stringContaining('No changes; ') });
    expect(counted(applied.stdout)).toBe(empty);
  });

  labTest('goes through pipes: - is stdout and stdin', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const { code, stdout: plan, stderr } = await a.flan(['plan', '--out', '-']);
    expect(code).toBe(0);
    expect(JSON.parse(plan)).toMatchObject({ kind: 'flan.saved-plan' });
    expect(stderr).toContain('route/main/10.244.2.0/24');
    expect(existsSync(join(lab.dir, 'node-a', '-'))).toBe(false);
    const shown = await a.flan(['show', '-'], { input: plan });
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout).toContain('Saved plan for node-a');
    expect(await a.flan(['apply', '-'], { input: plan })).toMatchObject({ code: 0 });
    expect(await a.routes()).toEqual([TO_B]);
    const wrong = await a.flan(['show', '-'], { input: 'no plan' });
    expect(wrong).toMatchObject({ code: 65, stderr: expect.stringContaining('stdin') });
    const both = await a.flan(['plan', '--out', '-', '-o', 'json']);
    expect(both.code).toBe(64);
    expect(both.stdout).toContain('stdout cannot take the saved plan and the plan as json');
  });

  labTest('is stale when an object that it touches has moved, and says which', {}, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    for (const letter of ['b', 'c']) lab.put(`node-${letter}.yaml`, peerLease(letter));
    await a.flan(['plan', '--out', file]);
    lab.put('node-c.yaml', { ...peerLease('c'), publicIP: '192.168.10.33' });
    await a.netns.ip('route add 10.244.2.0/24 via 192.168.10.2 proto 70');
    const stale = await a.flan(['apply', file]);
    expect(stale).toMatchObject({ code: 3, stdout: '' });
    expect(stale.stderr).toContain('route/main/10.244.3.0/24 (desired): now via 192.168.10.33 dev eth0');
    expect(stale.stderr).toContain('route/main/10.244.2.0/24 (kernel): it is there already');
    expect(stale.stderr).not.toContain('subnet.env');
    expect(await a.routes()).toEqual([TO_B]);
    // It can be read all the same.
    const shown = await a.flan(['show', file]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain('Warning stale: the host or the leases have moved');
    const half = await a.flan(['apply', file, '--allow-stale', 'kernel']);
    expect(half).toMatchObject({ code: 3 });
    expect(half.stderr).not.toContain('(kernel)');
    const forced = await a.flan(['apply', file, '--allow-stale', 'kernel', '--allow-stale', 'desired']);
    expect(forced).toMatchObject({ code: 0 });
    // What the file says, and not what the lease says now.
    expect(await a.routes()).toEqual([TO_B, TO_C]);
  });

  labTest('is stale when what its changes stand on is another one', {}, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    lab.put('node-b.yaml', peerLease('b'));
    await a.flan(['plan', '--out', file]);
    await a.netns.sh('ip link set eth0 mtu 1400');
    const stale = await a.flan(['apply', file]);
    expect(stale.code).toBe(3);
    expect(stale.stderr).toContain('external interface IPv4 (kernel)');
    lab.put('network.yaml', { Network: '10.244.0.0/16', Backend: { Type: 'host-gw', Unknown: 1 } });
    expect((await a.flan(['apply', file])).stderr).toContain('network config (desired)');
  });

  labTest('deletes what it said it would, unless somebody wants it again', {}, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    lab.put('node-b.yaml', peerLease('b'));
    await a.flan(['apply', '--yes']);
    lab.remove('node-b.yaml');
    await a.flan(['plan', '--out', file]);
    lab.put('node-b.yaml', peerLease('b'));
    const stale = await a.flan(['apply', file]);
    expect(stale.stderr).toContain('route/main/10.244.2.0/24 (desired): it is wanted again');
    lab.remove('node-b.yaml');
    expect(await a.flan(['apply', file])).toMatchObject({ code: 0 });
    expect(await a.routes()).toEqual([]);
  });

  labTest('acquires the lease that it shows, and what follows from that', { subnets: 'drawn' }, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    await a.flan(['plan', '--out', file]);
    expect(read(file).document.plan.steps.map(({ key }) => key)).toEqual(['lease/node-a']);
    expect(await a.flan(['apply', file])).toMatchObject({ code: 0 });
    expect(a.subnetEnv()).toMatch(/^FLANNEL_SUBNET=10\.244\./m);
    expect((await a.flan(['plan', '--detailed-exitcode'])).code).toBe(0);
  });

  labTest('is refused when it is damaged, forged, old, or of another host', { nodes: 2 }, async (lab) => {
    const [a, b] = [lab.node(0), lab.node(1)];
    const file = fileIn(lab);
    lab.put('node-c.yaml', peerLease('c'));
    await a.flan(['plan', '--out', file]);
    const good = readFileSync(file, 'utf8');
    const refused = async (node = a) => {
      const { code, stderr } = await node.flan(['apply', file, '--allow-stale=desired', '--allow-stale=kernel']);
      return `${code} ${stderr.split('\n')[0]}`;
    };
    expect(await refused(b)).toMatch(/^65 Error E_PLAN_FILE: the plan is for another host: it was made for node-a/);
    writeFileSync(file, good.replace('192.168.10.3', '192.168.10.66'));
    expect(await refused()).toMatch(/^65 Error E_PLAN_FILE: .* its digest is wrong/);
    writeFileSync(file, good.slice(0, -20));
    expect(await refused()).toMatch(/^65 Error E_PLAN_FILE: .* it is not JSON/);
    writeFileSync(file, '{"kind":"flan.plan"}');
    expect(await refused()).toMatch(/^65 Error E_PLAN_FILE: .* it was not written by `flan plan --out`/);
    writeFileSync(file, good);
    forge(file, (saved) => ({ host: { ...saved.host, netns: 'elsewhere' } }));
    expect(await refused()).toMatch(/^65 .* in another network namespace, or before a reboot/);
    writeFileSync(file, good);
    forge(file, ({ document }) => ({
      document: {
        ...document,
        plan: { ...document.plan, steps: [{ action: 'create', key: 'x', needs: [], reason: '' }] },
      },
    }));
    expect(await refused()).toMatch(/^65 .* a change cannot be read/);
    writeFileSync(file, good);
    for (const damage of [
      { warnings: [null] },
      { external: [{ dev: 'eth0' }] },
      { quarantined: ['x'] },
      { summary: { create: 1 } },
      { foreign: null },
    ]) {
      forge(file, ({ document }) => ({ document: { ...document, ...damage } }));
      expect(await refused()).toMatch(/^65 Error E_PLAN_FILE: .* its plan is damaged/);
      expect((await a.flan(['show', file])).stderr).toContain('E_PLAN_FILE');
      writeFileSync(file, good);
    }
    forge(file, () => ({ expires_at: '2020-01-01T00:00:00.000Z' }));
    expect(await refused()).toMatch(/^3 Error E_PLAN_STALE: the plan expired at 2020/);
    expect(await a.routes()).toEqual([]);
    expect(existsSync(join(a.runtimeDir, 'applied-plans'))).toBe(false);
    // Anybody can read it, anywhere.
    writeFileSync(file, good);
    const elsewhere = await b.flan(['show', file, '-o', 'markdown']);
    expect(elsewhere).toMatchObject({ code: 0 });
    expect(elsewhere.stderr).toContain('other host: it was made for node-a, this is node-b');
    expect(elsewhere.stdout).toContain('| + create | `route/main/10.244.3.0/24` |');
  });

  labTest('carries out nothing that only the file says', {}, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    lab.put('node-b.yaml', peerLease('b'));
    await a.flan(['plan', '--out', file]);
    forge(file, ({ document }) => ({
      document: {
        ...document,
        plan: {
          ...document.plan,
          steps: document.plan.steps.map((step) =>
            step.action === 'create' && step.key.startsWith('route/')
              ? { ...step, after: { ...step.after, via: '192.168.10.66' } }
              : step,
          ),
        },
      },
    }));
    // The basis still names the true route: what is made is what the lease says.
    expect(await a.flan(['apply', file])).toMatchObject({ code: 0 });
    expect(await a.routes()).toEqual([TO_B]);
  });

  labTest('is applied by one of those who try at once', {}, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    lab.put('node-b.yaml', peerLease('b'));
    await a.flan(['plan', '--out', file]);
    const all = await Promise.all(Array.from({ length: 3 }, () => a.flan(['apply', file, '--lock-timeout', '20s'])));
    expect(all.map(({ code }) => code).sort()).toEqual([0, 3, 3]);
    expect(await a.routes()).toEqual([TO_B]);
  });

  labTest('that was cut short is not applied again', {}, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    lab.put('node-b.yaml', peerLease('b'));
    await a.flan(['plan', '--out', file]);
    // What a process writes that dies before its first change.
    mkdirSync(join(a.runtimeDir, 'applied-plans'), { recursive: true });
    writeFileSync(join(a.runtimeDir, 'applied-plans', `${read(file).digest}.json`), '{"appl');
    const refused = await a.flan(['apply', file]);
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toContain('applied already, at a time that was not written down');
    expect(await a.routes()).toEqual([]);
  });

  const backend = {
    Type: 'extension',
    PreStartupCommand: 'echo made',
    SubnetAddCommand: 'true',
    SubnetRemoveCommand: 'true',
  };
  const network = { Network: '10.244.0.0/16', Backend: backend };
  labTest('makes what could not be known before, and publishes that', { network, subnets: 'drawn' }, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    await a.flan(['plan', '--out', file]);
    const before = await a.flan(['plan']);
    expect(await a.flan(['apply', file])).toMatchObject({ code: 0 });
    expect(before.stdout).toContain('known after apply');
    const lease = await a.flan(['lease show', '--json']);
    expect(JSON.parse(lease.stdout)).toMatchObject({ lease: { ipv4: { backendData: 'made' } } });
    expect((await a.flan(['plan', '--detailed-exitcode'])).code).toBe(0);
  });

  labTest('is the part of a plan that was asked for', {}, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    for (const letter of ['b', 'c']) lab.put(`node-${letter}.yaml`, peerLease(letter));
    const planned = await a.flan(['plan', '--out', file, '--target', 'node:node-b']);
    expect(planned.stdout).toContain('W_LEFT_OUT');
    expect(await a.flan(['apply', file])).toMatchObject({ code: 0 });
    expect(await a.routes()).toEqual([TO_B]);
    expect(a.subnetEnv()).toBeUndefined();
  });

  labTest('can be confirmed or rolled back like any apply, and is used up by that', {}, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    lab.put('node-b.yaml', peerLease('b'));
    await a.flan(['plan', '--out', file]);
    expect(await a.flan(['apply', file, '--confirm', '5m'])).toMatchObject({ code: 0 });
    expect(await a.routes()).toEqual([TO_B]);
    expect(await a.flan(['rollback', '--yes'])).toMatchObject({ code: 0 });
    expect(await a.routes()).toEqual([]);
    expect((await a.flan(['apply', file])).stderr).toContain('the plan was applied already');
  });

  labTest('that cuts off who is logged in needs more than the file, and is not used up before', {}, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    lab.put('node-b.yaml', peerLease('b'));
    const env = { SSH_CONNECTION: '10.244.2.7 50000 192.168.10.1 22' };
    const planned = await a.flan(['plan', '--out', file], { env });
    expect(planned.stdout).toMatch(/Warning the machine that you are logged in from .* \(W_CUTS_SSH\)/);
    expect(await a.flan(['apply', file], { env })).toMatchObject({ code: 8 });
    expect(await a.routes()).toEqual([]);
    expect(await a.flan(['apply', file, '--accept-risk'], { env })).toMatchObject({ code: 0 });
    expect(await a.routes()).toEqual([TO_B]);
  });

  labTest('is asked for by name', {}, async (lab) => {
    const a = lab.node();
    const nothing = await a.flan(['show']);
    expect(nothing).toMatchObject({ code: 64, stdout: '' });
    expect(nothing.stderr).toContain('or one of desired, observed, leases, facts');
    expect((await a.flan(['show', 'desird'])).stderr).toContain('Did you mean `flan show desired`?');
    expect(await a.flan(['show', join(lab.dir, 'none.flanplan')])).toMatchObject({ code: 1, stdout: '' });
  });

  labTest('forgets the plans that nobody could apply any more', {}, async (lab) => {
    const a = lab.node();
    const file = fileIn(lab);
    const folder = join(a.runtimeDir, 'applied-plans');
    await a.flan(['plan', '--out', file]);
    expect(await a.flan(['apply', file])).toMatchObject({ code: 0 });
    const [entry = ''] = readdirSync(folder);
    const old = { ...JSON.parse(readFileSync(join(folder, entry), 'utf8')), expires_at: '2020-01-01T00:00:00.000Z' };
    writeFileSync(join(folder, entry), JSON.stringify(old));
    lab.put('node-b.yaml', peerLease('b'));
    await a.flan(['plan', '--out', file]);
    expect(await a.flan(['apply', file])).toMatchObject({ code: 0 });
    expect(readdirSync(folder)).toEqual([`${read(file).digest}.json`]);
  });
});
