import { describe, expect, test } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { type Clock, type KeepLease, keepLease } from '../../src/leases/keep.js';
import type { LeaseStore } from '../../src/leases/store.js';
import type { Lease } from '../../src/model/lease.js';
import { lease, request } from './support.js';

/** Time stands still until the test moves it; a sleeper wakes when its moment is reached. */
interface FakeClock extends Clock {
  advance(ms: number): Promise<void>;
  /** Sets the clock as a person or NTP does: nobody sleeps longer or shorter for that. */
  set(byMs: number): void;
  sleeping(): Promise<number>;
}

function fakeClock(startMs = 1_000_000): FakeClock {
  let now = startMs;
  const sleepers = new Set<{ at: number; wake: () => void }>();
  const heard = new Set<() => void>();
  const turns = async () => {
    for (let i = 0; i < 50; i++) await Promise.resolve();
  };
  return {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve) => {
        const sleeper = {
          at: now + ms,
          wake: () => {
            sleepers.delete(sleeper);
            resolve();
          },
        };
        if (signal.aborted) return resolve();
        signal.addEventListener('abort', sleeper.wake, { once: true });
        sleepers.add(sleeper);
        for (const tell of heard) tell();
      }),
    set(byMs) {
      now += byMs;
      for (const sleeper of sleepers) sleeper.at += byMs;
    },
    async advance(ms) {
      now += ms;
      for (const sleeper of [...sleepers]) if (sleeper.at <= now) sleeper.wake();
      await turns();
    },
    /** How long the next sleeper still sleeps; waits until there is one. */
    async sleeping() {
      await turns();
      while (sleepers.size === 0) await new Promise<void>((resolve) => heard.add(resolve));
      return Math.min(...[...sleepers].map(({ at }) => at - now));
    },
  };
}

const HOUR = 3_600_000;
const mine = (expiresAtMs: number | undefined): Lease =>
  lease({
    v4: '10.3.4.0/24',
    ip: '1.1.1.1',
    node: 'node-a',
    nodeId: 'id-a',
    ...(expiresAtMs !== undefined && { expiresAtMs }),
  });

type Answers = Partial<Pick<LeaseStore, 'renew' | 'acquire' | 'list' | 'release'>>;

/** A store that answers from a script and writes down what it was asked. */
function scripted(answers: Answers): { readonly store: LeaseStore; readonly calls: string[] } {
  const calls: string[] = [];
  const unasked = async (): Promise<never> => {
    throw new FlanError('E_BUG', 'the script has no answer');
  };
  const noted = <T>(call: string, answer: () => T): T => {
    calls.push(call);
    return answer();
  };
  const store: LeaseStore = {
    name: 'scripted',
    expires: true,
    network: unasked,
    list: (signal) => noted('list', () => (answers.list ?? unasked)(signal)),
    renew: (held, wanted, signal) => noted('renew', () => (answers.renew ?? unasked)(held, wanted, signal)),
    acquire: (wanted, signal) =>
      noted(`acquire ${wanted.previous.ipv4}`, () => (answers.acquire ?? unasked)(wanted, signal)),
    release: (held, signal) => noted(`release ${held.key}`, () => (answers.release ?? unasked)(held, signal)),
    watch: async function* () {},
    close: async () => {},
  };
  return { store, calls };
}

function start(over: Pick<KeepLease, 'store' | 'lease' | 'clock'> & Partial<KeepLease>) {
  const told: string[] = [];
  const controller = new AbortController();
  const keeper = keepLease({
    request: request({ ip: '1.1.1.1' }),
    signal: controller.signal,
    marginMs: HOUR,
    jitter: () => 0,
    onLease: (held) => told.push(`lease ${held.expiresAtMs}`),
    onLost: (error) => told.push(`lost ${error.code}: ${error.message}`),
    onTrouble: (error, retryInMs) => told.push(`trouble ${error.code} ${retryInMs}`),
    ...over,
  });
  return { ...keeper, told, stop: () => controller.abort() };
}

const gone = new FlanError('E_LEASE_LOST', 'gone');
const down = new FlanError('E_STORE_UNREACHABLE', 'down', { retry: true });

