import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { serviceManager } from '../../src/sys/notify.js';
import { openUnixDatagram, unixAddress } from '../../src/sys/unix-datagram.js';
import { systemd } from '../../src/telemetry/systemd.js';
import { receiver } from './receiver.js';

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0).reverse()) cleanUp();
});
function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'flan-notify-'));
  cleanUps.push(() => rmSync(dir, { recursive: true }));
  return dir;
}
function listenAt(name: string) {
  const made = receiver(name);
  cleanUps.push(() => made.close());
  return made;
}

const abstract = (): string => `@flan-test-${process.pid}-${Math.random()}`;

describe('a Unix datagram', () => {
  for (const [what, name] of [
    ['a path', () => join(folder(), 'notify')],
    ['an abstract name', abstract],
    ['the longest path that there is', () => `${folder()}/`.padEnd(107, 'x')],
    ['the longest abstract name', () => `@${process.pid}-`.padEnd(108, 'x')],
  ] as const) {
    it(`reaches ${what}, whole and in order`, async () => {
      const to = name();
      const manager = listenAt(to);
      const socket = openUnixDatagram(to);
      cleanUps.push(() => socket.close());
      socket.send('READY=1\nSTATUS=é');
      socket.send('second');
      await manager.until((message) => message === 'second');
      expect(manager.received).toEqual(['READY=1\nSTATUS=é', 'second']);
    });
  }

  it('that nobody takes is an error by name', () => {
    const socket = openUnixDatagram(join(folder(), 'nobody'));
    cleanUps.push(() => socket.close());
    expect(() => socket.send('x')).toThrow(/sendto: ENOENT/);
  });

  it('has no address that the kernel would not take', () => {
    for (const name of ['relative', '', '/', '@', `/${'x'.repeat(107)}`, `@${'x'.repeat(108)}`]) {
      expect(() => unixAddress(name)).toThrow(FlanError);
    }
  });
});

describe('the service manager', () => {
  it('is asked for by the environment, which is not handed on', () => {
    const env = { NOTIFY_SOCKET: abstract(), WATCHDOG_USEC: '4000000', WATCHDOG_PID: String(process.pid), HOME: '/' };
    const manager = serviceManager(env);
    manager?.close();
    expect(manager?.watchdogUsec).toBe(4_000_000);
    expect(env).toEqual({ HOME: '/' });
    expect(serviceManager({})).toBeUndefined();
  });

  it('expects no sign of life that is meant for another process', () => {
    const manager = serviceManager({ NOTIFY_SOCKET: abstract(), WATCHDOG_USEC: '4000000', WATCHDOG_PID: '1' });
    manager?.close();
    expect(manager).toBeDefined();
    expect(manager?.watchdogUsec).toBeUndefined();
  });

  it('that went away costs nothing', () => {
    const manager = serviceManager({ NOTIFY_SOCKET: abstract() });
    expect(manager?.send({ READY: 1 })).toBe('refused');
    manager?.close();
  });
});

/** A service as systemd starts it, with the timers in the hands of the test. */
function service(env: NodeJS.ProcessEnv = {}) {
  const name = abstract();
  const seen = listenAt(name);
  const manager = serviceManager({ ...env, NOTIFY_SOCKET: name });
  if (manager === undefined) throw new Error('there is a manager');
  const timers: { ms: number; run: () => void }[] = [];
  let isAlive = true;
  const made = systemd({
    manager,
    isAlive: () => isAlive,
    every: (ms, run) => {
      timers.push({ ms, run });
      return () => {};
    },
  });
  cleanUps.push(() => made.close());
  let count = 0;
  return {
    ...made,
    timers,
    die: () => {
      isAlive = false;
    },
    /** What was sent so far, line by line; a last message marks the end. */
    async lines(): Promise<readonly string[]> {
      const mark = `END=${++count}`;
      manager.send({ END: count });
      await seen.until((message) => message === mark);
      return seen.received.filter((message) => !message.startsWith('END=')).flatMap((message) => message.split('\n'));
    },
  };
}

const error = new FlanError('E_STORE_UNREACHABLE', 'etcd is\nnot there', { retry: true });
const READY = { type: 'ready', peers: 3, resources: 4, failed: 0, tookMs: 1 } as const;

describe('systemd', () => {
  it('hears of waiting, of being ready, and of the end', async () => {
    const flan = service();
    flan.tell({ type: 'waiting', error, retryInMs: 1 });
    flan.tell(READY);
    flan.stopping();
    expect(await flan.lines()).toEqual([
      'EXTEND_TIMEOUT_USEC=30000000',
      'STATUS=Waiting: etcd is not there',
      'READY=1',
      'STATUS=3 peers, 4 objects in place',
      'STOPPING=1',
      'STATUS=Stopping: everything stays in place',
    ]);
  });

  it('gives a start more time until it is ready, unless it is stuck', async () => {
    const flan = service();
    const extend = flan.timers[0]?.run;
    extend?.();
    flan.die();
    extend?.();
    flan.tell(READY);
    extend?.();
    expect((await flan.lines()).filter((line) => line.startsWith('EXTEND'))).toHaveLength(2);
  });

  it('gets signs of life at twice the rate it asks for, and none from a loop that is stuck', async () => {
    const flan = service({ WATCHDOG_USEC: '4000000' });
    const [beat] = flan.timers;
    expect(beat?.ms).toBe(2000);
    beat?.run();
    flan.die();
    beat?.run();
    expect((await flan.lines()).filter((line) => line === 'WATCHDOG=1')).toHaveLength(2);
  });

  it('is told of a reload and of its end, whatever comes of it', async () => {
    const flan = service();
    flan.tell(READY);
    const outcomes = [
      { type: 'reload', result: 'unchanged', changed: [] },
      { type: 'reload', result: 'refused', error },
    ] as const;
    for (const outcome of outcomes) {
      flan.reloading();
      flan.tell(outcome);
    }
    flan.reloading();
    flan.tell({ type: 'reload', result: 'taken', changed: ['ipMasq'] });
    const before = (await flan.lines()).filter((line) => line === 'READY=1').length;
    flan.tell(READY);
    const lines = await flan.lines();
    expect(before).toBe(3);
    expect(lines.filter((line) => line === 'READY=1')).toHaveLength(4);
    expect(lines.filter((line) => line === 'RELOADING=1')).toHaveLength(3);
    expect(lines.filter((line) => /^MONOTONIC_USEC=\d+$/.test(line))).toHaveLength(3);
  });
});
