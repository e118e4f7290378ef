import { describe, expect } from 'vitest';
import { labTest } from '../support/lab.js';
import { etcdLabs, HOST_GW } from './etcd-lab.js';

const etcdTest = etcdLabs();

interface Listed {
  readonly leases: readonly {
    readonly role: string;
    readonly lease: { readonly key: string; readonly expiresAtMs?: number };
  }[];
  readonly rejected: readonly { readonly entry: string; readonly code: string }[];
}

describe('on etcd', () => {
  etcdTest('list, show, reserve, release', { config: HOST_GW }, async (lab) => {
    await lab.put('10.5.2.0/24', '192.168.10.2');
    await lab.putKey('subnets/10.5.99.0-24', 'not json');
    const node = lab.node();
    const run = (args: readonly string[]) => lab.flan(node, args);
    const list = async (): Promise<Listed> => JSON.parse((await run(['lease list', '--json'])).stdout);
    const roles = async () => (await list()).leases.map(({ role, lease }) => `${role} ${lease.key}`);

    expect((await run(['lease show'])).stderr).toMatch(/^Error E_LEASE_MISSING: no lease names node-a/);
    const acquired = await run(['lease acquire', '--json', '--lease-ttl', '2h']);
    expect(acquired).toMatchObject({ code: 0, stderr: '' });
    const { kind, lease } = JSON.parse(acquired.stdout);
    expect(kind).toBe('flan.lease');
    expect(await run(['lease acquire', '--json'])).toMatchObject({ stdout: expect.stringContaining(lease.key) });
    expect(await node.routes()).toEqual([]);
    expect(node.subnetEnv()).toBeUndefined();

    expect((await roles()).sort()).toEqual([`own ${lease.key}`, 'peer 10.5.2.0-24'].sort());
    expect((await list()).rejected).toEqual([
      expect.objectContaining({ entry: expect.stringContaining('10.5.99.0-24'), code: 'E_LEASE' }),
    ]);
    const text = await run(['lease list']);
    expect(text.stdout).toMatch(/^ +own +10\.5\.\d+\.0\/24 +node-a +192\.168\.10\.1 +host-gw +-$/m);
    expect(text.stdout).toMatch(/^ +unreadable +\S*10\.5\.99\.0-24 /m);

    // A listing does not ask for each lease when it ends; showing one does.
    const shown = JSON.parse((await run(['lease show', '--json'])).stdout);
    expect(shown.lease.expiresAtMs).toBeGreaterThan(Date.now());
    expect((await run(['lease show', '10.5.2.0/24'])).stdout).toMatch(/^ +held +until released$/m);
    expect(await run(['lease show', '10.5.2.1/24'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Error E_LEASE_MISSING: .*\n.*Did you mean 10\.5\.2\.0/),
    });

    expect((await run(['lease reserve', '10.5.7.0/24'])).code).toBe(0);
    expect(await roles()).toContain('reserved 10.5.7.0-24');
    expect((await lab.permanent()).includes(lease.key)).toBe(false);
    expect((await run(['lease reserve', lease.ipv4.subnet])).code).toBe(0);
    expect((await lab.permanent()).includes(lease.key)).toBe(true);
    expect((await run(['lease show'])).stdout).toMatch(/^ +held +until released$/m);
    for (const [args, message] of [
      [['10.6.7.0/24'], /^Error E_USAGE: 10\.6\.7\.0\/24 is outside of the network 10\.5\.0\.0\/16/],
      [['10.5.7.0'], /^Error E_USAGE: "10\.5\.7\.0" is not a subnet/],
      [['10.5.7.0/24', '10.5.8.0/24'], /^Error E_USAGE: .* are of one family/],
      [[], /^Error E_USAGE: /],
    ] as const) {
      const { code, stderr } = await run(['lease reserve', ...args]);
      expect(stderr).toMatch(message);
      expect(code).toBe(64);
    }
    expect(await run(['lease reserve', '10.5.2.0/25'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Error E_SUBNET_TAKEN/),
    });

    expect(await lab.flan(node, ['lease release', '10.5.7.0/24'])).toMatchObject({
      code: 64,
      stderr: expect.stringMatching(/Error E_NO_TTY/),
    });
    expect(await run(['lease release', '10.5.7.0/24', '--yes'])).toMatchObject({
      code: 0,
      stdout: 'released 10.5.7.0-24\n',
    });
    expect(await run(['lease release', '--yes', '--json'])).toMatchObject({ code: 0 });
    expect(await roles()).toEqual(['peer 10.5.2.0-24']);
  });
});

describe('in a folder', () => {
  labTest('list, show, acquire, reserve, release', {}, async (lab) => {
    const run = (args: readonly string[]) => lab.node().flan(args);
    lab.put('node-b.yaml', { node: 'node-b', subnet: '10.244.2.0/24', publicIP: '192.168.10.2' });
    expect((await run(['lease acquire'])).stdout).toMatch(/^ +node +node-a$/m);
    expect((await run(['lease reserve', '10.244.9.0/24'])).code).toBe(0);
    const { leases } = JSON.parse((await run(['lease list', '--json'])).stdout) as Listed;
    expect(leases.map(({ role }) => role).sort()).toEqual(['own', 'peer', 'reserved']);
    expect((await run(['lease show', 'node-b'])).stdout).toMatch(
      /^ +IPv4 +10\.244\.2\.0\/24 through 192\.168\.10\.2$/m,
    );
    for (const words of [[], ['10.244.9.0/24'], ['node-b']]) {
      expect(await run(['lease release', ...words, '--yes'])).toMatchObject({ code: 0, stderr: '' });
    }
    expect(JSON.parse((await run(['lease list', '--json'])).stdout).leases).toEqual([]);
    expect((await run(['lease list'])).stdout).toBe('No leases.\n');
  });
});
