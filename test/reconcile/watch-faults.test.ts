import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { labTest, peerLease } from '../support/lab.js';
import { watching } from './watching.js';

const B = 'route/main/10.244.2.0/24';
const ROUTES = ['10.244.2.0/24 via 192.168.10.2 dev eth0', '10.244.3.0/24 via 192.168.10.3 dev eth0'];

const refused = () => new FlanError('E_NETLINK', 'refused for once', { hint: 'Wait.' });

describe('watch, when a driver', () => {
  labTest(
    'cannot be asked at first, is not ready before it could be, and deletes nothing till then',
    {},
    async (lab) => {
      const node = lab.node();
      await node.netns.ip('route add 10.244.50.0/24 via 192.168.10.50 proto 70');
      for (const letter of ['b', 'c']) lab.put(`node-${letter}.yaml`, peerLease(letter));
      let asked = 0;
      const observe = (): void => {
        if (++asked === 1) throw refused();
      };
      await watching(node, { observe }, async ({ events, until }) => {
        await until(({ type }) => type === 'failed');
        expect(events.map(({ type }) => type)).not.toContain('ready');
        expect(await node.routes()).toEqual(['10.244.50.0/24 via 192.168.10.50 dev eth0']);
        await until(({ type }) => type === 'ready');
        expect(await node.routes()).toEqual(ROUTES);
      });
      expect(asked).toBe(2);
    },
  );

  labTest('cannot be asked later, looks again by itself', {}, async (lab) => {
    const node = lab.node();
    for (const letter of ['b', 'c']) lab.put(`node-${letter}.yaml`, peerLease(letter));
    let failures = 0;
    let broken = false;
    const observe = (): void => {
      if (!broken || failures > 0) return;
      failures++;
      throw refused();
    };
    await watching(node, { observe }, async ({ until }) => {
      await until(({ type }) => type === 'ready');
      broken = true;
      await node.netns.sh('ip link set eth0 down; ip link set eth0 up');
      await until((event) => event.type === 'failed' && event.key === 'observe');
      await until((event) => event.type === 'healed' && event.key === B);
      expect(await node.routes()).toEqual(ROUTES);
    });
    expect(failures).toBe(1);
  });

  for (const status of ['failed', 'raced'] as const) {
    labTest(`says ${status} to any one step, once, that step is made all the same`, {}, async (lab) => {
      const node = lab.node();
      for (const letter of ['b', 'c']) lab.put(`node-${letter}.yaml`, peerLease(letter));
      const hit = new Set<string>();
      await watching(
        node,
        {
          perform: async (steps, go) => {
            const first = steps.filter(({ key }) => !hit.has(key));
            for (const { key } of first) hit.add(key);
            const others = await go(steps.filter((step) => !first.includes(step)));
            return [...others, ...first.map((step) => ({ step, status, error: refused() }))];
          },
        },
        async ({ events, until }) => {
          await until(({ type }) => type === 'ready');
          for (let i = 0; (await node.routes()).length < 2 || node.subnetEnv() === undefined; i++) {
            expect(i, JSON.stringify(events)).toBeLessThan(500);
            await sleep(5);
          }
          expect(await node.routes()).toEqual(ROUTES);
          // At rest: what was once waited for is not looked at for ever.
          const told = events.length;
          await sleep(300);
          expect(events.slice(told)).toEqual([]);
        },
      );
      expect(hit.size).toBe(3);
    });
  }
});

labTest('watch tells no repair of what came right by itself', {}, async (lab) => {
  const node = lab.node();
  lab.put('node-b.yaml', peerLease('b'));
  await watching(node, {}, async ({ events, until }) => {
    await until(({ type }) => type === 'ready');
    const there = '10.244.2.0/24 via 192.168.10';
    await node.netns.sh(`printf 'route replace ${there}.%s proto 70\\n' 9 2 | ip -batch -`);
    await until((event) => event.type === 'drift' && event.drift.key === B);
    await sleep(100);
    lab.remove('node-b.yaml');
    await until((event) => event.type === 'applied' && event.changes.some(({ action }) => action === 'delete'));
    expect(events.filter(({ type }) => type === 'healed')).toEqual([]);
  });
});
