import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { isInstalled } from '../../src/drivers/run-tool.js';
import { type Lab, labTest, peerLease } from '../support/lab.js';
import { faultsOf } from '../support/schemas.js';
import { removeDevices } from '../wireguard/overlay.js';

const PASSWORD = 'correct-horse+battery/staple';
const KEY = Buffer.alloc(32, 0x5c).toString('base64');
const PSK = Buffer.from('an ordinary preshared key, 32 by').toString('base64');
const TOKEN = 'abcdef.0123456789abcdef';
const CLIENT_KEY = Buffer.from('-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n').toString('base64');
const EXEC_VALUE = 'value-of-an-exec-plugin';
const SECRETS = [PASSWORD, KEY, PSK, TOKEN, CLIENT_KEY, EXEC_VALUE];
/** As bytes of them can be written. */
const FORMS = SECRETS.flatMap((secret) => [
  ...[secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64'), Buffer.from(secret).toString('hex')],
  ...([KEY, PSK].includes(secret) ? [Buffer.from(secret, 'base64').toString('hex')] : []),
]);

const KUBECONFIG = {
  ...{
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'c',
    contexts: [{ name: 'c', context: { cluster: 'k', user: 'u' } }],
  },
  clusters: [{ name: 'k', cluster: { server: 'https://127.0.0.1:9', 'insecure-skip-tls-verify': true } }],
  users: [
    { name: 'u', user: { token: TOKEN } },
    {
      name: 'v',
      user: { 'client-key-data': CLIENT_KEY, exec: { command: 'x', env: [{ name: 'A', value: EXEC_VALUE }] } },
    },
  ],
};

/** Writes every secret to where flan takes it from. @returns the flags that say where */
function plant(lab: Lab): readonly string[] {
  const put = (name: string, content: string): string => {
    const path = join(lab.dir, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  return [
    ...['--kubeconfig-file', put('kubeconfig', JSON.stringify(KUBECONFIG))],
    ...['--wireguard-key-file', put('wgkey', `${KEY}\n`)],
    ...['--etcd-password-file', put('password', `${PASSWORD}\n`)],
  ];
}

/** @returns every file of the archive by its name */
function unpack(lab: Lab, archive: string): ReadonlyMap<string, string> {
  const dir = join(lab.dir, 'unpacked');
  mkdirSync(dir);
  execFileSync('tar', ['-xzf', archive, '--strip-components=1', '-C', dir], { stdio: 'pipe' });
  const names = readdirSync(dir, { recursive: true, encoding: 'utf8' });
  return new Map(
    names
      .filter((name) => statSync(join(dir, name)).isFile())
      .map((name) => [name, readFileSync(join(dir, name), 'utf8')]),
  );
}

const leaksIn = (files: ReadonlyMap<string, string>): readonly string[] =>
  [...files].flatMap(([name, text]) => FORMS.filter((form) => text.includes(form)).map((form) => `${name}: ${form}`));

describe('flan sysdump', () => {
  labTest(
    'holds what there is, and of planted secrets nothing',
    { network: { Network: '10.244.0.0/16', Backend: { Type: 'host-gw', PSK } }, needs: ['nft'], timeoutMs: 60_000 },
    async (lab) => {
      const a = lab.node();
      lab.put('node-b.yaml', peerLease('b'));
      const flags = plant(lab);
      expect((await a.flan(['apply', '--yes', ...flags])).code).toBe(0);
      // Where secrets of flan's may stand though they should not.
      writeFileSync(
        join(a.runtimeDir, 'watch-state.json'),
        JSON.stringify({ url: `https://me:${PASSWORD}@x`, KEY, n: TOKEN }),
      );
      writeFileSync(a.subnetFile, `${a.subnetEnv()}X=${Buffer.from(KEY, 'base64').toString('hex')}\n`);
      const aliases = [PASSWORD, KEY, PSK, TOKEN, EXEC_VALUE].map(
        (secret, i) => `ip link add s${i} type bridge; ip link set s${i} alias '${secret}'`,
      );
      await a.netns.sh(`${aliases.join('; ')}; nft add table ip x '{ comment "${PSK}"; }'`);
      expect(await a.netns.sh('ip -d link')).toContain(PASSWORD);
      const archive = join(lab.dir, 'dump.tar.gz');
      // The password is only used with etcd: as a setting it is there all the same.
      const env = { FLAN_ETCD_PASSWORD: PASSWORD };
      const run = await a.flan(['sysdump', '-o', archive, ...flags], { env });
      expect(run.code).toBe(0);
      expect(run.stdout).toMatch(/dump\.tar\.gz: \d+ files, \d+ KiB\n$/);
      expect(statSync(archive).mode & 0o777).toBe(0o600);
      const files = unpack(lab, archive);
      expect(leaksIn(files)).toEqual([]);
      expect([...files.values()].join('\n').match(/\(redacted\)/g)?.length).toBeGreaterThan(7);
      for (const name of ['settings', 'doctor', 'host', 'network', 'facts', 'leases', 'observed', 'desired', 'plan']) {
        expect(JSON.parse(files.get(`${name}.json`) ?? '')).toBeDefined();
      }
      expect(files.get('host/ip-route-4.txt')).toContain('10.244.2.0/24 via 192.168.10.2 dev eth0 proto 70');
      expect(files.get('host/nft-ruleset.txt')).toContain('table ip x');
      expect(files.get('plan.txt')).toMatch(/^node-a · host-gw/);
      expect(files.get('subnet.env')).toContain('FLANNEL_SUBNET=10.244.1.1/24');
      expect(files.get('leases.json')).toContain('10.244.2.0-24');
      const manifest = JSON.parse(files.get('manifest.json') ?? '') as { kind: string; files: string[] };
      expect(manifest.kind).toBe('flan.sysdump');
      expect(['manifest.json', ...manifest.files].sort()).toEqual([...files.keys()].sort());
    },
  );

  labTest('is written though the store does not answer, and goes down a pipe', { timeoutMs: 60_000 }, async (lab) => {
    const a = lab.node();
    const flags = [...plant(lab), '--store', 'kubernetes'];
    const archive = join(lab.dir, 'dump.tar.gz');
    const told = await a.flan(['sysdump', '--json', '-o', archive, ...flags]);
    expect(told.code).toBe(0);
    expect(JSON.parse(told.stdout)).toMatchObject({ kind: 'flan.sysdump', path: archive });
    expect(faultsOf('sysdump', JSON.parse(told.stdout))).toEqual([]);
    const files = unpack(lab, archive);
    expect(leaksIn(files)).toEqual([]);
    expect(files.get('doctor.json')).toContain('E_STORE_UNREACHABLE');
    expect(files.has('plan.json')).toBe(false);
    const piped = await a.netns.sh(
      `cd ${lab.dir} && ${process.execPath} ${process.cwd()}/bin/flan.js sysdump -o - ${a.flags.join(' ')} | tar -tzf -`,
    );
    expect(piped).toMatch(/^flan-sysdump-node-a-\d{8}T\d{6}Z\/manifest\.json$/m);
    expect((await a.flan(['sysdump', '-o', '-', '--json'])).code).toBe(64);
    const refused = await a.flan(['sysdump', '-o', '/nowhere/x.tar.gz']);
    expect(refused.stderr).toMatch(/^Error E_FILE: cannot write \/nowhere\/x\.tar\.gz/m);
  });

  describe.runIf(isInstalled('wireguard-go', {}))('with backend wireguard', () => {
    labTest(
      "holds neither the tunnel's key nor the network's",
      {
        network: { Network: '10.244.0.0/16', Backend: { Type: 'wireguard', PSK, Mode: 'ipv4' } },
        ...{ needs: ['tun'], timeoutMs: 60_000 },
      },
      async (lab) => {
        const a = lab.node();
        lab.onEnd(() => removeDevices(a));
        const peer = Buffer.alloc(32, 7).toString('base64');
        lab.put('node-b.yaml', { ...peerLease('b'), backendType: 'wireguard', backendData: { PublicKey: peer } });
        const keyFile = join(lab.dir, 'made', 'wgkey');
        const flags = ['--wireguard-key-file', keyFile];
        expect((await a.flan(['apply', '--yes', ...flags])).code).toBe(0);
        const key = readFileSync(keyFile, 'utf8');
        const archive = join(lab.dir, 'dump.tar.gz');
        expect((await a.flan(['sysdump', '-o', archive, ...flags])).code).toBe(0);
        const files = unpack(lab, archive);
        const own = [key, Buffer.from(key, 'base64').toString('hex')];
        expect(leaksIn(files)).toEqual([]);
        expect([...files.values()].filter((text) => own.some((form) => text.includes(form)))).toEqual([]);
        // What is public stays: peers are told apart by it.
        expect(files.get('observed.json')).toContain(peer);
        expect(files.get('network.json')).toContain('(redacted)');
      },
    );
  });
});
