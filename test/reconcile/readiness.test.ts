import { expect, test } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { type Clock, systemClock } from '../../src/reconcile/clock.js';
import type { WatchEvent } from '../../src/reconcile/events.js';
import { patiently } from '../../src/reconcile/patience.js';
import { readiness } from '../../src/reconcile/readiness.js';

/** Waiting takes no time; what was waited for is kept. */
function quick(): Clock & { readonly waits: number[] } {
  const waits: number[] = [];
  return {
    ...systemClock,
    waits,
    random: () => 0.5,
    after(delayMs, run) {
      waits.push(delayMs);
      return systemClock.after(0, run);
    },
  };
}

const busy = (what = 'busy') => new FlanError('E_STORE_UNREACHABLE', what, { retry: true });
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

interface Bed {
  /** What `setNetwork` meets, call by call; nothing: success. */
  readonly failures?: (FlanError | undefined)[];
}

function bed({ failures = [] }: Bed = {}) {
  const said: ('up' | 'down')[] = [];
  const told: WatchEvent[] = [];
  const stop = new AbortController();
  const clock = quick();
  const made = readiness({
    store: {
      async setNetwork(state) {
        await Promise.resolve();
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        said.push(state);
      },
    },
    clock,
    signal: stop.signal,
    tell: (event) => told.push(event),
  });
  return { said, told, stop, clock, failures, readiness: made };
}

test('each state is published once in a row', async () => {
  const { readiness: it, said } = bed();
  for (const state of ['works', 'works', 'broken', 'broken', 'works'] as const) {
    it.say(state);
    await settled();
  }
  expect(said).toEqual(['up', 'down', 'up']);
});

test('what could not be said is said when it can, and only if it is still so', async () => {
  const { readiness: it, said, told, failures, clock } = bed({ failures: [busy(), busy(), busy('other')] });
  it.say('works');
  await settled();
  expect(said).toEqual(['up']);
  expect(told.map((event) => event.type === 'failed' && event.error.message)).toEqual(['busy', 'other']);
  expect(clock.waits).toEqual([500, 1000, 2000]);
  failures.push(busy());
  it.say('broken');
  it.say('works');
  await settled();
  expect(said.at(-1)).toBe('up');
});

test('what is refused is told and not tried again until there is news', async () => {
  const refused = new FlanError('E_STORE_PERMISSION', 'no');
  const { readiness: it, said, told } = bed({ failures: [refused] });
  it.say('works');
  it.say('works');
  await settled();
  expect(said).toEqual([]);
  expect(told).toEqual([{ type: 'failed', key: 'readiness', error: refused, more: 0 }]);
  it.say('broken');
  await settled();
  expect(said).toEqual(['down']);
});

test('the last words are that it is broken, if it was said to work, whatever else is going on', async () => {
  const { readiness: it, said, stop } = bed();
  await it.lastWords();
  expect(said).toEqual([]);
  it.say('works');
  await settled();
  stop.abort();
  await it.lastWords();
  await it.lastWords();
  expect(said).toEqual(['up', 'down']);
});

test('a store without a place for it is never asked', async () => {
  const { signal } = new AbortController();
  const it = readiness({ store: {}, clock: systemClock, signal, tell: () => expect.unreachable() });
  it.say('works');
  await it.lastWords();
});

test('patience grows to a limit, tells each reason once in a row, and ends with what waiting cannot mend', async () => {
  const clock = quick();
  const reasons: string[] = [];
  const failures = ['a', 'a', 'a', 'b', 'b', 'a', 'a', 'a'].map(busy);
  const wrong = new FlanError('E_NETWORK_CONFIG', 'wrong');
  const { signal } = new AbortController();
  const attempt = async () => {
    throw failures.shift() ?? wrong;
  };
  await expect(patiently(attempt, { clock, signal, onWait: (error) => reasons.push(error.message) })).rejects.toBe(
    wrong,
  );
  expect(reasons).toEqual(['a', 'b', 'a']);
  expect(clock.waits).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
});

test('patience ends at once when cancelled, with the reason', async () => {
  const stop = new AbortController();
  const reason = new FlanError('E_TERMINATED', 'stopped');
  const attempt = async () => {
    throw busy();
  };
  const onWait = () => stop.abort(reason);
  await expect(patiently(attempt, { clock: systemClock, signal: stop.signal, onWait })).rejects.toBe(reason);
});
