import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { flan } from '../support/cli.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flan-init-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('flan init', () => {
  it('writes what other commands run with as it is, once', async () => {
    const made = await flan(['init', 'lab', '--network', '10.8.3.7/16', '--network-v6', 'fd00::/48'], { cwd: dir });
    expect(made).toMatchObject({ code: 0, stderr: '' });
    const cwd = join(dir, 'lab');
    expect(readFileSync(join(cwd, 'leases', 'network.yaml'), 'utf8')).toMatch(/^Network: 10\.8\.0\.0\/16$/m);
    const env = { FLAN_NODE: 'a', FLAN_NODE_ID: 'a' };
    expect(await flan(['lease', 'list'], { cwd, env })).toMatchObject({ code: 0, stderr: '' });
    const reserved = await flan(['lease', 'reserve', '10.8.7.0/24', 'fd00:0:0:7::/64'], { cwd, env });
    expect(reserved).toMatchObject({ code: 0, stderr: '' });
    const again = await flan(['init', 'lab'], { cwd: dir });
    expect([again.code, again.stderr]).toEqual([1, expect.stringMatching(/^Error E_EXISTS: /)]);
  });

  it('tells that a family of the network is not carried', async () => {
    const made = await flan(['init', '--network-v6', 'fd00::/48', '--backend', 'ipip'], { cwd: dir });
    expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining('W_FAMILY_NOT_CARRIED') });
  });

  it('writes a network of IPv6 alone', async () => {
    expect((await flan(['init', '--network', 'fd00:10:244::/48'], { cwd: dir })).code).toBe(0);
    const env = { FLAN_NODE: 'a', FLAN_NODE_ID: 'a' };
    const reserved = await flan(['lease', 'reserve', 'fd00:10:244:7::/64'], { cwd: dir, env });
    expect(reserved).toMatchObject({ code: 0, stderr: '' });
    expect((await flan(['lease', 'reserve', '10.244.7.0/24'], { cwd: dir, env })).code).not.toBe(0);
  });

  it.each([
    [['--network', 'bogus'], 64, /E_USAGE: --network must be an IPv4 or IPv6 network, not "bogus"/],
    [
      ['--network', 'fd00::/48', '--network-v6', 'fd01::/48'],
      64,
      /E_USAGE: --network fd00::\/48 is an IPv6 network, and/,
    ],
    [['--network-v6', '10.0.0.0/8'], 64, /E_USAGE: --network-v6 must be an IPv6 network/],
    [['--network', '10.0.0.0/31'], 78, /E_NETWORK_CONFIG: Network is too small/],
    [['--network', '127.0.0.0/8'], 78, /E_NETWORK_CONFIG: Network 127\.0\.0\.0\/8 holds loopback addresses/],
    [['--network', 'fd00:1::/48', '--backend', 'ipip'], 1, /E_BACKEND: ipip carries IPv4 only/],
    [['--backend', 'vxlna'], 78, /E_NETWORK_CONFIG: .*did you mean 'vxlan'/],
  ])('%j is refused, and nothing is written', async (args, wanted, says) => {
    const { code, stderr } = await flan(['init', 'lab', ...args], { cwd: dir });
    expect(stderr).toMatch(says);
    expect(stderr).toMatch(/^ {2}hint: /m);
    expect(code).toBe(wanted);
    expect(existsSync(join(dir, 'lab'))).toBe(false);
  });
});
