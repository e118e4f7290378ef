import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect } from 'vitest';
import { type Finished, finished, flan } from '../support/cli.js';
import { type Lab, type LabNode, labTest, peerLease } from '../support/lab.js';

const COUNT = 2000;
const MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
const DIE_AFTER = fileURLToPath(new URL('die-after.ts', import.meta.url));
const BIG = {
  network: { Network: '10.128.0.0/9', SubnetLen: 24, Backend: { Type: 'host-gw' } },
  subnets: 'drawn',
} as const;

const subnet = (i: number): string => `10.${130 + (i >> 8)}.${i & 255}.0/24`;
const leases = (gateway: number, count = COUNT): unknown =>
  Array.from({ length: count }, (_, i) => ({ node: `n${i}`, subnet: subnet(i), publicIP: `192.168.10.${gateway}` }));
const routesVia = (gateway: number, count = COUNT): string[] =>
  Array.from({ length: count }, (_, i) => `${subnet(i)} via 192.168.10.${gateway} dev eth0`);

/** Routes of others: inside the network and outside, with our mark and without, on our keys at another metric. */
async function addForeign({ netns, foreignRoutes }: LabNode): Promise<string> {
  await netns.sh(
    [
      'ip route add 10.140.0.0/24 via 192.168.10.99 proto static',
      'ip route add 10.130.0.0/24 via 192.168.10.99 metric 5 proto bird',
      'ip route add blackhole 10.130.7.0/24 metric 9',
      'ip route add 172.20.0.0/16 via 192.168.10.98',
      'ip route add 10.130.1.0/24 via 192.168.10.97 table 77',
      'ip -6 route add fd77::/64 via fe80::1 dev eth0 proto static',
    ].join('; '),
  );
  return foreignRoutes();
}

