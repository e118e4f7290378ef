import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { aliBed } from '../support/fake-cloud/ali.js';
import { tencentBed } from '../support/fake-cloud/tencent.js';
import { labTest } from '../support/lab.js';

const SECRET = 'c2VjcmV0LW9mLWNvbmZpZw';

describe.each([
  ['ali-vpc', aliBed],
  ['tencent-vpc', tencentBed],
] as const)('a key in the network config of %s', (type, makeBed) => {
  labTest('signs requests, and leaves the host by no way', { timeoutMs: 60_000 }, async (lab) => {
    const bed = await makeBed();
    lab.onEnd(() => bed.close());
    bed.fake.key = { id: 'LTAIconfig', secret: SECRET, session: '' };
    bed.fake.role = undefined;
    lab.put('network.yaml', {
      Network: '10.244.0.0/16',
      Backend: { Type: type, PollSeconds: 1, AccessKeyID: 'LTAIconfig', AccessKeySecret: SECRET },
    });
    const before = { ...process.env };
    lab.onEnd(() => {
      process.env = before;
    });
    Object.assign(process.env, bed.env);
    for (const [name, value] of Object.entries(bed.env)) if (value === undefined) delete process.env[name];
    const a = lab.node();
    const said: string[] = [];
    const run = async (...args: string[]) => {
      const { code, stdout, stderr } = await a.flan(args);
      said.push(stdout, stderr);
      return code;
    };
    expect(await run('plan', '--json')).toBe(0);
    expect(await run('plan', '--out', join(lab.dir, 'saved.json'))).toBe(0);
    expect(await run('apply', '--yes', '--json')).toBe(0);
    const daemon = await a.watch();
    said.push((await daemon.stop()).stdout);
    expect(await run('snapshot')).toBe(0);
    expect(await run('status', '--json')).toBe(0);
    expect(await run('explain', '10.244.1.0/24', '--json')).toBe(0);
    expect(await run('config show')).toBe(0);
    bed.fake.key = { id: 'LTAIconfig', secret: 'another', session: '' };
    expect(await run('plan', '--debug')).toBe(77);
    expect(await run('sysdump', '-o', join(lab.dir, 'dump.tar.gz'))).toBe(0);
    for (const text of said) expect(text).not.toContain(SECRET);
    // Also not in what was written: saved plans, checkpoints, history, the dump.
    execFileSync('sh', ['-c', `cd '${lab.dir}' && mkdir dump && tar -xzf dump.tar.gz -C dump`]);
    const found = execFileSync('sh', ['-c', `grep -rl '${SECRET}' '${lab.dir}' || true`], { encoding: 'utf8' });
    expect(found.trim().split('\n')).toEqual([join(lab.leases, 'network.yaml')]);
  });
});
