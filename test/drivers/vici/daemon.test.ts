import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, it, onTestFinished, vi } from 'vitest';
import { viciDriver } from '../../../src/drivers/vici/driver.js';
import type { IpsecState } from '../../../src/drivers/vici/state-file.js';
import { IKE_DAEMON, ikeDaemonKey } from '../../../src/kinds/ike-daemon.js';
import type { Step } from '../../../src/planner/plan.js';
import { isRunning, markOf, type ProcessMark } from '../../../src/sys/process-mark.js';
import { type FakeCharon, fakeCharon } from './fake-charon.js';

const signal = new AbortController().signal;
const END: Step = { action: 'delete', key: ikeDaemonKey, before: IKE_DAEMON, needs: [], reason: 'test' };

/** A process that is noted as the charon that flan started. */
async function process(words: readonly [string, ...string[]]): Promise<ProcessMark> {
  const child = spawn(words[0], words.slice(1), { stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const mark = markOf(child.pid ?? 0);
  if (mark === undefined) throw new Error('it has ended already');
  return mark;
}
const listening = () => process(['sh', '-c', 'echo ready; exec sleep 1000']);
const deaf = () => process(['sh', '-c', "trap '' TERM; echo ready; exec sleep 1000"]);

function driverOf(fake: FakeCharon, charon: ProcessMark) {
  let noted: IpsecState | undefined = { socket: fake.socket, charon };
  const state = {
    read: () => noted,
    write: (next: IpsecState) => {
      noted = next;
    },
    remove: () => {
      noted = undefined;
    },
  };
  const driver = viciDriver({ sockets: [fake.socket], state, place: undefined, netns: undefined, psk: undefined });
  onTestFinished(() => driver.close());
  return { driver, state };
}

it('ends the charon that it started when nobody has anything in it', async () => {
  const [fake, mark] = [await fakeCharon(), await listening()];
  const { driver, state } = driverOf(fake, mark);
  expect(await driver.perform([END], signal)).toMatchObject([{ status: 'done' }]);
  expect([isRunning(mark), state.read()]).toEqual([false, undefined]);
});

it('hangs up when it cannot tell whether somebody has something in charon', async () => {
  const [fake, mark] = [await fakeCharon(), await listening()];
  const { driver, state } = driverOf(fake, mark);
  delete fake.answers['get-keys'];
  expect(await driver.perform([END], signal)).toMatchObject([{ status: 'failed', error: { code: 'E_CHARON' } }]);
  expect(state.read()).toBeDefined();
  await vi.waitFor(() => expect(fake.talks()).toBe(0));
});

it('hangs up when charon does not end', { timeout: 30_000 }, async () => {
  const [fake, mark] = [await fakeCharon(), await deaf()];
  const { driver, state } = driverOf(fake, mark);
  const [outcome] = await driver.perform([END], signal);
  expect(outcome).toMatchObject({ error: { message: `charon (pid ${mark.pid}) does not end` } });
  expect(state.read()).toBeDefined();
  await vi.waitFor(() => expect(fake.talks()).toBe(0));
});

it('does not take a charon that is too busy to be called for one that is gone', async () => {
  const [fake, mark] = [await fakeCharon(), await listening()];
  const { driver } = driverOf(fake, mark);
  // One that is stopped takes nobody in; so many wait to be, and no more.
  const stopped = await process([
    'python3',
    '-c',
    `import os, signal, socket, sys
s = socket.socket(socket.AF_UNIX); os.unlink(sys.argv[1]); s.bind(sys.argv[1]); s.listen(0)
print('ready', flush=True)
os.kill(os.getpid(), signal.SIGSTOP)`,
    fake.socket,
  ]);
  onTestFinished(() => void (isRunning(stopped) && globalThis.process.kill(stopped.pid, 'SIGKILL')));
  const calls = [connect(fake.socket), connect(fake.socket)];
  for (const call of calls) {
    call.on('error', () => undefined);
    onTestFinished(() => void call.destroy());
  }
  await vi.waitFor(async () => {
    const begin: Step = { action: 'create', key: ikeDaemonKey, after: IKE_DAEMON, needs: [], reason: 'test' };
    const [outcome] = await driver.perform([begin], signal);
    expect(outcome).toMatchObject({ error: { message: expect.stringContaining('takes no more conversations') } });
  });
  expect(await driver.isThere()).toBe(true);
  expect(isRunning(mark)).toBe(true);
});
