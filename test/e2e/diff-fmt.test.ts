import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { flan } from '../support/cli.js';
import { labTest, peerLease } from '../support/lab.js';

describe('flan diff', () => {
  labTest('shows what would change, and tells by its exit code whether anything would', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    expect((await node.flan(['apply', '--yes'])).code).toBe(0);
    expect(await node.flan(['diff'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    await node.netns.ip('route change 10.244.2.0/24 via 192.168.10.66 dev eth0 proto 70');
    const { code, stdout } = await node.flan(['diff']);
    expect(code).toBe(2);
    expect(stdout).toMatch(/^-.*via: 192\.168\.10\.66$/m);
    expect(stdout).toMatch(/^\+.*via: 192\.168\.10\.2$/m);
    expect(await node.flan(['diff', '--exclude', 'kind:route'])).toMatchObject({ code: 0, stdout: '' });
    const { code: jsonCode, stdout: json } = await node.flan(['diff', '--json']);
    expect([jsonCode, JSON.parse(json).kind]).toEqual([2, 'flan.plan']);
  });
});

describe('flan fmt', () => {
  labTest('formats what it finds, or only says so', {}, async (lab) => {
    const file = join(lab.leases, 'node-b.yaml');
    writeFileSync(file, 'subnet:   10.244.2.0/24 # ours\nnode: b\n', { mode: 0o640 });
    const run = (...args: string[]) => flan(['fmt', ...args], { cwd: lab.dir });
    expect(await run('--check', 'leases/node-b.yaml')).toMatchObject({ code: 2, stdout: 'leases/node-b.yaml\n' });
    expect(readFileSync(file, 'utf8')).toContain('subnet:   10');
    expect(await run('leases/node-b.yaml')).toMatchObject({ code: 0, stdout: 'leases/node-b.yaml\n', stderr: '' });
    expect(readFileSync(file, 'utf8')).toBe('node: b\nsubnet: 10.244.2.0/24 # ours\n');
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(await run('leases/node-b.yaml')).toMatchObject({ code: 0, stdout: '' });
    expect(await flan(['fmt', '-'], { input: 'a:   1\n' })).toMatchObject({ code: 0, stdout: 'a: 1\n' });
    writeFileSync(file, 'node: {\n');
    expect(await run()).toMatchObject({ code: 65, stderr: expect.stringContaining('leases/node-b.yaml:') });
    expect(await run('nothing.yaml')).toMatchObject({ code: 64 });
  });
});
