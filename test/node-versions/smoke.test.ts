import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { backendTypes } from '../../src/index.js';
import { flan } from '../support/cli.js';
import { labTest } from '../support/lab.js';
import { installNode } from './install-node.js';
import { NODE_VERSIONS } from './versions.js';

const ENGINE = fileURLToPath(new URL('../../dist/engine/index.js', import.meta.url));
const PATH = process.env.PATH ?? '';

for (const version of NODE_VERSIONS) {
  const node = await installNode(version);
  if (node.type === 'offline') {
    if (process.env.FLAN_REQUIRE_KERNEL === '1') throw new Error(node.why);
    process.stderr.write(`SKIPPED on Node ${version}: ${node.why}\n`);
  }

  describe.skipIf(node.type === 'offline')(`on Node ${version}`, () => {
    // The launcher takes the first node in PATH; the processes of a test file are its own.
    beforeAll(() => {
      if (node.type === 'installed') process.env.PATH = `${node.folder}${delimiter}${PATH}`;
      return () => {
        process.env.PATH = PATH;
      };
    });

    it('flan starts without a warning, with and without its code cache', async () => {
      const home = mkdtempSync(join(tmpdir(), 'flan-node-'));
      try {
        // The packs of another Node may be there, of the same V8 even: its code would crash this one.
        const before = { XDG_CACHE_HOME: home, PATH };
        for (const _ of ['chunks', 'compiled'])
          expect(await flan(['version'], { env: before })).toMatchObject({ code: 0 });
        for (const _ of ['without', 'with its chunks', 'with what is compiled']) {
          const { code, stdout, stderr } = await flan(['version', '--json'], { env: { XDG_CACHE_HOME: home } });
          expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
          expect(JSON.parse(stdout)).toMatchObject({ kind: 'flan.version', node: version });
        }
        expect(await flan(['--help'])).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('plan') });
        expect(await flan(['plan', '--nope'])).toMatchObject({ code: 64, stdout: '' });
      } finally {
        rmSync(home, { recursive: true, force: true });
      }
    });

    it('loads the stores that are packages of others', async () => {
      const etcd = ['lease', 'list', '--store=etcd', '--etcd-endpoints=http://127.0.0.1:1'];
      expect(await flan(etcd)).toMatchObject({ code: 69, stderr: expect.stringContaining('E_STORE_UNREACHABLE') });
      const kubernetes = ['lease', 'list', '--store=kubernetes', '--kubeconfig-file=/nowhere/kubeconfig'];
      const { code, stderr } = await flan(kubernetes);
      expect({ code, stderr }).toMatchObject({ code: 78, stderr: expect.stringContaining('/nowhere/kubeconfig') });
    });

    it('the engine can be imported', () => {
      const script = `import(${JSON.stringify(ENGINE)}).then((flan) => console.log(JSON.stringify(flan.backendTypes())))`;
      const printed = execFileSync('node', ['-e', script], { encoding: 'utf8', env: process.env });
      expect(JSON.parse(printed)).toEqual(backendTypes());
    });

    labTest('plans, applies, and watches', { nodes: 2 }, async ({ node }) => {
      const here = node(0);
      expect(await here.flan(['plan', '--detailed-exitcode'])).toMatchObject({ code: 2, stderr: '' });
      expect(await here.flan(['apply', '--yes'])).toMatchObject({ code: 0 });
      expect(await here.routes()).toEqual([`10.244.2.0/24 via ${node(1).address.v4} dev eth0`]);
      const daemon = await here.watch();
      await here.netns.ip('route del 10.244.2.0/24');
      await daemon.until('healed');
      expect(await here.routes()).toHaveLength(1);
      expect((await daemon.stop()).stderr).toBe('');
      expect(await here.flan(['destroy', '--yes'])).toMatchObject({ code: 0 });
      expect(await here.routes()).toEqual([]);
    });

    const network = { Network: '10.244.0.0/16', Backend: { Type: 'udp' } };
    labTest('carries the packets of udp', { nodes: 2, network, subnets: 'drawn', needs: ['tun'] }, async (lab) => {
      for (const each of lab.nodes) await each.watch();
      const [a, b] = [lab.node(0), lab.node(1)];
      const gateway = (env = ''): string => /^FLANNEL_SUBNET=(.*)\/\d+$/m.exec(env)?.[1] ?? '';
      for (const each of [a, b]) await each.addPods();
      await expect
        .poll(() => a.ping(gateway(b.subnetEnv()), gateway(a.subnetEnv())), { timeout: 10_000 })
        .toBe('answer');
    });
  });
}
