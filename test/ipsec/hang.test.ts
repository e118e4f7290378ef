import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { isRunning } from '../../src/sys/process-mark.js';
import { peerLease, required } from '../support/lab.js';
import { signalProcess } from '../support/signal.js';
import { charonPid, ipsecTest, names, stateOf } from './overlay.js';

const NAME = 'flan:192.168.10.1-10.244.1.0/24-10.244.2.0/24-192.168.10.2';

ipsecTest('watch kills a charon of its own that hangs, and starts another', { timeoutMs: 180_000 }, async (lab) => {
  const node = lab.node();
  lab.put('node-b.yaml', peerLease('b'));
  const daemon = await node.watch();
  const before = required(stateOf(node).read()?.charon, 'charon');
  signalProcess(before.pid, 'SIGSTOP');
  // Cleaning up asks it to end, which one that is stopped does not hear.
  lab.onEnd(() => isRunning(before) && signalProcess(before.pid, 'SIGKILL'));
  const endMs = performance.now() + 150_000;
  while (isRunning(before) && performance.now() < endMs) await sleep(100);
  expect(isRunning(before)).toBe(false);
  await daemon.until('healed', ({ key }) => key === 'ike-daemon/charon');
  expect(charonPid(node)).not.toBe(before.pid);
  for (let i = 0; (await names(node)).length === 0 && i < 100; i++) await sleep(100);
  expect(await names(node)).toEqual([NAME]);
});
