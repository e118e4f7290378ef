import { describe, expect } from 'vitest';
import { FlanError } from '../../src/errors.js';
import type { WatchEvent } from '../../src/reconcile/events.js';
import type { Session } from '../../src/reconcile/session.js';
import { labTest } from '../support/lab.js';
import { watching } from './watching.js';

const isMove = (event: WatchEvent): boolean => event.type === 'lease' && event.lease.ipv4?.publicIp === '192.168.10.77';

describe('a change of the host', () => {
  labTest('is seen by the next resync when no event told of it', {}, async (lab) => {
    const node = lab.node();
    await watching(node, { hears: () => false }, async ({ events, until, view }) => {
      await until(({ type }) => type === 'ready');
      await node.netns.sh(`ip addr del 192.168.10.1/24 dev eth0; ip addr add 192.168.10.77/24 dev eth0
        ip route replace default via 192.168.10.254`);
      expect(events.some(isMove)).toBe(false);
      view()?.resync('periodic resync');
      await until(isMove);
    });
  });

  labTest('that cannot be looked at is tried again, without another event', {}, async (lab) => {
    const node = lab.node();
    let isBroken = false;
    const session = (opened: Session) => ({
      ...opened,
      facts: () => {
        if (isBroken) throw new FlanError('E_DUMP', 'the dump was interrupted 5 times', { retry: true });
        return opened.facts();
      },
    });
    await watching(node, { session }, async ({ events, until, view }) => {
      await until(({ type }) => type === 'ready');
      isBroken = true;
      view()?.resync('the test asks for it');
      await until((event) => event.type === 'failed' && event.key === 'host');
      expect(view()?.condition()).toEqual({
        state: 'broken',
        why: 'this host cannot be looked at: the dump was interrupted 5 times',
      });
      isBroken = false;
      await until(() => view()?.condition().state === 'works');
      expect(events.filter(({ type }) => type === 'failed')).toHaveLength(1);
    });
  });
});
