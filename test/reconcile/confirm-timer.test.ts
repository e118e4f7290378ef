import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { systemdRunArguments } from '../../src/commands/checkpoint/arm.js';
import { type Checkpoint, Checkpoints } from '../../src/reconcile/checkpoint.js';
import type { Clock } from '../../src/reconcile/clock.js';
import { attend } from '../../src/reconcile/confirm-timer.js';
import { UNSETTLED } from '../../src/reconcile/rollback.js';

let dir: string;
let checkpoints: Checkpoints;
let nowMs: number;
/** What happens when the time comes, once each. */
let events: Map<number, () => unknown>;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flan-timer-'));
  checkpoints = new Checkpoints(dir);
  nowMs = 0;
  events = new Map();
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Time passes only while somebody sleeps. */
const clock: Clock = {
  nowMs: () => nowMs,
  wallMs: () => nowMs,
  random: () => 0,
  after: (delayMs, run) => {
    const pass = async (): Promise<void> => {
      await undefined;
      const until = nowMs + delayMs;
      for (const [at, happen] of [...events].sort(([a], [b]) => a - b)) {
        if (at > until) continue;
        events.delete(at);
        nowMs = at;
        await happen();
      }
      nowMs = until;
      run();
    };
    void pass();
    return () => undefined;
  },
};

const make = (deadlineMs: number): Checkpoint =>
  checkpoints.create(
    {
      ...{ place: 'here', node: 'node-a', settings: {}, deadlineMs },
      network: { nftables: false, backend: { type: 'host-gw', options: {} } },
      ownership: { protocol: 70, networks: [] },
    },
    0,
  );

interface Run {
  readonly lockedUntilMs?: number;
}

async function run(id: string, { lockedUntilMs = 0 }: Run = {}) {
  const calls: { readonly atMs: number; readonly why: string }[] = [];
  let locks = 0;
  const signal = new AbortController().signal;
  const ended = await attend({
    ...{ checkpoints, id, clock, signal },
    tryLock: () => {
      if (nowMs < lockedUntilMs) return undefined;
      locks++;
      return { release: () => locks-- };
    },
    rollBack: async (why, from) => {
      calls.push({ atMs: nowMs, why });
      const checkpoint = await checkpoints.change(id, { from, to: { state: 'rolled-back', why } });
      return checkpoint && { checkpoint, outcomes: [], left: [], moved: [] };
    },
  });
  expect(locks).toBe(0);
  return { calls, ...ended };
}

it('rolls back at the deadline, and no sooner', async () => {
  const { id } = make(10_000);
  await checkpoints.change(id, { from: ['applying'], to: { state: 'pending' } });
  const { calls, checkpoint, report } = await run(id);
  expect(calls).toEqual([{ atMs: 10_000, why: 'nobody confirmed it in time' }]);
  expect(checkpoint.state).toBe('rolled-back');
  expect(report?.left).toEqual([]);
});

it('tells an apply that died from one that nobody confirmed', async () => {
  const { id } = make(10_000);
  expect((await run(id)).calls).toEqual([{ atMs: 10_000, why: 'the apply ended early, and its time is over' }]);
});

it('leaves alone what is confirmed before', async () => {
  const { id } = make(10_000);
  events.set(5_000, () => checkpoints.change(id, { from: ['applying'], to: { state: 'confirmed' } }));
  const { calls, checkpoint, report } = await run(id);
  expect({ calls, state: checkpoint.state, report }).toEqual({ calls: [], state: 'confirmed', report: undefined });
});

it('follows a deadline that is put off', async () => {
  const { id } = make(10_000);
  const to = { state: 'pending', deadlineMs: 30_000 } as const;
  events.set(9_000, () => checkpoints.change(id, { from: ['applying'], to }));
  expect((await run(id)).calls.map(({ atMs }) => atMs)).toEqual([30_000]);
});

it('waits for an apply that is still at work, and for what that makes of the deadline', async () => {
  const { id } = make(10_000);
  const to = { state: 'pending', deadlineMs: 50_000 } as const;
  // It ends, and lets go of the lock, long after its first deadline.
  events.set(19_999, () => checkpoints.change(id, { from: ['applying'], to }));
  expect((await run(id, { lockedUntilMs: 20_000 })).calls.map(({ atMs }) => atMs)).toEqual([50_000]);
});

it('sees that another did the work', async () => {
  const { id } = make(1_000);
  events.set(4_000, () => checkpoints.change(id, { from: UNSETTLED, to: { state: 'rolled-back', why: 'by watch' } }));
  const { calls, checkpoint } = await run(id, { lockedUntilMs: 60_000 });
  expect(calls).toEqual([]);
  expect(checkpoint.why).toBe('by watch');
});

it('goes on at once with a rollback that was begun', async () => {
  const { id } = make(1_000_000);
  await checkpoints.change(id, { from: ['applying'], to: { state: 'rolling-back', why: 'asked for' } });
  expect((await run(id)).calls).toEqual([{ atMs: 0, why: 'asked for' }]);
});

it('systemd is told when, under which name, and what', () => {
  expect(systemdRunArguments('flan-confirm-x', 119_600, ['/usr/bin/node', 'flan'])).toEqual([
    ...['--quiet', '--collect', '--unit=flan-confirm-x', '--description=flan: roll back unless confirmed'],
    ...['--on-active=120s', '--timer-property=AccuracySec=100ms', '--property=KillMode=process'],
    ...['--', '/usr/bin/node', 'flan'],
  ]);
});
