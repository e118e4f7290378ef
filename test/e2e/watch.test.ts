import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import type { WatchEvent } from '../../src/reconcile/events.js';
import { labTest, peerLease } from '../support/lab.js';

/** So far away that no repair in here can come from it. */
const NO_POLLING = ['--resync-interval', '10h'];
const B = 'route/main/10.244.2.0/24';
const ROUTE_B = '10.244.2.0/24 via 192.168.10.2 dev eth0';

type EventOf<T extends WatchEvent['type']> = Extract<WatchEvent, { type: T }>;
const healed =
  (key: string) =>
  (event: EventOf<'healed'>): boolean =>
    event.key === key;
const made =
  (key: string, action = 'create') =>
  ({ changes }: EventOf<'applied'>): boolean =>
    changes.some((change) => change.key === key && change.action === action);

describe('watch follows its peers', () => {
  labTest('which come, move and go; nothing else is touched', { families: '46' }, async (lab) => {
    const a = lab.node();
    const before = await a.foreignRoutes();
    const daemon = await a.watch(NO_POLLING);
    lab.put('node-b.yaml', peerLease('b', '46'));
    await daemon.until('applied', made('route/main/fd00:10:244:2::/64'));
    expect(await a.routes()).toEqual([ROUTE_B, 'fd00:10:244:2::/64 via fd00:192:168:10::2 dev eth0']);
    lab.put('node-b.yaml', { ...peerLease('b', '46'), publicIP: '192.168.10.22', publicIPv6: 'fd00:192:168:10::22' });
    await daemon.until('applied', made('route/main/fd00:10:244:2::/64', 'update'));
    expect(await a.routes()).toEqual([
      '10.244.2.0/24 via 192.168.10.22 dev eth0',
      'fd00:10:244:2::/64 via fd00:192:168:10::22 dev eth0',
    ]);
    lab.remove('node-b.yaml');
    await daemon.until('applied', made('route/main/fd00:10:244:2::/64', 'delete'));
    expect(await a.routes()).toEqual([]);
    expect(await a.foreignRoutes()).toBe(before);
    expect(daemon.events.flatMap((event) => (event.type === 'peer' ? [event.change] : []))).toEqual([
      'added',
      'changed',
      'removed',
    ]);
    expect(await daemon.stop()).toMatchObject({ code: 0, signal: null, stderr: '' });
  });

  labTest('and keeps everything while the store is away', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    lab.put('node-c.yaml', peerLease('c'));
    const daemon = await a.watch(NO_POLLING);
    const before = await a.routes();
    expect(before).toHaveLength(2);
    renameSync(lab.leases, `${lab.leases}.away`);
    await daemon.until('store', ({ state }) => state === 'disconnected');
    // The kernel is still looked after.
    await a.netns.ip('route del 10.244.2.0/24');
    await daemon.until('healed', healed(B));
    expect(await a.routes()).toEqual(before);
    const mark = daemon.mark();
    renameSync(`${lab.leases}.away`, lab.leases);
    await daemon.until('store', ({ state }) => state === 'connected', mark);
    expect(await a.routes()).toEqual(before);
  });

  labTest('and takes its own lease back when the entry is gone', { subnets: 'drawn' }, async (lab) => {
    const a = lab.node();
    const daemon = await a.watch(NO_POLLING);
    const { lease } = await daemon.until('lease', ({ why }) => why === 'held');
    lab.remove(`${lease.key}.json`);
    const renewed = await daemon.until('lease', ({ why }) => why === 'renewed');
    expect(renewed.lease.key).toBe(lease.key);
    expect((await a.netns.sh(`cat ${lab.leases}/${lease.key}.json`)).includes('id-a')).toBe(true);
  });

  labTest('and ends with 9 when another node took its lease', { subnets: 'drawn' }, async (lab) => {
    const a = lab.node();
    const daemon = await a.watch(NO_POLLING);
    const { lease } = await daemon.until('lease');
    const routes = await a.routes();
    lab.put(`${lease.key}.json`, {
      ...{ node: 'thief', nodeId: 'id-thief', subnet: lease.ipv4?.subnet },
      ...{ publicIP: '192.168.10.66', backendType: 'host-gw' },
    });
    const ended = await daemon.ended;
    expect(ended.code).toBe(9);
    expect(ended.stderr).toMatch(/^Error E_LEASE_LOST: .*thief/m);
    expect(ended.stderr).toMatch(/^ {2}hint: /m);
    expect(await a.routes()).toEqual(routes);
  });
});

