import { readFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { type LabNode, peerLease } from '../support/lab.js';
import { ask, charonPid, ipsecNetwork, ipsecTest, names, PSK, socketOf } from './overlay.js';

const NAME = 'flan:192.168.10.1-10.244.1.0/24-10.244.2.0/24-192.168.10.2';
const PATIENCE_MS = 15_000;

/** Waits until `look` returns what is expected. */
async function becomes<T>(look: () => Promise<T>, expected: T): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const now = await look().catch(String);
    if (JSON.stringify(now) === JSON.stringify(expected)) return;
    if (performance.now() > endMs) expect(now).toEqual(expected);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const secretCount = (node: LabNode) =>
  ask(node, async (client) => ((await client.request('get-shared')).keys as readonly string[]).length);

describe('watch with backend ipsec', () => {
  ipsecTest('follows peers, and puts back what is unloaded by hand', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const daemon = await node.watch();
    expect(await names(node)).toEqual([NAME]);
    lab.put('node-c.yaml', peerLease('c'));
    await becomes(async () => (await names(node)).length, 2);
    lab.remove('node-c.yaml');
    await becomes(() => names(node), [NAME]);
    expect(await secretCount(node)).toBe(2);
    const from = daemon.mark();
    await ask(node, (client) => client.request('unload-conn', { name: NAME }));
    await daemon.until(
      'drift',
      ({ drift }) => drift.key.startsWith('ipsec-connection/') && drift.what === 'deleted',
      from,
    );
    await becomes(() => names(node), [NAME]);
    const next = daemon.mark();
    await ask(node, async (client) => {
      for (const id of (await client.request('get-shared')).keys as readonly string[])
        await client.request('unload-shared', { id });
    });
    await daemon.until('healed', ({ key }) => key.startsWith('ipsec-secret/'), next);
    await becomes(() => secretCount(node), 2);
  });

  ipsecTest('starts charon again when it is killed, and loads everything', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const daemon = await node.watch();
    const before = charonPid(node);
    process.kill(before, 'SIGKILL');
    await daemon.until('healed', ({ key }) => key === 'ike-daemon/charon');
    await becomes(() => names(node), [NAME]);
    expect(await secretCount(node)).toBe(2);
    expect(charonPid(node)).not.toBe(before);
  });

  ipsecTest('leaves charon and what is in it to the next one', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const first = await node.watch();
    const pid = charonPid(node);
    expect((await first.stop()).code).toBe(0);
    process.kill(pid, 0);
    expect(await names(node)).toEqual([NAME]);
    const second = await node.watch();
    expect(second.events.filter(({ type }) => type === 'applied')).toEqual([]);
    expect(charonPid(node)).toBe(pid);
  });

  ipsecTest('waits for a charon of somebody else’s to come back, and fills it', { nodes: 2 }, async (lab) => {
    const [node, host] = [lab.node(0), lab.node(1)];
    await host.flan(['apply', '--yes']);
    const daemon = await node.watch(['--vici-socket', socketOf(host)]);
    const has = async () => (await names(host)).includes(NAME);
    expect(await has()).toBe(true);
    const before = charonPid(host);
    process.kill(before, 'SIGKILL');
    await daemon.until('drift', ({ drift }) => drift.key === 'ike-daemon/charon');
    // The two share a charon and a network, so each takes what the other loads for something left over: what either
    // has just done may be undone before it is verified, and is not to be rolled back for that.
    await host.flan(['apply', '--yes', '--no-atomic']);
    expect(charonPid(host)).not.toBe(before);
    await becomes(has, true);
  });

  ipsecTest('takes another key at a reload', {}, async (lab) => {
    const node = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const daemon = await node.watch();
    const idsOf = () => ask(node, async (client) => (await client.request('get-shared')).keys as readonly string[]);
    const before = await idsOf();
    lab.put('network.yaml', ipsecNetwork({ PSK: PSK.toUpperCase() }));
    const from = daemon.mark();
    daemon.signal('SIGHUP');
    await daemon.until('applied', ({ changes }) => changes.some(({ key }) => key.startsWith('ipsec-secret/')), from);
    await becomes(async () => (await idsOf()).filter((id) => before.includes(id)).length, 0);
    expect(await idsOf()).toHaveLength(2);
    expect(await names(node)).toEqual([NAME]);
    const said = JSON.stringify(daemon.events);
    expect(said).not.toContain(PSK);
    expect(said).not.toContain(PSK.toUpperCase());
    expect(readFileSync(`${lab.leases}/network.yaml`, 'utf8')).toContain(PSK.toUpperCase());
  });
});
