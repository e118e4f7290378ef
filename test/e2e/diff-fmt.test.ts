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

  labTest('stdin is checked without a word, and has no document beside its text', {}, async (lab) => {
    const run = (args: readonly string[], input: string) => flan(['fmt', ...args], { cwd: lab.dir, input });
    expect(await run(['--check', '-'], 'node:    a\n')).toMatchObject({ code: 2, stdout: '', stderr: '' });
    expect(await run(['--check', '-'], 'node: a\n')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const { code, stdout } = await run(['--check', '-', '-o', 'json'], 'node:    a\n');
    expect([code, JSON.parse(stdout)]).toEqual([2, expect.objectContaining({ files: ['-'], changed: ['-'] })]);
    for (const flag of ['--json', '-ojson']) {
      const refused = await run(['-', flag], 'node:    a\n');
      expect([refused.code, JSON.parse(refused.stdout).error]).toEqual([
        64,
        expect.objectContaining({ code: 'E_USAGE' }),
      ]);
    }
  });

  labTest('a file that cannot be read keeps none of the others', {}, async (lab) => {
    expect((await flan(['fmt', 'leases'], { cwd: lab.dir })).code).toBe(0); // what the lab itself wrote
    const path = (name: string) => join(lab.leases, name);
    const put = () => {
      for (const name of ['a.yaml', 'z.yaml']) writeFileSync(path(name), 'subnet:   10.244.2.0/24\n');
      writeFileSync(path('m.json'), '{"node": "a",\n "node": "b"}\n');
      writeFileSync(path('n.yaml'), 'node: {\n');
    };
    const run = (...args: string[]) => flan(['fmt', ...args, 'leases'], { cwd: lab.dir });
    const both = /leases\/m\.json:2:2[\s\S]*leases\/n\.yaml:2:1/;
    const changed = ['leases/a.yaml', 'leases/z.yaml'];
    put();
    for (const args of [['--check'], []]) {
      const { code, stdout, stderr } = await run(...args);
      expect([code, stdout]).toEqual([65, `${changed.join('\n')}\n`]);
      expect(stderr).toMatch(both);
    }
    for (const name of ['a.yaml', 'z.yaml']) expect(readFileSync(path(name), 'utf8')).toBe('subnet: 10.244.2.0/24\n');
    expect(readFileSync(path('n.yaml'), 'utf8')).toBe('node: {\n');
    put();
    const { code, stdout, stderr } = await run('--json');
    expect([code, JSON.parse(stdout)]).toEqual([65, expect.objectContaining({ kind: 'flan.fmt', changed })]);
    expect(stderr).toMatch(both);
  });
});