describe('renewal', () => {
  test.each([
    ['forward past its end is made within a minute', 48, 60_000],
    ['back by an hour is made as late as without that', -1, 23 * HOUR],
    ['back and forth is made when it was to be', 0, 23 * HOUR],
  ])('after the clock was set %s', async (_, hours, dueMs) => {
    const clock = fakeClock();
    const { store, calls } = scripted({ renew: async () => mine(clock.now() + 24 * HOUR) });
    const { done, stop } = start({ store, clock, lease: mine(clock.now() + 24 * HOUR) });
    await clock.sleeping();
    clock.set(hours * HOUR);
    for (let passedMs = 60_000; passedMs < dueMs; passedMs += 60_000) await clock.advance(60_000);
    expect(calls).toEqual([]);
    await clock.advance(60_000);
    expect(calls).toEqual(['renew']);
    stop();
    await done;
  });

  test('at expiry minus margin, over and over', async () => {
    const clock = fakeClock();
    const { store, calls } = scripted({ renew: async () => mine(clock.now() + 24 * HOUR) });
    const { told, done, stop } = start({ store, clock, lease: mine(clock.now() + 24 * HOUR) });
    await clock.sleeping();
    await clock.advance(23 * HOUR - 1);
    expect(calls).toEqual([]);
    await clock.advance(1);
    expect(told).toEqual([`lease ${clock.now() + 24 * HOUR}`]);
    await clock.sleeping();
    await clock.advance(23 * HOUR);
    expect(calls).toEqual(['renew', 'renew']);
    stop();
    await done;
  });

  test('jitter only ever makes it earlier, by a tenth of the margin at most', async () => {
    const clock = fakeClock();
    const { store, calls } = scripted({ renew: async () => mine(clock.now() + 24 * HOUR) });
    const { done, stop } = start({ store, clock, lease: mine(clock.now() + 24 * HOUR), jitter: () => 1 });
    await clock.sleeping();
    await clock.advance(23 * HOUR - HOUR / 10 - 1);
    expect(calls).toEqual([]);
    await clock.advance(1);
    expect(calls).toEqual(['renew']);
    stop();
    await done;
  });

  test('a margin longer than the lease does not make it spin', async () => {
    const clock = fakeClock();
    const { done, stop } = start({ ...scripted({}), clock, lease: mine(clock.now() + 10_000) });
    expect(await clock.sleeping()).toBe(5000);
    stop();
    await done;
  });

  test('one that never expires is renewed only when asked', async () => {
    const clock = fakeClock();
    const { store, calls } = scripted({ renew: async () => mine(undefined) });
    const { done, stop, renewNow, told } = start({ store, clock, lease: mine(undefined) });
    await clock.advance(1000 * HOUR);
    expect(calls).toEqual([]);
    renewNow(request({ ip: '1.1.1.2' }));
    await clock.advance(0);
    expect(calls).toEqual(['renew']);
    expect(told).toEqual(['lease undefined']);
    stop();
    await done;
  });

  test('what is asked for while a renewal runs is not forgotten', async () => {
    const clock = fakeClock();
    let answer: ((held: Lease) => void) | undefined;
    const published: (string | undefined)[] = [];
    const { store } = scripted({
      renew: (_, wanted) => {
        published.push(wanted.published[4]?.publicIp);
        return new Promise((resolve) => {
          answer = resolve;
        });
      },
    });
    const { done, stop, renewNow } = start({ store, clock, lease: mine(undefined) });
    renewNow();
    await clock.advance(0);
    renewNow(request({ ip: '1.1.1.2' }));
    answer?.(mine(undefined));
    await clock.advance(0);
    expect(published).toEqual(['1.1.1.1', '1.1.1.2']);
    answer?.(mine(undefined));
    stop();
    await done;
  });
});

