import { describe, expect } from 'vitest';
import { labTest, peerLease } from '../support/lab.js';

const via = (address: string): string => `10.244.2.0/24 via ${address} dev eth0`;

describe('flan watch --mode', () => {
  labTest('warn does what leases ask for, and leaves what others broke', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const daemon = await a.watch(['--mode', 'warn', '--resync-interval', '1s']);
    expect(await a.routes()).toEqual([via('192.168.10.2')]);
    const mark = daemon.mark();
    await a.netns.ip('route change 10.244.2.0/24 via 192.168.10.66 dev eth0 proto 70');
    await daemon.until('drift', () => true, mark);
    expect(await daemon.until('spared', () => true, mark)).toMatchObject({
      mode: 'warn',
      changes: [{ action: 'update', key: 'route/main/10.244.2.0/24' }],
    });
    await daemon.until('resync', () => true, mark);
    expect(await a.routes()).toEqual([via('192.168.10.66')]);
    expect(daemon.events.filter(({ type }) => type === 'spared')).toHaveLength(1);
    // Another wish is no repair.
    lab.put('node-b.yaml', { ...peerLease('b'), publicIP: '192.168.10.22' });
    await daemon.until('applied', ({ changes }) => changes.some(({ action }) => action === 'update'), mark);
    expect(await a.routes()).toEqual([via('192.168.10.22')]);
    expect(await daemon.stop()).toMatchObject({ code: 0, stderr: '' });
  });

  labTest('plan-only changes nothing on the host, and tells what it would', {}, async (lab) => {
    const a = lab.node();
    lab.put('node-b.yaml', peerLease('b'));
    const before = await a.netns.ip('route show table all');
    const daemon = await a.watch(['--mode', 'plan-only']);
    const spared = await daemon.until('spared');
    expect(spared.changes.map(({ key }) => key)).toContain('route/main/10.244.2.0/24');
    lab.put('node-c.yaml', peerLease('c'));
    await daemon.until('spared', ({ changes }) => changes.some(({ key }) => key === 'route/main/10.244.3.0/24'));
    expect(await a.netns.ip('route show table all')).toBe(before);
    expect(a.subnetEnv()).toBeUndefined();
    expect(await daemon.stop()).toMatchObject({ code: 0, stderr: '' });
  });
});