describe('watch repairs from events', () => {
  for (const { family, key, otherKey, words, disturb } of [
    { family: '4', key: B, otherKey: 'route/main/10.244.3.0/24', words: '10.244.2.0/24', disturb: '192.168.10.99' },
    {
      family: '6',
      key: 'route/main/fd00:10:244:2::/64',
      otherKey: 'route/main/fd00:10:244:3::/64',
      words: 'fd00:10:244:2::/64',
      disturb: 'fd00:192:168:10::99',
    },
  ] as const) {
    labTest(`what others do to IPv${family} routes`, { families: family }, async (lab) => {
      const a = lab.node();
      const ip = (line: string) => a.netns.ip(`-${family} route ${line}`);
      lab.put('node-b.yaml', peerLease('b', family));
      lab.put('node-c.yaml', peerLease('c', family));
      await ip(`add ${words} via ${disturb.replace('99', '98')} metric 7 proto static`);
      const daemon = await a.watch(NO_POLLING);
      const [before, foreign] = [await a.routes(), await a.foreignRoutes()];
      for (const line of [
        `del ${words} proto 70`,
        `replace ${words} via ${disturb} proto static`,
        `replace ${words} via ${disturb} proto 70`,
        `replace blackhole ${words} proto bird`,
        `append ${words} via ${disturb} proto static`,
      ]) {
        const mark = daemon.mark();
        await ip(line);
        await daemon.until('healed', healed(key), mark);
        expect([line, ...(await a.routes())]).toEqual([line, ...before]);
      }
      // What was appended under IPv4 stands behind ours and is not ours to take away.
      await ip(`del ${words} via ${disturb} proto static`).catch(() => undefined);
      const mark = daemon.mark();
      await ip('flush proto 70');
      for (const flushed of [key, otherKey]) await daemon.until('healed', healed(flushed), mark);
      expect(await a.routes()).toEqual(before);
      expect(await a.foreignRoutes()).toBe(foreign);
      expect(daemon.events.filter(({ type }) => type === 'resync')).toEqual([]);
    });
  }

  labTest('routes that vanish silently with their link', { nodes: 2 }, async (lab) => {
    const [a, b] = [lab.node(0), lab.node(1)];
    expect((await b.flan(['apply', '--yes'])).code).toBe(0);
    const daemon = await a.watch(NO_POLLING);
    await Promise.all([a.addPods(), b.addPods()]);
    const foreign = await a.netns.ip('-4 route show table all');
    for (let flap = 0; flap < 3; flap++) {
      const mark = daemon.mark();
      await a.netns.ip('link set eth0 down');
      await daemon.until('drift', ({ drift }) => drift.key === B && drift.what === 'deleted', mark);
      expect(await a.routes()).toEqual([]);
      await a.netns.ip('link set eth0 up');
      await daemon.until('healed', healed(B), mark);
      expect(await a.routes()).toEqual([ROUTE_B]);
    }
    await a.netns.ip('route add default via 192.168.10.254');
    expect(await a.ping('10.244.2.1', '10.244.1.1')).toBe('answer');
    expect((await a.netns.ip('-4 route show table all')).split('\n').sort()).toEqual(foreign.split('\n').sort());
  });

  labTest('an interface that is deleted and made again', { families: '46' }, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b', '46'));
    const daemon = await a.watch(NO_POLLING);
    const before = await a.routes();
    await a.netns.ip('link del eth0');
    await daemon.until('drift', ({ drift }) => drift.key === B);
    await daemon.until('failed', ({ error }) => error.code === 'E_LINK_MISSING');
    const mark = daemon.mark();
    await a.netns.sh(
      [
        'ip link add eth0 type veth peer name other0',
        'ip link set other0 up',
        'ip address add 192.168.10.1/24 dev eth0',
        'ip address add fd00:192:168:10::1/64 dev eth0 nodad',
        'ip link set eth0 up',
        'ip route add default via 192.168.10.254',
        'ip route add default via fd00:192:168:10::254',
      ].join('; '),
    );
    await daemon.until('healed', healed(B), mark);
    await daemon.until('healed', healed('route/main/fd00:10:244:2::/64'), mark);
    expect(await a.routes()).toEqual(before);
  });

  labTest('subnet.env, whoever edits or removes it, and its folder', {}, async (lab) => {
    const a = lab.node();
    const daemon = await a.watch(NO_POLLING);
    const env = a.subnetEnv();
    const key = `file${a.subnetFile}`;
    for (const disturb of [
      () => writeFileSync(a.subnetFile, 'FLANNEL_MTU=9000\n'),
      () => rmSync(a.subnetFile),
      () => rmSync(a.subnetFile.replace('/subnet.env', ''), { recursive: true }),
      () => writeFileSync(a.subnetFile, ''),
      () => rmSync(a.subnetFile.replace('/subnet.env', ''), { recursive: true }),
      () => writeFileSync(a.subnetFile, 'again'),
    ]) {
      const mark = daemon.mark();
      disturb();
      await daemon.until('healed', healed(key), mark);
      expect(a.subnetEnv()).toBe(env);
    }
    await a.netns.ip('link set eth0 mtu 1400');
    const moved = daemon.events.indexOf(await daemon.until('host'));
    await daemon.until('applied', made(key, 'update'), moved);
    expect(a.subnetEnv()).toBe(env?.replace('MTU=1500', 'MTU=1400'));
  });
});