describe('trouble', () => {
  test('is told, and tried again with growing pauses until it is over', async () => {
    const clock = fakeClock();
    let failures = 8;
    const { store } = scripted({
      renew: async () => {
        if (failures-- > 0) throw down;
        return mine(clock.now() + 24 * HOUR);
      },
    });
    const { told, done, stop } = start({ store, clock, lease: mine(clock.now() + 2 * HOUR), jitter: () => 0.5 });
    await clock.sleeping();
    await clock.advance(2 * HOUR);
    for (let i = 0; i < 8; i++) await clock.advance(await clock.sleeping());
    expect(told.slice(0, 8)).toEqual(
      [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000].map((ms) => `trouble E_STORE_UNREACHABLE ${ms}`),
    );
    expect(told[8]).toMatch(/^lease/);
    stop();
    await done;
  });

  test('is not waited out when a renewal is asked for', async () => {
    const clock = fakeClock();
    let reachable = false;
    const { store } = scripted({
      renew: async () => (reachable ? mine(clock.now() + 24 * HOUR) : Promise.reject(down)),
    });
    const { told, done, stop, renewNow } = start({ store, clock, lease: mine(clock.now()) });
    await clock.advance(0);
    reachable = true;
    renewNow();
    await clock.advance(0);
    expect(told.map((line) => line.split(' ')[0])).toEqual(['trouble', 'lease']);
    stop();
    await done;
  });

  test('ends at once when cancelled', async () => {
    const clock = fakeClock();
    const { store } = scripted({ renew: async () => Promise.reject(down) });
    const { told, done, stop } = start({ store, clock, lease: mine(clock.now()) });
    await clock.sleeping();
    stop();
    await done;
    expect(told.filter((line) => line.startsWith('lost'))).toEqual([]);
  });
});

describe('a lease that vanished', () => {
  test('is taken back, with the same subnet', async () => {
    const clock = fakeClock();
    const { store, calls } = scripted({
      renew: async () => Promise.reject(gone),
      list: async () => ({ leases: [], rejected: [] }),
      acquire: async () => mine(clock.now() + 24 * HOUR),
    });
    const { told, done, stop, renewNow } = start({ store, clock, lease: mine(clock.now() + 24 * HOUR) });
    renewNow();
    await clock.advance(0);
    expect(calls).toEqual(['renew', 'list', 'acquire 10.3.4.0/24']);
    expect(told).toEqual([`lease ${clock.now() + 24 * HOUR}`]);
    stop();
    await done;
  });

  test('is lost when another node holds the subnet, and nothing is acquired', async () => {
    const clock = fakeClock();
    const theirs = lease({ v4: '10.3.4.0/23', ip: '1.1.1.9', node: 'node-b', nodeId: 'id-b' });
    const { store, calls } = scripted({
      renew: async () => Promise.reject(gone),
      list: async () => ({ leases: [theirs], rejected: [] }),
    });
    const { told, done } = start({ store, clock, lease: mine(clock.now()) });
    await clock.advance(0);
    await done;
    expect(calls).toEqual(['renew', 'list']);
    expect(told).toEqual(['lost E_LEASE_LOST: the lease of 10.3.4.0/24 is lost: node-b holds it now']);
  });

  test('is lost when somebody is quicker; what was got instead is given back', async () => {
    const clock = fakeClock();
    const { store, calls } = scripted({
      renew: async () => Promise.reject(gone),
      list: async () => ({ leases: [], rejected: [] }),
      acquire: async () => lease({ v4: '10.3.9.0/24', nodeId: 'id-a' }),
      release: async () => {},
    });
    const { told, done } = start({ store, clock, lease: mine(clock.now()) });
    await clock.advance(0);
    await done;
    expect(calls).toEqual(['renew', 'list', 'acquire 10.3.4.0/24', 'release 10.3.9.0-24']);
    expect(told).toEqual(['lost E_LEASE_LOST: the lease of 10.3.4.0/24 is lost: somebody else took it']);
  });

  test('is tried again when taking it back fails for another reason', async () => {
    const clock = fakeClock();
    let reachable = false;
    const { store, calls } = scripted({
      renew: async () => Promise.reject(gone),
      list: async () => (reachable ? { leases: [], rejected: [] } : Promise.reject(down)),
      acquire: async () => mine(clock.now() + 24 * HOUR),
    });
    const { told, done, stop } = start({ store, clock, lease: mine(clock.now()) });
    await clock.advance(0);
    reachable = true;
    await clock.advance(await clock.sleeping());
    expect(calls).toEqual(['renew', 'list', 'renew', 'list', 'acquire 10.3.4.0/24']);
    expect(told.map((line) => line.split(' ')[0])).toEqual(['trouble', 'lease']);
    stop();
    await done;
  });
});
