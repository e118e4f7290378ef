import { chmodSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { type Finished, FLAN, finished, flan } from '../support/cli.js';
import { type Lab, type LabNode, labTest, peerLease } from '../support/lab.js';

const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

const without = (flags: readonly string[], name: string): readonly string[] =>
  flags.filter((flag, i) => flag !== name && flags[i - 1] !== name);

/** As a user without any privilege, born inside the namespace: entering one takes privilege too. */
function asNobody(node: LabNode, args: readonly string[]): Promise<Finished> {
  const flags = without(node.flags, '--netns');
  return flan(['netns', 'exec', node.netns.name, ...NOBODY, FLAN, ...args, ...flags], { command: 'ip' });
}

/** Opens what mkdtemp closed, so that others may read the leases. */
const readable = ({ dir }: Lab): void => chmodSync(dir, 0o755);

interface Failure {
  readonly code: number;
  readonly error: string;
  readonly says: RegExp;
}

function expectFailure(run: Finished, { code, error, says }: Failure): void {
  expect({ code: run.code, stdout: run.stdout }).toEqual({ code, stdout: '' });
  expect(run.stderr).toMatch(new RegExp(`^Error ${error}: `, 'm'));
  expect(run.stderr).toMatch(says);
  expect(run.stderr).toMatch(/^ {2}hint: +\S/m);
  expect(run.stderr).not.toMatch(/^ +at /m);
}

describe('exit codes', () => {
  labTest('0 and 2: nothing and something to change', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    expect((await a.flan(['plan'])).code).toBe(0);
    expect((await a.flan(['plan', '--detailed-exitcode'])).code).toBe(2);
    expect(await a.routes()).toEqual([]);
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    expect((await a.flan(['plan', '--detailed-exitcode'])).code).toBe(0);
    await a.netns.ip('route del 10.244.2.0/24');
    expect((await a.flan(['plan', '--detailed-exitcode', '--summary'])).code).toBe(2);
  });

  labTest('1: something foreign is in the way, and --adopt takes it over', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    lab.put('node-c.yaml', peerLease('c'));
    await a.netns.ip('route add 10.244.2.0/24 via 192.168.10.99 proto static');
    const before = await a.netns.ip('-N route show table all');
    expectFailure(await a.flan(['apply', '--yes']), {
      code: 1,
      error: 'E_CONFLICT',
      says: /route\/main\/10\.244\.2\.0\/24: something that is not flan's stands there/,
    });
    expect(await a.netns.ip('-N route show table all')).toBe(before);
    expect(a.subnetEnv()).toBeUndefined();
    expect((await a.flan(['plan', '--detailed-exitcode'])).code).toBe(2);
    const adopted = await a.flan(['apply', '--yes', '--adopt']);
    expect(adopted).toMatchObject({ code: 0, stdout: expect.stringMatching(/1 adopted/) });
    expect(await a.routes()).toEqual([
      '10.244.2.0/24 via 192.168.10.2 dev eth0',
      '10.244.3.0/24 via 192.168.10.3 dev eth0',
    ]);
  });

  labTest('64: the command line is wrong, or there is nobody to ask', {}, async (lab) => {
    const a = lab.node();
    expectFailure(await a.flan(['apply', '--yess']), { code: 64, error: 'E_USAGE', says: /--yess/ });
    expectFailure(await a.flan(['plan', '--route-protocol', '1000']), {
      code: 64,
      error: 'E_USAGE',
      says: /routeProtocol/,
    });
    expectFailure(await a.flan(['plan', '--target', 'foo:bar']), { code: 64, error: 'E_USAGE', says: /'foo:bar'/ });
    const unasked = await a.flan(['apply'], { input: '' });
    expect(unasked).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/^Error E_NO_TTY: .*\n +hint: +Pass --yes/m),
    });
    expect(await a.routes()).toEqual([]);
  });

  labTest('65: a lease is malformed', {}, async (lab) => {
    lab.put('node-b.yaml', 'node: node-b\nsubnet: 10.244.2.7/24\n');
    const checked = await lab.node().flan(['validate']);
    expect(checked).toMatchObject({ code: 65, stderr: '' });
    expect(checked.stdout).toMatch(/node-b\.yaml:2:1: .*did you mean '10\.244\.2\.0\/24'\?/);
    lab.put('node-b.yaml', peerLease('b'));
    expect((await lab.node().flan(['validate'])).code).toBe(0);
  });

  labTest('69: the store cannot be reached', {}, async (lab) => {
    const flags = without(lab.node().flags, '--leases');
    expectFailure(await flan(['plan', ...flags, '--leases', `${lab.dir}/nowhere`]), {
      code: 69,
      error: 'E_STORE_UNREACHABLE',
      says: /cannot read .*nowhere: it does not exist/,
    });
    const etcd = ['--store', 'etcd', '--etcd-endpoints', 'http://127.0.0.1:9'];
    expectFailure(await flan(['plan', ...flags, ...etcd]), {
      code: 69,
      error: 'E_STORE_UNREACHABLE',
      says: /127\.0\.0\.1:9/,
    });
  });

  labTest('a namespace that is not there is no bug of ours, whoever is asked', {}, async (lab) => {
    const flags = [...without(lab.node().flags, '--netns'), '--netns', 'flan-nowhere'];
    const commands = [
      'plan',
      'apply --yes',
      'watch',
      'destroy --yes',
      'status',
      'doctor',
      'explain 10.244.2.1',
      'sysdump',
    ];
    for (const command of [...commands, 'show facts', 'checkpoint ls', 'resume']) {
      const told = await flan([...command.split(' '), ...flags]);
      expect([command, told.stderr]).toEqual([
        command,
        expect.stringMatching(/^Error E_NETNS: network namespace 'flan-nowhere': there is no such network namespace$/m),
      ]);
    }
  });

  labTest('75: there is one writer per host, and readers are not kept out', {}, async (lab) => {
    const a = lab.node();
    const daemon = await a.watch();
    const locked = { code: 75, error: 'E_LOCKED', says: new RegExp(`pid ${daemon.pid} \\(flan watch\\)`) };
    for (const command of [['apply', '--yes'], ['watch'], ['destroy', '--yes']]) {
      expectFailure(await a.flan(command), locked);
    }
    expect((await a.flan(['plan', '--detailed-exitcode'])).code).toBe(0);
    await daemon.kill();
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
  });

  labTest('whoever changes the host may wait for the one before', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const daemon = await a.watch();
    for (const command of ['destroy', 'prune', 'adopt', 'apply']) {
      const wrong = await a.flan([command, '--yes', '--lock-timeout', 'soon']);
      expect([command, wrong.code, wrong.stderr]).toEqual([command, 64, expect.stringContaining("not 'soon'")]);
      expect(await a.flan([command, '--yes', '--lock-timeout', '10ms'])).toMatchObject({ code: 75 });
    }
    const waiting = finished(a.start(['destroy', '--yes', '--lock-timeout', '20s']));
    await daemon.stop();
    expect(await waiting).toMatchObject({ code: 0, stderr: '' });
    expect(await a.routes()).toEqual([]);
  });

  labTest('77: apply, watch and destroy need privilege; plan, show and validate do not', {}, async (lab) => {
    const a = lab.node();
    readable(lab);
    lab.put('node-b.yaml', peerLease('b'));
    const plan = await asNobody(a, ['plan']);
    expect(plan).toMatchObject({ code: 0, stderr: '' });
    expect(plan.stdout).toMatch(/10\.244\.2\.0\/24 +via 192\.168\.10\.2 dev eth0/);
    expect(plan.stdout).toBe((await a.flan(['plan'])).stdout);
    expect((await asNobody(a, ['validate'])).stdout).toMatch(/^valid: host-gw on eth0, file .*, 1 peer$/m);
    for (const command of [['show', 'observed'], ['show', 'facts'], ['show', 'leases'], ['validate']]) {
      expect(await asNobody(a, command)).toMatchObject({ code: 0, stderr: '' });
    }
    for (const command of [['apply', '--yes'], ['watch'], ['destroy', '--yes']]) {
      expectFailure(await asNobody(a, command), { code: 77, error: 'E_PERMISSION', says: /needs CAP_NET_ADMIN/ });
    }
    expect(await a.routes()).toEqual([]);
    const entering = await flan([...NOBODY.slice(1), FLAN, 'plan', ...a.flags], { command: 'setpriv' });
    expectFailure(entering, { code: 77, error: 'E_PERMISSION', says: /entering it is not permitted/ });
  });

  labTest('78: the configuration is missing or wrong', {}, async (lab) => {
    const a = lab.node();
    const wrong: readonly (readonly [string, RegExp])[] = [
      ['Network: 10.244.0.0/16\n  Backend: {', /network\.yaml:\d+:\d+/],
      ['Network: 7\n', /Network/],
      ['Network: 10.244.0.0/16\nSubnetLen: 12\n', /SubnetLen/],
      ['Network: 10.244.0.0/16\nBackend: { Type: vxlna }\n', /did you mean 'vxlan'\?/i],
      ['Network: 192.168.0.0/16\nBackend: { Type: host-gw }\n', /192\.168\.10\.\d+/],
    ];
    for (const [text, says] of wrong) {
      lab.put('network.yaml', text);
      expectFailure(await a.flan(['plan']), { code: 78, error: 'E_(NETWORK_\\w+|CONFIG)', says });
    }
    lab.remove('network.yaml');
    expectFailure(await a.flan(['plan']), { code: 78, error: 'E_NETWORK_MISSING', says: /network/ });
    lab.put('network.yaml', { Network: '10.244.0.0/16', Backend: { Type: 'host-gw' } });
    expectFailure(await a.flan(['plan', '--iface', 'eth7']), { code: 78, error: 'E_IFACE', says: /eth7/ });
    await a.netns.ip('route del default');
    expectFailure(await a.flan(['apply', '--yes']), { code: 78, error: 'E_IFACE', says: /default route/ });
  });
});

