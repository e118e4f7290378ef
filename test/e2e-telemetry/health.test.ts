import { renameSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { type LabNode, labTest, peerLease } from '../support/lab.js';
import { startDaemon } from '../support/lab-daemon.js';
import { ask, askUntil, samples } from './ask.js';

const socketOf = (node: LabNode): string => join(node.runtimeDir, '..', 'health');
const served = (node: LabNode): readonly string[] => ['--resync-interval', '10h', '--healthz-socket', socketOf(node)];
const scrape = async (node: LabNode) => samples((await ask(socketOf(node), '/metrics')).body);

describe('metrics', () => {
  labTest('count what is there, what drifts and what is repaired', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    lab.put('node-c.yaml', peerLease('c'));
    lab.put('node-x.yaml', { node: 'node-x', subnet: '10.99.0.0/24', publicIP: '192.168.10.9' });
    await a.netns.ip('route add 10.7.0.0/16 via 192.168.10.7 proto static');
    const daemon = await a.watch(served(a));
    const before = await scrape(a);
    expect(
      [...before].filter(([name]) => /^flan_(ready|peers|store_connected|failing_objects|leases)/.test(name)),
    ).toEqual([
      ['flan_leases_quarantined_total', 1],
      ['flan_ready', 1],
      ['flan_peers', 2],
      ['flan_failing_objects', 0],
      ['flan_store_connected', 1],
    ]);
    expect(before.get('flan_desired_objects{kind="route"}')).toBe(2);
    expect(before.get('flan_actual_objects{kind="route"}')).toBe(2);
    expect(before.get('flan_foreign_objects{kind="route"}')).toBeGreaterThan(0);
    expect(before.get('flan_changes_total{kind="route",action="create"}')).toBe(2);
    expect(before.get('flan_drift_heal_seconds_count')).toBe(0);
    await a.netns.ip('route del 10.244.2.0/24');
    await daemon.until('healed');
    await a.netns.ip('route replace 10.244.3.0/24 via 192.168.10.99');
    await daemon.until('healed', ({ key }) => key.includes('10.244.3.0'));
    const after = await scrape(a);
    expect(after.get('flan_drift_detected_total{kind="route",action="deleted"}')).toBe(1);
    expect(after.get('flan_drift_detected_total{kind="route",action="changed"}')).toBe(1);
    expect(after.get('flan_drift_heal_seconds_count')).toBe(2);
    expect(after.get('flan_reconcile_total{result="ok"}')).toBeGreaterThan(
      before.get('flan_reconcile_total{result="ok"}') ?? 0,
    );
    expect([...after.keys()].filter((name) => /^(process|nodejs)_/.test(name)).length).toBeGreaterThan(10);
  });

  labTest('count requests that the kernel refuses, by errno', {}, async (lab) => {
    const a = lab.node();
    const daemon = await a.watch(served(a));
    lab.put('node-b.yaml', { ...peerLease('b'), publicIP: '203.0.113.7' });
    await daemon.until('failed');
    const [counts, status] = [await scrape(a), await ask(socketOf(a), '/readyz')];
    const refused = [...counts].filter(([name]) => name.startsWith('flan_netlink_errors_total'));
    expect(refused.map(([name]) => name)).toEqual(['flan_netlink_errors_total{errno="ENETUNREACH"}']);
    expect(counts.get('flan_failing_objects')).toBe(1);
    // One peer that cannot be reached does not take the node down.
    expect(status.status).toBe(200);
    lab.put('node-b.yaml', peerLease('b'));
    await daemon.until('applied', ({ changes }) => changes.some(({ key }) => key === 'route/main/10.244.2.0/24'));
    expect((await scrape(a)).get('flan_failing_objects')).toBe(0);
  });
});

describe('health and readiness', () => {
  labTest('differ while the store is waited for, and agree after that', { subnets: 'drawn' }, async (lab) => {
    const a = lab.node();
    lab.remove('network.yaml');
    const daemon = startDaemon(a.start(['watch', '--json', ...served(a)]));
    lab.onEnd(() => daemon.kill());
    await daemon.until('waiting');
    expect(await ask(socketOf(a), '/healthz')).toMatchObject({ status: 200 });
    const waiting = await ask(socketOf(a), '/readyz');
    expect(waiting.status).toBe(503);
    expect(waiting.body).toContain('waiting: ');
    expect((await ask(socketOf(a), '/')).body).toContain('Not ready');
    expect((await scrape(a)).get('flan_ready')).toBe(0);
    lab.put('network.yaml', { Network: '10.244.0.0/16', Backend: { Type: 'host-gw' } });
    await daemon.until('ready');
    for (const path of ['/healthz', '/livez', '/readyz'])
      expect(await ask(socketOf(a), path)).toMatchObject({ status: 200 });
  });

  labTest('a store that is away is told, and takes nothing down', {}, async (lab) => {
    const a = lab.node();
    const daemon = await a.watch(served(a));
    renameSync(lab.leases, `${lab.leases}.away`);
    await daemon.until('store', ({ state }) => state === 'disconnected');
    const counts = await scrape(a);
    expect(counts.get('flan_store_connected')).toBe(0);
    expect(counts.get('flan_store_lag_seconds')).toBeGreaterThanOrEqual(0);
    expect([...counts].filter(([name]) => name.startsWith('flan_watch_restarts_total{reason="E_')).length).toBe(1);
    for (const path of ['/healthz', '/readyz']) expect(await ask(socketOf(a), path)).toMatchObject({ status: 200 });
    const mark = daemon.mark();
    renameSync(`${lab.leases}.away`, lab.leases);
    await daemon.until('store', ({ state }) => state === 'connected', mark);
    expect((await scrape(a)).get('flan_store_lag_seconds')).toBe(0);
  });

  labTest('a node without its interface is not ready, but alive, and comes back', {}, async (lab) => {
    const a = lab.node();
    await a.watch(served(a));
    await a.netns.ip('address del 192.168.10.1/24 dev eth0');
    const lost = await askUntil(socketOf(a), '/readyz', ({ status }) => status === 503);
    expect(lost.body).toContain('no usable external interface');
    expect(await ask(socketOf(a), '/healthz')).toMatchObject({ status: 200 });
    await a.netns.sh('ip address add 192.168.10.1/24 dev eth0; ip route add default via 192.168.10.254');
    await askUntil(socketOf(a), '/readyz', ({ status }) => status === 200);
  });

  labTest('a port that is taken is one clear error, before anything is touched', {}, async (lab) => {
    const a = lab.node();
    const taken = createServer();
    lab.onEnd(() => taken.close());
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { code, stdout, stderr } = await a.flan([
      'watch',
      '--healthz-ip',
      '127.0.0.1',
      '--healthz-port',
      String(port),
    ]);
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^Error E_LISTEN: cannot serve health and metrics on 127\.0\.0\.1:\d+: somebody listens there\n/,
    );
    expect(a.subnetEnv()).toBeUndefined();
  });
});
