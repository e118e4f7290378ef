import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import { keyOf } from '../../src/planner/kind.js';
import type { WatchEvent } from '../../src/reconcile/events.js';
import { appendHistory, historyPath, readHistory } from '../../src/reconcile/history-file.js';
import { historyWriter } from '../../src/reconcile/history-writer.js';
import { type HistoryEntry, LISTED_CHANGES } from '../../src/report/history-entry.js';
import { selectHistory } from '../../src/report/history-select.js';

const root = mkdtempSync(join(tmpdir(), 'flan-history-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const place = () => ({ stateDir: join(root, String(count++), 'deep') });

const repair = (n: number): HistoryEntry => ({
  at: new Date(Date.UTC(2026, 0, 1) + n * 1000).toISOString(),
  kind: 'repair',
  key: `route/main/10.244.${n}.0/24`,
  tookMs: n,
});

describe('the file', () => {
  it('gives back what was written, in order, by whoever wrote it', async () => {
    const at = place();
    await appendHistory({ place: at, entries: [repair(1), repair(2)] });
    await appendHistory({ place: at, entries: [repair(3)] });
    expect(readHistory(at)).toEqual([repair(1), repair(2), repair(3)]);
    expect(readHistory({ ...at, netns: '/run/netns/blue' })).toEqual([]);
  });

  it('is one per namespace', () => {
    const paths = [{ stateDir: '/x' }, { stateDir: '/x', netns: 'a' }, { stateDir: '/x', netns: '/proc/1/ns/net' }];
    expect(paths.map(historyPath)).toEqual([
      '/x/history.ndjson',
      '/x/history-a.ndjson',
      '/x/history-_proc_1_ns_net.ndjson',
    ]);
  });

  it('never grows beyond twice its limit, and keeps the newest', async () => {
    const at = place();
    const maxBytes = 500;
    for (let n = 0; n < 100; n++) await appendHistory({ place: at, entries: [repair(n)], maxBytes });
    const sizes = readdirSync(at.stateDir).map((name) => statSync(join(at.stateDir, name)).size);
    expect(sizes.length).toBe(2);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(maxBytes);
    const kept = readHistory(at);
    expect(kept.length).toBeGreaterThan(3);
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => repair(100 - kept.length + i)));
  });

  it('goes on after a line that was cut off anywhere', async () => {
    const at = place();
    await appendHistory({ place: at, entries: [repair(1), repair(2)] });
    const whole = readFileSync(historyPath(at));
    const first = `${JSON.stringify(repair(1))}\n`.length;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: first, max: whole.length }), async (length) => {
        writeFileSync(historyPath(at), whole);
        truncateSync(historyPath(at), length);
        await appendHistory({ place: at, entries: [repair(3)] });
        const isWhole = length >= whole.length - 1;
        expect(readHistory(at)).toEqual(isWhole ? [repair(1), repair(2), repair(3)] : [repair(1), repair(3)]);
      }),
    );
  });

  it('leaves out what it does not know', async () => {
    const at = place();
    await appendHistory({ place: at, entries: [repair(1)] });
    appendFileSync(
      historyPath(at),
      [
        '{"at":"2026-01-01","kind":"vision","key":"x"}',
        '{"kind":"repair","key":"x"}',
        '{"at":"2026-01-01","kind":"repair"}',
        '[]',
        'null',
        '',
      ].join('\n'),
    );
    expect(readHistory(at)).toEqual([repair(1)]);
  });

  it('says where it cannot be written', async () => {
    const at = place();
    writeFileSync(join(root, 'file'), '');
    const failing = appendHistory({ place: { stateDir: join(root, 'file') }, entries: [repair(1)] });
    await expect(failing).rejects.toMatchObject({ code: 'E_FILE', where: join(root, 'file', 'history.ndjson') });
    expect(readHistory(at)).toEqual([]);
  });
});

