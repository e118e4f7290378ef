import { chmodSync, copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import type { StatusDocument } from '../../src/report/status-document.js';
import { FLAN, finished } from '../support/cli.js';
import { type LabNode, labTest, peerLease } from '../support/lab.js';
import { faultsOf } from '../support/schemas.js';

async function statusOf(node: LabNode, args: readonly string[] = []): Promise<StatusDocument> {
  const { code, stdout, stderr } = await node.flan(['status', '-o', 'json', ...args]);
  expect([code, stderr]).toEqual([0, '']);
  const document = JSON.parse(stdout) as StatusDocument;
  expect(faultsOf('status', document)).toEqual([]);
  return document;
}

/** What changes with time and machine. */
const steady = (text: string): string =>
  text
    .replace(/\d+(\.\d+)? (ms|s|min)\b/g, 'TIME')
    .replace(/pid \d+/g, 'pid N')
    .replace(/file \/\S+/g, 'file LEASES')
    .replace(/flan \d+\.\d+\.\d+/, 'flan VERSION');

/** Asks until it is as wanted: what a daemon tells others comes a second later at most. */
async function until(node: LabNode, wanted: (status: StatusDocument) => boolean): Promise<StatusDocument> {
  for (let tries = 0; ; tries++) {
    const status = await statusOf(node);
    if (wanted(status) || tries === 40) return status;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe('status', () => {
  labTest('tells that the guard holds back leases that are gone all at once', {}, async (lab) => {
    const a = lab.node();
    for (const letter of ['b', 'c']) lab.put(`node-${letter}.yaml`, peerLease(letter));
    const daemon = await a.watch();
    // As when another disk is mounted: the network and the own lease are there, the peers are not.
    renameSync(lab.leases, `${lab.leases}.before`);
    mkdirSync(`${lab.leases}.new`);
    for (const file of ['network.yaml', 'node-a.yaml'])
      copyFileSync(join(`${lab.leases}.before`, file), join(`${lab.leases}.new`, file));
    renameSync(`${lab.leases}.new`, lab.leases);
    await daemon.until('held');
    const held = await until(a, ({ watch }) => watch?.guard !== undefined);
    expect(held.watch?.guard).toMatchObject({ would: 2, of: 2 });
    expect(held.problems).toContainEqual(expect.stringMatching(/^the store says that 2 of 2 peers are gone: /));
    expect(await a.routes()).toHaveLength(2);
    // They come back: nothing is held any more.
    for (const letter of ['b', 'c']) lab.put(`node-${letter}.yaml`, peerLease(letter));
    const back = await until(a, ({ watch, state }) => watch?.guard === undefined && state === 'in order');
    expect(back).toMatchObject({ state: 'in order', problems: [] });
  });

  labTest('follows a node from nothing to a running daemon and back', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    lab.put('node-x.yaml', { node: 'node-x', subnet: '10.99.0.0/24', publicIP: '192.168.10.9' });
    const fresh = await statusOf(a);
    expect(fresh).toMatchObject({
      kind: 'flan.status',
      state: 'not in order',
      node: 'node-a',
      lock: { state: 'free' },
    });
    expect(fresh.problems).toEqual(['2 changes are to be made']);
    expect(fresh.watch).toBeUndefined();
    expect((await a.flan(['status', '--detailed-exitcode'])).code).toBe(2);
    expect((await a.flan(['apply', '--yes'])).code).toBe(0);
    const applied = await statusOf(a, ['--detailed-exitcode']);
    expect(applied).toMatchObject({
      state: 'in order',
      problems: [],
      lastApply: { by: 'apply', counts: { create: 2 } },
    });
    expect(applied.look).toMatchObject({ state: 'taken', peers: 1, leftOut: [{ entry: '10.99.0.0-24' }] });

    const daemon = await a.watch();
    await a.netns.ip('route del 10.244.2.0/24');
    await daemon.until('healed');
    const running = await until(a, ({ watch }) => watch?.drift.repaired === 1);
    expect(running).toMatchObject({
      state: 'in order',
      lock: { state: 'held', holder: `pid ${daemon.pid} (flan watch)` },
      watch: {
        ready: true,
        process: { pid: daemon.pid },
        store: { state: 'connected' },
        drift: { detected: 1, repaired: 1, last: { key: 'route/main/10.244.2.0/24', what: 'deleted' } },
        run: { peers: { total: 1, failing: { count: 0 }, leftOut: { count: 1 } }, failing: { count: 0 } },
      },
    });
    expect(steady((await a.flan(['status'])).stdout)).toMatchInlineSnapshot(`
      "node-a  ✓ in order
        backend  host-gw · 10.244.0.0/16
        through  eth0 192.168.10.1 (default route)
        watch    ready, runs for TIME (pid N, flan VERSION)
        store    file LEASES connected for TIME
        lease    10.244.1.0/24 through 192.168.10.1, until released
        peers    1 in use, 1 left out
        kernel   No changes; 2 unchanged; 3 foreign objects left alone.
        drift    1 since it runs, 1 repaired; last TIME ago: route/main/10.244.2.0/24 was deleted
        applied  TIME ago, by apply: 2 × create
        lock     held by pid N (flan watch)

      left out
        10.99.0.0-24  the lease of node-x is left out: 10.99.0.0/24 is outside the network 10.244.0.0/16
      "
    `);

    lab.put('node-c.yaml', { ...peerLease('c'), publicIP: '203.0.113.7' });
    await daemon.until('failed');
    const failing = await until(a, ({ watch }) => watch?.run?.failing.count === 1);
    expect(failing.state).toBe('not in order');
    expect(failing.problems).toEqual(['1 object cannot be made', '1 change is to be made']);
    expect(failing.watch?.run?.peers.failing).toEqual({ count: 1, first: ['node-c'] });
    expect(steady((await a.flan(['status'])).stdout)).toContain('1 failing (node-c)');

    const ended = await daemon.stop();
    expect(ended.code).toBe(0);
    const after = await statusOf(a);
    expect([after.watch, after.lock]).toEqual([undefined, { state: 'free' }]);
  });

  labTest('tells what a daemon knows while the store is away, and that one was killed', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const daemon = await a.watch();
    renameSync(lab.leases, `${lab.leases}.away`);
    await daemon.until('store', ({ state }) => state === 'disconnected');
    const away = await until(a, ({ watch }) => watch?.store.state === 'disconnected');
    expect(away).toMatchObject({ state: 'not in order', look: { state: 'failed' }, lock: { state: 'held' } });
    expect(away.watch?.run?.lease.subnets).toEqual(['10.244.1.0/24']);
    expect(away.problems[0]).toContain('the store is away: ');
    await daemon.kill();
    const dead = await statusOf(a);
    expect(dead).toMatchObject({ state: 'unknown', look: { state: 'failed' } });
    expect(dead.watch).toBeUndefined();
  });

  labTest('needs no right', {}, async (lab) => {
    const a = lab.node();
    await a.watch();
    await until(a, ({ watch }) => watch?.ready === true);
    for (const dir of [lab.dir, lab.leases, join(lab.dir, a.name)]) chmodSync(dir, 0o755);
    const at = a.flags.indexOf('--netns');
    const flags = a.flags.filter((_, i) => i !== at && i !== at + 1);
    const as = 'setpriv --reuid=65534 --regid=65534 --clear-groups env HOME=/nonexistent';
    const printed = await a.netns.sh(`cd /; ${as} ${process.execPath} ${FLAN} status -o json ${flags.join(' ')}`);
    expect(JSON.parse(printed)).toMatchObject({
      state: 'in order',
      lock: { state: 'held', holder: 'somebody' },
      watch: { ready: true },
    });
  });

  labTest('--wait ends when all is in order, or says what was not', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const late = await a.flan(['status', '--wait', '--timeout', '100ms']);
    expect([late.code, late.stdout]).toEqual([1, '']);
    expect(late.stderr).toMatch(/^Error E_TIMEOUT: not in order in time: 2 changes are to be made\n/);
    const waiting = finished(a.start(['status', '--wait', '--timeout', '30s', '--json']));
    await a.watch();
    const { code, stdout } = await waiting;
    expect([code, (JSON.parse(stdout) as StatusDocument).state]).toEqual([0, 'in order']);
    expect((await a.flan(['status', '--timeout', 'soon'])).code).toBe(64);
  });
});

describe('status of an apply that waits to be confirmed', () => {
  labTest('tells until when, and what is held back after the rollback', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    expect((await a.flan(['apply', '--yes', '--confirm', '10m'])).code).toBe(0);
    const waiting = await statusOf(a);
    expect(waiting).toMatchObject({ state: 'not in order', pending: { state: 'pending' } });
    expect(waiting.pending?.deadlineMs).toBeGreaterThan(waiting.atMs);
    expect(waiting.problems).toEqual([`the last apply waits to be confirmed (${waiting.pending?.id})`]);
    expect((await a.flan(['status'])).stdout).toMatch(
      /confirm +\S+ is pending, rolled back in \d+ min: flan confirm keeps it/,
    );
    expect((await a.flan(['rollback', '--yes'])).code).toBe(0);
    const held = await statusOf(a);
    expect(held.pending).toBeUndefined();
    expect(held).toMatchObject({ state: 'not in order', onHold: { id: waiting.pending?.id } });
    expect((await a.flan(['status'])).stdout).toMatch(/held back +\d+ objects, since/);
  });
});
