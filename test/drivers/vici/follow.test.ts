import { expect, it, onTestFinished, vi } from 'vitest';
import type { Notice } from '../../../src/drivers/driver.js';
import { charonEars } from '../../../src/drivers/vici/ears.js';
import { followCharon } from '../../../src/drivers/vici/follow.js';
import { hangWatch } from '../../../src/drivers/vici/hang.js';
import { viciSession } from '../../../src/drivers/vici/session.js';
import { FlanError } from '../../../src/errors.js';
import { type FakeCharon, fakeCharon } from './fake-charon.js';

const PATIENCE = { timeout: 10_000 };

/** Time that a test moves on, on top of what passes. */
function jumpingTime(): (ms: number) => void {
  const now = performance.now.bind(performance);
  let jumpedMs = 0;
  const spy = vi.spyOn(performance, 'now').mockImplementation(() => now() + jumpedMs);
  onTestFinished(() => spy.mockRestore());
  return (ms) => {
    jumpedMs += ms;
  };
}

async function following(fake: FakeCharon, killIfSilent = async (): Promise<number | undefined> => undefined) {
  const session = viciSession([fake.socket]);
  const stop = new AbortController();
  const notices: Notice[] = [];
  onTestFinished(() => {
    stop.abort();
    session.close();
  });
  const follower = followCharon({ session, known: { connections: new Map(), secrets: new Map() }, killIfSilent });
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => work();
  await follower.start({ tell: (notice) => notices.push(notice), signal: stop.signal, inTurn });
  return { notices, stop };
}

it('hangs up at once when another run takes over while it begins to listen', async () => {
  const fake = await fakeCharon();
  const stop = new AbortController();
  const ears = charonEars({
    signal: stop.signal,
    onDown: () => undefined,
    onEnd: () => expect.unreachable(),
    onRefused: () => expect.unreachable(),
  });
  const attached = ears.attach(fake.socket);
  stop.abort();
  await attached;
  await vi.waitFor(() => expect(fake.talks()).toBe(0));
  expect(fake.asked).toEqual([]);
});

it('tries to listen again, and not all the time, when charon refused that', { timeout: 60_000 }, async () => {
  const jump = jumpingTime();
  const fake = await fakeCharon();
  fake.events.delete('child-updown');
  const { notices } = await following(fake);
  const tries = (): number => fake.asked.filter((name) => name === 'child-updown').length;
  await vi.waitFor(() => expect(notices).toHaveLength(1), PATIENCE);
  expect(notices).toMatchObject([{ type: 'doubt', why: expect.stringContaining('register child-updown') }]);
  const looks = (): number => fake.asked.filter((name) => name === 'get-shared').length;
  await vi.waitFor(() => expect(looks()).toBeGreaterThan(1), PATIENCE);
  expect(tries()).toBe(1);
  fake.events.add('child-updown');
  jump(60_000);
  // A look that the jump falls into has taken long: the next one is half a minute away.
  await vi.waitFor(() => expect(tries()).toBe(2), { timeout: 40_000 });
  // One conversation to ask, and one to listen.
  await vi.waitFor(() => expect(fake.talks()).toBe(2));
});

const SILENT = new FlanError('E_CHARON', 'no answer', { retry: true });

it('takes a charon for one that hangs after a minute and several looks without any answer', () => {
  const hang = hangWatch();
  expect([0, 30_000, 59_000, 60_000].map((ms) => hang.failed(SILENT, ms))).toEqual([false, false, false, true]);
  // It is counted anew: the next one gets its time, too.
  expect([61_000, 119_000].map((ms) => hang.failed(SILENT, ms))).toEqual([false, false]);
});

it('does not take it so after two looks, however long they took, nor when it answered or refused in between', () => {
  const hang = hangWatch();
  expect([0, 100_000].map((ms) => hang.failed(SILENT, ms))).toEqual([false, false]);
  hang.answered();
  expect([110_000, 120_000].map((ms) => hang.failed(SILENT, ms))).toEqual([false, false]);
  expect(hang.failed(new FlanError('E_CHARON', 'refused'), 130_000)).toBe(false);
  expect([140_000, 170_000, 190_000].map((ms) => hang.failed(SILENT, ms))).toEqual([false, false, false]);
});

it('has a charon killed that hangs, and says so', { timeout: 30_000 }, async () => {
  const jump = jumpingTime();
  const fake = await fakeCharon();
  let kills = 0;
  const { notices } = await following(fake, async () => {
    kills++;
    fake.isMute = false;
    return 4711;
  });
  await vi.waitFor(() => expect(fake.asked).toContain('get-shared'), PATIENCE);
  fake.isMute = true;
  for (let looks = 1; looks <= 3; looks++) {
    await vi.waitFor(() => expect(notices.length).toBeGreaterThanOrEqual(looks), PATIENCE);
    jump(30_000);
  }
  await vi.waitFor(() => expect(kills).toBe(1), PATIENCE);
  await vi.waitFor(
    () => expect(notices).toContainEqual({ type: 'doubt', why: 'charon (pid 4711) hung, and was killed' }),
    PATIENCE,
  );
});