describe('the writer', () => {
  const start = () => {
    const at = place();
    const refused: FlanError[] = [];
    let run: (() => void) | undefined;
    let timers = 0;
    const clock = {
      wallMs: () => Date.UTC(2026, 0, 1),
      after: (_ms: number, next: () => void) => {
        timers++;
        run = next;
        return () => {
          run = undefined;
        };
      },
    };
    const writer = historyWriter({ place: at, clock, onRefused: (error) => refused.push(error) });
    return { at, refused, writer, tick: () => run?.(), timers: () => timers };
  };
  const key = (n: number) => keyOf('route', 'main', `10.${n >> 8}.${n & 255}.0/24`);
  const drift = (n: number): WatchEvent => ({ type: 'drift', drift: { key: key(n), what: 'deleted' } });
  const healed = (n: number): WatchEvent => ({ type: 'healed', key: key(n), tookMs: 1.23 });
  const applied = (...keys: readonly number[]): WatchEvent => ({
    type: 'applied',
    changes: keys.map((n) => ({ action: 'create', key: key(n), reason: 'lease of b' })),
    tookMs: 5,
  });

  it('tells drift and its repair, and changes that were asked for, each once', async () => {
    const { at, writer } = start();
    for (const event of [applied(1, 2), drift(1), healed(1), applied(1, 3), applied(1)]) writer.tell(event);
    writer.tell({ type: 'store', state: 'connected' });
    writer.tell({ type: 'failed', key: 'x', error: new FlanError('E_NETLINK', 'no'), more: 2 });
    await writer.close();
    expect(readHistory(at).map(({ at: _, ...fact }) => fact)).toEqual([
      expect.objectContaining({ kind: 'apply', counts: { create: 2 } }),
      { kind: 'drift', key: key(1), what: 'deleted' },
      { kind: 'repair', key: key(1), tookMs: 1.2 },
      expect.objectContaining({ kind: 'apply', changes: [expect.objectContaining({ key: key(3) })] }),
      expect.objectContaining({ kind: 'apply', changes: [expect.objectContaining({ key: key(1) })] }),
      { kind: 'failure', key: 'x', code: 'E_NETLINK', message: 'no', more: 2 },
    ]);
  });

  it('writes once for all that happens within a second', async () => {
    const { at, writer, tick, timers } = start();
    for (let n = 0; n < 50; n++) writer.tell(drift(n));
    expect([readHistory(at), timers()]).toEqual([[], 1]);
    tick();
    await writer.close();
    expect(readHistory(at).length).toBe(50);
  });

  it('counts a storm instead of writing it', async () => {
    const { at, writer } = start();
    for (let n = 0; n < 5000; n++) writer.tell(drift(n));
    for (let n = 0; n < 10; n++) writer.tell(healed(n));
    writer.tell(applied(...Array.from({ length: 2000 }, (_, n) => n)));
    await writer.close();
    const entries = readHistory(at);
    expect(entries.filter(({ kind }) => kind === 'drift').length).toBe(200);
    expect(entries.filter(({ kind }) => kind === 'repair').length).toBe(10);
    expect(entries.at(-1)).toMatchObject({ kind: 'left out', of: 'drift', count: 4800 });
    const apply = entries.find((entry) => entry.kind === 'apply');
    expect(apply).toMatchObject({ counts: { create: 1990 }, changes: { length: LISTED_CHANGES } });
    expect(apply?.others?.create?.length).toBe(1990 - LISTED_CHANGES);
  });

  it('says once that it cannot write, and again when that comes back', async () => {
    const { at, writer, refused, tick } = start();
    writer.change({ stateDir: join(root, 'file') });
    for (let n = 0; n < 3; n++) {
      writer.tell(drift(n));
      tick();
    }
    writer.change(at);
    writer.tell(drift(9));
    await writer.close();
    expect(refused.map(({ code }) => code)).toEqual(['E_FILE']);
    expect(readHistory(at).length).toBe(1);
  });
});

describe('a selection', () => {
  const drift: HistoryEntry = { at: '2026-01-01T00:00:30Z', kind: 'drift', key: 'x', what: 'deleted' };
  const left: HistoryEntry = { at: '2026-01-01T00:00:31Z', kind: 'left out', of: 'drift', count: 3 };
  const all = [repair(1), drift, left, repair(60)];
  it('is by time, kind and number', () => {
    expect(selectHistory(all, { last: 0 })).toEqual(all);
    expect(selectHistory(all, { last: 2 })).toEqual([left, repair(60)]);
    expect(selectHistory(all, { last: 0, kinds: ['drift'] })).toEqual([drift, left]);
    expect(selectHistory(all, { last: 0, sinceMs: Date.parse(left.at) })).toEqual([left, repair(60)]);
  });
});
