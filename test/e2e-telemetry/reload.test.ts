import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { startFlan } from '../support/cli.js';
import { defaultNetwork, type Lab, type LabNode, labTest, peerLease } from '../support/lab.js';
import { type Daemon, startDaemon } from '../support/lab-daemon.js';
import { receiver } from '../telemetry/receiver.js';

const ROUTE_B = '10.244.2.0/24 via 192.168.10.2 dev eth0';
const settingsOf = (node: LabNode): string => join(node.runtimeDir, '..', 'flan.yaml');
const put = (node: LabNode, lines: string): void => writeFileSync(settingsOf(node), lines);

async function withPeer(lab: Lab, settings: string): Promise<{ readonly a: LabNode; readonly daemon: Daemon }> {
  const a = lab.node();
  lab.put('node-b.yaml', peerLease('b'));
  put(a, settings);
  return { a, daemon: await a.watch(['-c', settingsOf(a)]) };
}

async function reload(daemon: Daemon) {
  const mark = daemon.mark();
  daemon.signal('SIGHUP');
  return { mark, ...(await daemon.until('reload', () => true, mark)) };
}

describe('SIGHUP', () => {
  labTest('says so when nothing changed, and changes in place what can be', {}, async (lab) => {
    const { a, daemon } = await withPeer(lab, 'resyncInterval: 10h');
    expect(await reload(daemon)).toMatchObject({ result: 'unchanged', changed: [] });
    put(a, `resyncInterval: 10h\nlogLevel: debug\nhealthzSocket: ${lab.dir}/health`);
    expect(await reload(daemon)).toMatchObject({ result: 'changed in place', changed: ['logLevel', 'healthzSocket'] });
    expect(statSync(`${lab.dir}/health`).isSocket()).toBe(true);
    expect(daemon.events.filter(({ type }) => type === 'ready')).toHaveLength(1);
    expect(await daemon.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  labTest('takes over changed settings with no route lost on the way', {}, async (lab) => {
    const { a, daemon } = await withPeer(lab, 'resyncInterval: 10h');
    const log = join(lab.dir, 'monitor');
    await a.netns.sh(`ip monitor route > ${log} 2>&1 & echo $! > ${log}.pid; sleep 0.2`);
    lab.onEnd(() => a.netns.sh(`kill $(cat ${log}.pid) || true`));
    put(a, 'resyncInterval: 9h\nipBlackholeRoute: true');
    const { mark, ...taken } = await reload(daemon);
    expect(taken).toMatchObject({ result: 'taken', changed: ['ipBlackholeRoute', 'resyncInterval'] });
    await daemon.until('ready', () => true, mark);
    expect(await a.netns.ip('route show type blackhole')).toContain('10.244.1.0/24');
    expect(await a.routes()).toContain(ROUTE_B);
    expect(readFileSync(log, 'utf8')).not.toMatch(/^Deleted 10\.244\.2\.0/m);
    expect(daemon.events.filter(({ type }) => type === 'stopped')).toEqual([]);
    // The new run follows its peers and the kernel as the old one did.
    const later = daemon.mark();
    lab.put('node-c.yaml', peerLease('c'));
    await daemon.until('peer', () => true, later);
    await a.netns.ip('route del 10.244.2.0/24');
    await daemon.until('healed', () => true, later);
    expect(await a.routes()).toContain(ROUTE_B);
    expect(await daemon.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  labTest('moves to a renumbered network and leaves nothing of the old one', {}, async (lab) => {
    const { a, daemon } = await withPeer(lab, 'resyncInterval: 10h');
    lab.put('network.yaml', { Network: '10.245.0.0/16', Backend: { Type: 'host-gw' } });
    lab.put('node-a.yaml', { ...peerLease('a'), subnet: '10.245.1.0/24' });
    lab.put('node-b.yaml', { ...peerLease('b'), subnet: '10.245.2.0/24' });
    const { mark, ...taken } = await reload(daemon);
    expect(taken).toMatchObject({ result: 'taken', changed: ['network config'] });
    await daemon.until('ready', () => true, mark);
    expect(await a.routes()).toEqual(['10.245.2.0/24 via 192.168.10.2 dev eth0']);
    expect(a.subnetEnv()).toContain('FLANNEL_NETWORK=10.245.0.0/16');
    // The lock went along: one daemon per network.
    expect(await a.flan(['watch', '--json'])).toMatchObject({ code: 75 });
  });

  labTest('refuses what cannot work, and everything goes on as it was', {}, async (lab) => {
    const { a, daemon } = await withPeer(lab, 'resyncInterval: 10h');
    const refusals = [
      { code: 'E_CONFIG', change: () => put(a, 'resyncInterval: soon') },
      { code: 'E_CONFIG', change: () => put(a, 'routeProtocol: 99') },
      {
        code: 'E_NETWORK_CONFIG',
        change: () => {
          put(a, 'resyncInterval: 10h');
          lab.put('network.yaml', { Network: '10.244.0.0/16', Backend: { Type: 'teleport' } });
        },
      },
      {
        code: 'E_NETWORK_OVERLAP',
        change: () => lab.put('network.yaml', { Network: '192.168.0.0/16', Backend: { Type: 'host-gw' } }),
      },
      { code: 'E_NETWORK_MISSING', change: () => lab.remove('network.yaml') },
    ];
    for (const { code, change } of refusals) {
      change();
      expect([code, await reload(daemon)]).toMatchObject([code, { result: 'refused', error: { code } }]);
    }
    const mark = daemon.mark();
    await a.netns.ip('route del 10.244.2.0/24');
    await daemon.until('healed', () => true, mark);
    expect(await a.routes()).toEqual([ROUTE_B]);
    expect(await daemon.stop()).toMatchObject({ code: 0 });
  });

  labTest('takes later what was refused at the last moment', {}, async (lab) => {
    const { a, daemon } = await withPeer(lab, 'resyncInterval: 10h');
    lab.put('network.yaml', { Network: '10.245.0.0/16', Backend: { Type: 'host-gw' } });
    lab.put('node-a.yaml', { ...peerLease('a'), subnet: '10.245.1.0/24' });
    // A folder is no place for a socket.
    put(a, `resyncInterval: 10h\nhealthzSocket: ${lab.leases}`);
    expect(await reload(daemon)).toMatchObject({ result: 'refused', error: { code: 'E_LISTEN' } });
    put(a, `resyncInterval: 10h\nhealthzSocket: ${lab.dir}/health`);
    expect(await reload(daemon)).toMatchObject({ result: 'taken', changed: ['healthzSocket', 'network config'] });
    expect(await daemon.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  labTest('is heard while the store is waited for', {}, async (lab) => {
    const a = lab.node();
    lab.remove('network.yaml');
    put(a, 'resyncInterval: 10h');
    const daemon = startDaemon(a.start(['watch', '--json', '-c', settingsOf(a)]));
    lab.onEnd(() => daemon.kill());
    await daemon.until('waiting');
    put(a, 'ipBlackholeRoute: true');
    expect(await reload(daemon)).toMatchObject({ result: 'taken', changed: ['ipBlackholeRoute', 'resyncInterval'] });
    put(a, 'ipBlackholeRoute: perhaps');
    expect(await reload(daemon)).toMatchObject({ result: 'refused', error: { code: 'E_CONFIG' } });
    lab.put('network.yaml', defaultNetwork('4'));
    await daemon.until('ready');
    expect(await a.netns.ip('route show type blackhole')).toContain('10.244.1.0/24');
    expect(await daemon.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  labTest('many times at once ends in what was written last', {}, async (lab) => {
    const { a, daemon } = await withPeer(lab, 'resyncInterval: 10h');
    for (let i = 1; i <= 10; i++) {
      put(a, `resyncInterval: ${i}h\nipBlackholeRoute: ${i % 2 === 0}`);
      daemon.signal('SIGHUP');
    }
    await daemon.until('reload', () => true);
    expect((await reload(daemon)).type).toBe('reload');
    await daemon.until('applied', ({ changes }) => changes.some(({ key }) => key.includes('10.244.1.0')));
    expect(await a.netns.ip('route show type blackhole')).toContain('10.244.1.0/24');
    expect(await daemon.stop()).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('SIGUSR1', () => {
  labTest('writes all that is known to a file that only root reads', {}, async (lab) => {
    const { a, daemon } = await withPeer(lab, 'resyncInterval: 10h');
    process.kill(daemon.pid, 'SIGUSR1');
    const { path } = await daemon.until('dumped');
    expect(path).toBe(join(a.runtimeDir, 'watch-state.json'));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const state = JSON.parse(readFileSync(path, 'utf8'));
    expect(state).toMatchObject({
      kind: 'flan.watch-state',
      about: { node: 'node-a', backend: 'host-gw' },
      failing: {},
    });
    expect(Object.keys(state.observed)).toContain('route/main/10.244.2.0/24');
    expect(state.peers.map(({ node }: { node: string }) => node)).toEqual(['node-b']);
  });
});

describe('the service manager', () => {
  labTest('hears of start, life, reload and end', {}, async (lab) => {
    const a = lab.node();
    const name = `@flan-e2e-${process.pid}-${a.netns.name}`;
    const manager = receiver(name);
    lab.onEnd(() => manager.close());
    const env = { NOTIFY_SOCKET: name, WATCHDOG_USEC: '200000' };
    const daemon = startDaemon(startFlan(['watch', '--json', ...a.flags], { env, cwd: lab.dir }));
    lab.onEnd(() => daemon.kill());
    expect(await manager.until((message) => message.startsWith('READY=1'))).toBe(
      'READY=1\nSTATUS=0 peers, 1 objects in place',
    );
    const from = manager.received.length;
    await manager.until((message) => message === 'WATCHDOG=1', from);
    await manager.until((message) => message === 'WATCHDOG=1', from + 1);
    daemon.signal('SIGHUP');
    expect(await manager.until((message) => message.startsWith('RELOADING=1'))).toMatch(
      /^RELOADING=1\nMONOTONIC_USEC=\d+\nSTATUS=Reloading$/,
    );
    await manager.until((message) => message.startsWith('READY=1'), from);
    expect(await daemon.stop()).toMatchObject({ code: 0, stderr: '' });
    await manager.until((message) => message.startsWith('STOPPING=1'));
  });
});

describe('the log', () => {
  labTest('has the format and the level that the settings say', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-x.yaml', { node: 'node-x', subnet: '10.99.0.0/24', publicIP: '192.168.10.9' });
    const child = a.start(['watch', '--log-format', 'json', '--log-level', 'warn']);
    lab.onEnd(() => child.kill('SIGKILL'));
    const line = await new Promise<string>((resolve) => {
      child.stdout.setEncoding('utf8').once('data', (chunk: string) => resolve(chunk));
    });
    expect(JSON.parse(line)).toMatchObject({
      level: 'warn',
      event: 'quarantined',
      entry: '10.99.0.0-24',
      code: 'E_LEASE',
    });
  });
});
