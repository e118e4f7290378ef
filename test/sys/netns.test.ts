import { readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hasCapability } from '../../src/sys/caps.js';
import { inNetns } from '../../src/sys/netns.js';
import { kernelTest } from '../support/kernel.js';

const here = (): string => readlinkSync('/proc/thread-self/ns/net');

kernelTest('work is done inside and the thread comes back, also after an error', {}, ({ netns }) => {
  const home = here();
  const inside = inNetns(netns.name, here);
  expect(inside).not.toBe(home);
  expect(inNetns(netns.path, here)).toBe(inside);
  expect(here()).toBe(home);
  const fail = () => {
    throw new Error('inside');
  };
  expect(() => inNetns(netns.name, fail)).toThrow('inside');
  expect(here()).toBe(home);
});

kernelTest('namespaces nest', {}, ({ netns, makeNetns }) => {
  const other = makeNetns('b');
  const home = here();
  const [outer, inner, again] = inNetns(netns.name, () => [here(), inNetns(other.name, here), here()]);
  expect(outer).toBe(again);
  expect(inner).not.toBe(outer);
  expect(here()).toBe(home);
});

kernelTest('the thread pool stays at home though its first use is inside', {}, async ({ netns }) => {
  const { readlink } = await import('node:fs/promises');
  const home = here();
  const pending = inNetns(netns.name, () => ({ inPool: readlink('/proc/thread-self/ns/net') }));
  expect(await pending.inPool).toBe(home);
});

kernelTest('asynchronous work inside is a bug that is reported', {}, ({ netns }) => {
  expect(() => inNetns(netns.name, async () => 1)).toThrow(expect.objectContaining({ code: 'E_BUG' }));
});

test('what is no namespace is an error that names it', () => {
  expect(() => inNetns('no-such', here)).toThrow(expect.objectContaining({ code: 'E_NETNS' }));
  const notOne = () => inNetns('/etc/hostname', here);
  expect(notOne).toThrow(
    expect.objectContaining({
      ...{ code: 'E_NETNS', message: expect.stringContaining('/etc/hostname') },
      hint: expect.stringContaining('/proc/PID/ns/net'),
    }),
  );
});

test('capabilities are read from the status of the process', () => {
  expect(hasCapability('CAP_NET_ADMIN', 'Name:\tx\nCapEff:\t0000000000001000\n')).toBe(true);
  expect(hasCapability('CAP_NET_ADMIN', 'Name:\tx\nCapEff:\t000001ffffffefff\n')).toBe(false);
  expect(hasCapability('CAP_SYS_ADMIN', 'Name:\tx\nCapEff:\t000001ffffffefff\n')).toBe(true);
  expect(hasCapability('CAP_SYS_ADMIN', 'Name:\tx\n')).toBe(false);
});
