import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { parsePrefix } from '../../src/model/ip.js';
import { keyOf } from '../../src/planner/kind.js';
import { lockHost } from '../../src/reconcile/lock.js';
import { readStatusFiles } from '../../src/reconcile/status-file.js';
import { lockedInodes, lockState } from '../../src/reconcile/status-lock.js';
import { statusTeller } from '../../src/reconcile/status-watch.js';
import { viewOf } from '../telemetry/view.js';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flan-status-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Time that passes only when it is told to. */
function fakeClock() {
  let nowMs = 5_000_000;
  let wallMs = 1_000_000;
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];
  return {
    nowMs: () => nowMs,
    wallMs: () => wallMs,
    /** As NTP or a person does it. */
    setBack: (ms: number) => {
      wallMs -= ms;
    },
    after: (delayMs: number, run: () => void) => {
      const timer = { atMs: nowMs + delayMs, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
    pass: (ms: number) => {
      nowMs += ms;
      wallMs += ms;
      const due = timers.filter(({ atMs }) => atMs <= nowMs);
      timers = timers.filter(({ atMs }) => atMs > nowMs);
      for (const { run } of due) run();
    },
  };
}

const drift = { type: 'drift', drift: { key: keyOf('route', 'main', '10.244.2.0/24'), what: 'deleted' } } as const;

describe('what watch tells others', () => {
  const start = () => {
    const clock = fakeClock();
    const teller = statusTeller({
      place: { runtimeDir: dir },
      clock,
      view: () => viewOf(),
      readiness: () => ({ ready: true, why: 'works' }),
    });
    const files = (): readonly string[] => readdirSync(dir).filter((name) => name.endsWith('.status.json'));
    return { clock, teller, files, read: () => readStatusFiles({ runtimeDir: dir })[0]?.status };
  };

  it('is written at most once a second, and goes with the process', () => {
    const { clock, teller, read, files } = start();
    clock.pass(100);
    expect(read()).toMatchObject({ ready: true, drift: { detected: 0 }, process: { pid: process.pid } });
    for (let n = 0; n < 100; n++) teller.tell(drift);
    clock.pass(999);
    expect(read()?.drift.detected).toBe(0);
    clock.pass(1);
    expect(read()?.drift).toMatchObject({ detected: 100, repaired: 0, last: { what: 'deleted' } });
    teller.close();
    expect(files()).toEqual([]);
  });

  it('shows life when nothing changes, and comes back when somebody cleans up', () => {
    const { clock, teller, files } = start();
    clock.pass(100);
    const [name = ''] = files();
    const before = readFileSync(join(dir, name), 'utf8');
    clock.pass(5000);
    teller.settle();
    clock.pass(100);
    expect(readFileSync(join(dir, name), 'utf8')).toBe(before);
    expect(statSync(join(dir, name)).mtimeMs).toBe(clock.wallMs());
    rmSync(join(dir, name));
    clock.pass(5000);
    teller.settle();
    clock.pass(100);
    expect(files()).toEqual([name]);
    teller.close();
  });

  it('knows since when the store is away, however often it is tried', () => {
    const { clock, teller } = start();
    const error = new FlanError('E_STORE_UNREACHABLE', 'refused');
    teller.tell({ type: 'ready', peers: 0, resources: 0, failed: 0, tookMs: 1 });
    expect(teller.now().store.state).toBe('connected');
    clock.pass(1000);
    teller.tell({ type: 'store', state: 'disconnected', error, retryInMs: 1 });
    clock.pass(5000);
    teller.tell({ type: 'store', state: 'disconnected', error, retryInMs: 1 });
    expect(teller.now().store).toEqual({ state: 'disconnected', sinceMs: 1_001_000, message: 'refused' });
    teller.close();
  });

  it('goes on being written when the clock is set back', () => {
    const { clock, teller, read } = start();
    clock.pass(100);
    clock.setBack(3_600_000);
    teller.tell(drift);
    clock.pass(1000);
    expect(read()).toMatchObject({ drift: { detected: 1 } });
    teller.close();
  });

  it('names a snapshot that the guard holds back, and only as long as it does', () => {
    const clock = fakeClock();
    let isHeld = true;
    const teller = statusTeller({
      place: { runtimeDir: dir },
      clock,
      view: () => ({ ...viewOf(), holdsSnapshot: () => isHeld }),
      readiness: () => ({ ready: true, why: 'works' }),
    });
    expect(teller.now().guard).toBeUndefined();
    teller.tell({ type: 'held', what: 'peers', would: 9, of: 10, holdMs: 60_000 });
    clock.pass(5000);
    expect(teller.now().guard).toEqual({ sinceMs: 1_000_000, untilMs: 1_060_000, what: 'peers', would: 9, of: 10 });
    isHeld = false;
    expect(teller.now().guard).toBeUndefined();
    teller.close();
  });

  it('of a process that is gone is not read, and is swept by the next', () => {
    const { clock, teller, files } = start();
    clock.pass(100);
    const [name = ''] = files();
    const stale = name.replace(String(process.pid), '4194303');
    const text = readFileSync(join(dir, name), 'utf8');
    writeFileSync(join(dir, stale), text.replace(`"pid":${process.pid}`, '"pid":4194303'));
    writeFileSync(join(dir, name.replace(String(process.pid), '1')), 'cut off {');
    utimesSync(join(dir, stale), 1, 1);
    expect(readStatusFiles({ runtimeDir: dir })).toHaveLength(1);
    teller.close();
    const next = start();
    expect(files()).not.toContain(stale);
    next.teller.close();
  });
});

describe('the lock', () => {
  it('is seen without being taken', () => {
    const place = { runtimeDir: dir, networks: [parsePrefix('10.244.0.0/16')] };
    expect(lockState(place)).toEqual({ state: 'free' });
    const lock = lockHost({ ...place, holder: 'a test' });
    expect(lockState(place)).toEqual({ state: 'held', holder: `pid ${process.pid} (a test)` });
    expect(lockState({ ...place, networks: [parsePrefix('10.245.0.0/16')] })).toEqual({ state: 'free' });
    lock.release();
    expect(lockState(place)).toEqual({ state: 'free' });
  });

  it('is free where there can be none', () => {
    writeFileSync(join(dir, 'file'), '');
    const place = { runtimeDir: join(dir, 'file', 'x'), networks: [parsePrefix('10.244.0.0/16')] };
    expect(lockState(place)).toEqual({ state: 'free' });
  });

  it('is found among all locks of the system', () => {
    const text = [
      '1: FLOCK  ADVISORY  WRITE 12 08:01:1234 0 EOF',
      '1: -> FLOCK  ADVISORY  WRITE 13 08:01:999 0 EOF',
      '2: POSIX  ADVISORY  WRITE 12 08:01:77 0 EOF',
      '3: FLOCK  ADVISORY  READ  -1 fd:00:5678 0 EOF',
      '',
    ].join('\n');
    expect([...lockedInodes(text)]).toEqual([1234, 5678]);
  });
});
