import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { FLAN, flan } from '../support/cli.js';
import { type Lab, type LabNode, labTest, peerLease } from '../support/lab.js';
import { startDaemon } from '../support/lab-daemon.js';

const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/** As a user without any privilege, born inside the namespace. */
function asNobody({ dir }: Lab, node: LabNode, args: readonly string[]) {
  chmodSync(dir, 0o755);
  const at = node.flags.indexOf('--netns');
  const flags = node.flags.filter((_, i) => i !== at && i !== at + 1);
  return flan(['netns', 'exec', node.netns.name, ...NOBODY, FLAN, ...args, ...flags], { command: 'ip', cwd: '/' });
}

const refused = (code: number, error: string, says: RegExp) => ({
  code,
  stderr: expect.stringMatching(new RegExp(`^Error ${error}: .*${says.source}[\\s\\S]*^ {2}hint: +\\S`, 'm')),
});

/** Another value of a flag that the lab gives already. */
const instead = (node: LabNode, flag: string, value: string): readonly string[] => {
  const flags = [...node.flags];
  flags[flags.indexOf(flag) + 1] = value;
  return flags;
};

const WRITERS = ['plan --out', 'plan --summary-json', 'snapshot --out', 'sysdump --output'] as const;

describe('an output that a flag names', () => {
  labTest('goes into a device and through a link, and both stay', { timeoutMs: 90_000 }, async (lab) => {
    const a = lab.node();
    const [device, link, target] = ['null', 'link', 'target'].map((name) => join(lab.dir, name)) as [
      string,
      string,
      string,
    ];
    execFileSync('mknod', [device, 'c', '1', '3']);
    symlinkSync(target, link);
    for (const writer of WRITERS) {
      const [command = '', flag = ''] = writer.split(' ');
      expect(await a.flan([command, flag, device])).toMatchObject({ code: 0 });
      expect([writer, lstatSync(device).isCharacterDevice()]).toEqual([writer, true]);
      expect(await a.flan([command, flag, link])).toMatchObject({ code: 0 });
      expect([readlinkSync(link), statSync(target).size > 0]).toEqual([target, true]);
      rmSync(target);
    }
    const both = await a.flan(['plan', '--summary-json', '/proc/self/fd/1']);
    expect(both).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\{.*"kind":"flan\.summary"/m) });
  });

  labTest('which may not be written or read there ends with 77, else with 1', { timeoutMs: 60_000 }, async (lab) => {
    const a = lab.node();
    const closed = join(lab.dir, 'closed');
    mkdirSync(closed, { mode: 0o755 });
    for (const writer of WRITERS) {
      const run = await asNobody(lab, a, [...writer.split(' '), join(closed, 'x')]);
      expect([writer, run]).toEqual([
        writer,
        expect.objectContaining(refused(77, 'E_PERMISSION', /permission denied \(EACCES\)/)),
      ]);
    }
    const plan = join(closed, 'plan');
    expect((await a.flan(['plan', '--out', plan])).code).toBe(0);
    expect(await asNobody(lab, a, ['show', plan])).toMatchObject(refused(77, 'E_PERMISSION', /EACCES/));
    expect(await a.flan(['plan', '--out', join(lab.dir, 'nowhere', 'x')])).toMatchObject(
      refused(1, 'E_FILE', /no such file or directory \(ENOENT\)/),
    );
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    expect(await asNobody(lab, a, ['lease', 'release', '10.244.1.0/24', '--yes'])).toMatchObject(
      refused(77, 'E_STORE_PERMISSION', /EACCES/),
    );
  });
});

describe('subnet.env', () => {
  labTest('is written and removed where a link leads, and never in the place of a device', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const [link, target, device] = ['link', 'target', 'null'].map((name) => join(lab.dir, name)) as [
      string,
      string,
      string,
    ];
    symlinkSync(target, link);
    const linked = instead(a, '--subnet-file', link);
    expect(await flan(['apply', '--yes', ...linked])).toMatchObject({ code: 0 });
    expect(readFileSync(target, 'utf8')).toContain('FLANNEL_SUBNET=10.244.1.1/24');
    expect(await flan(['destroy', '--yes', ...linked])).toMatchObject({ code: 0 });
    expect([readlinkSync(link), statSync(target, { throwIfNoEntry: false })]).toEqual([target, undefined]);
    execFileSync('mknod', [device, 'c', '1', '3']);
    for (const command of ['apply', 'destroy']) {
      const run = await flan([command, '--yes', ...instead(a, '--subnet-file', device)]);
      expect(run).toMatchObject(refused(1, 'E_FILE', /null: it is a device/));
    }
    expect(lstatSync(device).isCharacterDevice()).toBe(true);
  });
});

describe('a FIFO', () => {
  labTest('as a file to be read is an error at once', {}, async (lab) => {
    const a = lab.node();
    const pipe = join(lab.dir, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect(await a.flan(['plan', '--config', pipe])).toMatchObject(refusedAsConfig);
    expect(await flan(['plan', ...instead(a, '--subnet-file', pipe)])).toMatchObject(refused(1, 'E_FILE', /a FIFO/));
    rmSync(join(lab.leases, 'network.yaml'));
    execFileSync('mkfifo', [join(lab.leases, 'network.yaml')]);
    expect(await a.flan(['plan'])).toMatchObject(refused(1, 'E_FILE', /network\.yaml: it is a FIFO/));
  });
  const refusedAsConfig = { code: 78, stderr: expect.stringMatching(/E_CONFIG.*a device or a FIFO/) };
});

describe('a disk that is full', () => {
  const fill = (path: string, onEnd: Lab['onEnd']): string => {
    mkdirSync(path, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'flan-test', path]);
    onEnd(() => execFileSync('umount', [path]));
    return join(path, 'fill');
  };
  const stuff = (file: string): void => {
    try {
      writeFileSync(file, 'x'.repeat(65_536));
    } catch {
      // That is how much there is room for.
    }
  };

  labTest('below runtimeDir is named by apply, which needs it, and does not stop watch', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    stuff(fill(a.runtimeDir, lab.onEnd));
    // Without a checkpoint there would be no way back.
    expect(await a.flan(['apply', '--yes'])).toMatchObject(refused(1, 'E_CHECKPOINT', /nothing is changed/));
    const daemon = await a.watch();
    await a.netns.ip('route del 10.244.2.0/24');
    await daemon.until('applied');
    expect(await daemon.stop()).toMatchObject({ code: 0 });
  });

  labTest('below the leases is waited out by watch, and named', { subnets: 'drawn' }, async (lab) => {
    const a = lab.node();
    const file = fill(lab.leases, lab.onEnd);
    lab.put('network.yaml', { Network: '10.244.0.0/16', Backend: { Type: 'host-gw' } });
    stuff(file);
    const hint = /no space left on device \(ENOSPC\)[\s\S]*Make room on the file system of .*leases\.$/;
    const applied = await a.flan(['apply', '--yes']);
    expect(applied).toMatchObject({ code: 1, stderr: expect.stringMatching(/^Error E_STORE_REFUSED/m) });
    expect(applied.stderr).toMatch(new RegExp(hint.source, 'm'));
    const daemon = startDaemon(a.start(['watch', '--json']));
    lab.onEnd(() => daemon.kill());
    expect((await daemon.until('waiting')).error.code).toBe('E_STORE_REFUSED');
    rmSync(file);
    await daemon.until('ready');
  });
});