describe('under --json', () => {
  labTest('every command prints one document with format_version and kind on stdout', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const kindOf = async (args: readonly string[], code = 0): Promise<unknown> => {
      const run = await a.flan([...args, '--json']);
      expect({ code: run.code, stderr: run.stderr }).toEqual({ code, stderr: '' });
      const document = JSON.parse(run.stdout) as { readonly format_version: string; readonly kind: string };
      expect(document.format_version).toBe('1.0');
      return document.kind;
    };
    expect(await kindOf(['plan'])).toBe('flan.plan');
    expect(await kindOf(['apply', '--yes'])).toBe('flan.apply');
    expect(await kindOf(['destroy', '--yes'])).toBe('flan.destroy');
    expect(await kindOf(['validate'])).toBe('flan.validate');
    expect(await kindOf(['plan', '--iface', 'eth7'], 78)).toBe('flan.error');
  });

  labTest('an error is a document with code, cause and hint; the stack comes with --debug only', {}, async (lab) => {
    lab.put('network.yaml', 'Network: [');
    const run = async (...args: readonly string[]) =>
      JSON.parse((await lab.node().flan(['plan', '--json', ...args])).stdout);
    const { error } = await run();
    expect(error).toMatchObject({ code: 'E_NETWORK_CONFIG', message: expect.any(String), hint: expect.any(String) });
    expect(error.stack).toBeUndefined();
    expect((await run('--debug')).error.stack).toContain('    at ');
  });
});