describe('watch and others', () => {
  labTest(
    'reports a foreign route on its key, leaves it alone, and makes its own when that is gone',
    {},
    async (lab) => {
      const a = lab.node();
      await a.netns.ip('route add 10.244.2.0/24 via 192.168.10.99 proto static');
      const before = await a.foreignRoutes();
      const daemon = await a.watch(NO_POLLING);
      // Both ways: a route that stood there before the lease came, and one that the lease found at the start.
      lab.put('node-b.yaml', peerLease('b'));
      const { conflict } = await daemon.until('conflict');
      expect(conflict.key).toBe(B);
      lab.put('node-c.yaml', peerLease('c'));
      await daemon.until('applied', made('route/main/10.244.3.0/24'));
      expect(await a.foreignRoutes()).toBe(before);
      await a.netns.ip('route del 10.244.2.0/24');
      await daemon.until('applied', made(B));
      expect(await a.routes()).toContain(ROUTE_B);
      expect(daemon.events.filter(({ type }) => type === 'drift')).toEqual([]);
    },
  );

  labTest('takes it over with --adopt', {}, async (lab) => {
    const a = lab.node();
    await a.netns.ip('route add 10.244.2.0/24 via 192.168.10.99 proto static');
    lab.put('node-b.yaml', peerLease('b'));
    const daemon = await a.watch([...NO_POLLING, '--adopt']);
    expect(await a.routes()).toEqual([ROUTE_B]);
    expect(daemon.events.filter((event) => event.type === 'applied' && made(B, 'adopt')(event))).toHaveLength(1);
  });

  labTest('does not wrestle for ever with a second writer, and wins in the end', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    lab.put('node-c.yaml', peerLease('c'));
    const daemon = await a.watch(NO_POLLING);
    let fought = false;
    for (let i = 0; i < 40 && !fought; i++) {
      await a.netns.ip('route replace 10.244.2.0/24 via 192.168.10.99 proto static');
      await sleep(5);
      fought = daemon.events.some(({ type }) => type === 'fight');
    }
    const fight = await daemon.until('fight');
    expect(fight).toMatchObject({ key: B, by: 'routing protocol 4' });
    // Another key does not wait for the one that is fought over.
    const mark = daemon.mark();
    await a.netns.ip('route del 10.244.3.0/24');
    await daemon.until('healed', healed('route/main/10.244.3.0/24'), mark);
    await daemon.until('healed', healed(B), mark);
    expect(await a.routes()).toContain(ROUTE_B);
  });

  labTest('takes in a storm of events that overruns its socket', { timeoutMs: 60_000 }, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    lab.put('node-c.yaml', peerLease('c'));
    const daemon = await a.watch(NO_POLLING);
    const before = await a.routes();
    daemon.signal('SIGSTOP');
    const storm = `${lab.dir}/storm`;
    const lines = Array.from({ length: 60_000 }, (_, i) => `10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`);
    writeFileSync(storm, lines.map((dst) => `route add ${dst} via 192.168.10.77 proto static\n`).join(''));
    await a.netns.ip(`-batch ${storm}`);
    await a.netns.sh('ip route del 10.244.2.0/24; ip route replace 10.244.3.0/24 via 192.168.10.99 proto static');
    const foreign = (await a.foreignRoutes()).split('\n').filter((line) => !line.startsWith('10.244.3.0/24'));
    const mark = daemon.mark();
    daemon.signal('SIGCONT');
    await daemon.until('resync', ({ why }) => why.includes('ENOBUFS'), mark);
    await daemon.until('healed', healed(B), mark);
    await daemon.until('healed', healed('route/main/10.244.3.0/24'), mark);
    expect(await a.routes()).toEqual(before);
    expect((await a.foreignRoutes()).split('\n')).toEqual(foreign);
    // It goes on hearing after that.
    const after = daemon.mark();
    await a.netns.ip('route del 10.244.2.0/24');
    await daemon.until('healed', healed(B), after);
  });
});