/** Made into one file, which starts much sooner than the sources do. */
async function buildDieAfter({ dir }: Lab) {
  const outfile = `${dir}/die-after.cjs`;
  const how = { bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' } as const;
  await build({ entryPoints: [DIE_AFTER], outfile, external: ['koffi'], ...how });
  return (node: LabNode, outcomes: number): Promise<Finished> =>
    flan([outfile, String(outcomes), ...node.flags], { command: process.execPath, env: { NODE_PATH: MODULES } });
}

async function expectConverged({ node, lab }: { node: LabNode; lab: Lab }, gateway: number): Promise<void> {
  const applied = await node.flan(['apply', '--yes']);
  expect({ code: applied.code, stderr: applied.stderr }).toEqual({ code: 0, stderr: '' });
  expect(await node.routes()).toEqual(routesVia(gateway));
  expect((await node.flan(['plan', '--detailed-exitcode', '--summary'])).code).toBe(0);
  // The lease that a killed run took is the one that the next run keeps.
  expect(await lab.node().netns.sh(`grep -l id-a ${lab.leases}/*.json | wc -l`)).toBe('1\n');
}

describe('kill -9 during apply', () => {
  labTest(
    'after so many outcomes: the next run converges, and nothing foreign was touched',
    { ...BIG, timeoutMs: 90_000 },
    async (lab) => {
      const node = lab.node();
      const dieAfter = await buildDieAfter(lab);
      const foreign = await addForeign(node);
      let gateway = 2;
      lab.put('peers.json', leases(gateway));
      // In the first slice, at its end, between and in the last one; then the same while all of them move and go.
      for (const outcomes of [1, 400, 1201]) {
        expect(await dieAfter(node, outcomes)).toMatchObject({ signal: 'SIGKILL' });
        expect((await node.routes()).length).toBe(outcomes);
        expect(await node.foreignRoutes()).toBe(foreign);
        await node.netns.ip('route flush proto 70');
      }
      expect(await dieAfter(node, COUNT)).toMatchObject({ signal: 'SIGKILL' });
      expect(node.subnetEnv()).toBeUndefined();
      await expectConverged({ node, lab }, gateway);
      for (const outcomes of [3, 1999]) {
        gateway++;
        lab.put('peers.json', leases(gateway));
        expect(await dieAfter(node, outcomes)).toMatchObject({ signal: 'SIGKILL' });
        expect((await node.routes()).filter((line) => line.includes(`via 192.168.10.${gateway} `))).toHaveLength(
          outcomes,
        );
        await expectConverged({ node, lab }, gateway);
      }
      lab.remove('peers.json');
      expect(await dieAfter(node, 777)).toMatchObject({ signal: 'SIGKILL' });
      expect(await node.routes()).toHaveLength(COUNT - 777);
      expect((await node.flan(['apply', '--yes', '--allow-mass-delete'])).code).toBe(0);
      expect(await node.routes()).toEqual([]);
      expect(await node.foreignRoutes()).toBe(foreign);
    },
  );

  labTest('at any moment', { ...BIG, timeoutMs: 60_000 }, async (lab) => {
    const node = lab.node();
    const foreign = await addForeign(node);
    let gateway = 2;
    for (const afterMs of [60, 90, 110, 130, 150, 180]) {
      lab.put('peers.json', leases(++gateway));
      const child = node.start(['apply', '--yes']);
      const end = finished(child);
      await sleep(afterMs);
      child.kill('SIGKILL');
      await end;
      expect(await node.foreignRoutes()).toBe(foreign);
    }
    await expectConverged({ node, lab }, gateway);
    expect(await node.foreignRoutes()).toBe(foreign);
  });
});

describe('kill -9 during watch', () => {
  labTest('the next one takes up what is left: what moved, what went and what is new', BIG, async (lab) => {
    const node = lab.node();
    const foreign = await addForeign(node);
    lab.put('peers.json', leases(2));
    const first = await node.watch();
    lab.put('peers.json', leases(3));
    await first.until('applied');
    await first.kill();
    expect(await node.foreignRoutes()).toBe(foreign);
    lab.put('peers.json', leases(4, 1500));
    await node.netns.ip(`route del ${subnet(5)}`);
    const second = await node.watch();
    expect(await node.routes()).toEqual(routesVia(4, 1500));
    expect((await second.until('lease')).lease.key).toBe((await first.until('lease')).lease.key);
    lab.remove('peers.json');
    await second.until('peer', ({ change }) => change === 'removed');
    await second.kill();
    expect(await node.foreignRoutes()).toBe(foreign);
    // Nearly all at once is not believed at first, unless one says so.
    await (await node.watch(['--delete-guard', 'off'])).stop();
    expect(await node.routes()).toEqual([]);
    expect(await node.foreignRoutes()).toBe(foreign);
  });
});

describe('signals', () => {
  labTest('end watch well and leave everything in place', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const daemon = await node.watch();
      const ended = await daemon.stop(signal);
      expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
      expect(daemon.events.at(-1)).toMatchObject({ type: 'stopped' });
      expect(await node.routes()).toEqual(['10.244.2.0/24 via 192.168.10.2 dev eth0']);
      expect(node.subnetEnv()).toMatch(/^FLANNEL_NETWORK=/);
    }
  });

  labTest(
    'end an apply that waits, with 128 and their number, and nothing changed',
    { subnets: 'drawn' },
    async (lab) => {
      const node = lab.node();
      const locked = lab.node().netns.sh(`flock ${lab.leases}/.lock sh -c 'echo held > ${lab.dir}/held; sleep 20'`);
      locked.catch(() => undefined);
      while ((await node.netns.sh(`cat ${lab.dir}/held 2>/dev/null || true`)) === '') await sleep(5);
      for (const [signal, code, error] of [
        ['SIGINT', 130, 'E_INTERRUPTED'],
        ['SIGTERM', 143, 'E_TERMINATED'],
      ] as const) {
        const child = node.start(['apply', '--yes']);
        const end = finished(child);
        // The plan is shown before the lease is asked for.
        await new Promise((resolve) => child.stdout.once('data', resolve));
        child.kill(signal);
        const ended = await end;
        expect(ended.code).toBe(code);
        expect(ended.stderr).toMatch(new RegExp(`^Error ${error}: stopped by ${signal}`, 'm'));
        expect(ended.stderr).not.toMatch(/^ +at /m);
        expect(node.subnetEnv()).toBeUndefined();
      }
    },
  );
});
