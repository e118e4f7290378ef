import { describe, expect, it } from 'vitest';
import { FlanError } from '../../src/errors.js';
import type { WatchEvent } from '../../src/reconcile/events.js';
import { type Level, type LogFormat, logLine } from '../../src/report/log-record.js';
import { plain } from '../../src/report/paint.js';
import { watchLog } from '../../src/telemetry/log.js';

const error = new FlanError('E_NETLINK', 'the "kernel"\nrefused', { hint: 'Ask it why.' });
const FAILED: WatchEvent = { type: 'failed', key: 'route/main/10.244.2.0/24', error, more: 0 };
const HOST: WatchEvent = { type: 'host', what: 'eth0=x moved' };

function log(logFormat: LogFormat, logLevel: Level = 'info') {
  const lines: string[] = [];
  let wallMs = Date.UTC(2026, 0, 2, 3, 4, 5);
  let nowMs = 0;
  const made = watchLog({
    ...{ logFormat, logLevel, paint: plain },
    write: (line) => lines.push(line),
    wallMs: () => wallMs,
    nowMs: () => nowMs,
  });
  const wait = (ms: number): void => {
    nowMs += ms;
    wallMs += ms;
    made.settle();
  };
  const setBack = (ms: number): void => {
    wallMs -= ms;
  };
  return { ...made, lines, wait, setBack };
}

it('the limits of the log do not wait for a clock that was set back', () => {
  const { tell, lines, wait, setBack } = log('text');
  for (let i = 0; i < 6; i++) tell(FAILED);
  expect(lines).toHaveLength(5);
  setBack(3_600_000);
  wait(61_000);
  const before = lines.length;
  tell(FAILED);
  expect(lines).toHaveLength(before + 1);
});

describe('a line of the log', () => {
  it('is text for people', () => {
    const { tell, lines } = log('text');
    tell(HOST);
    expect(lines).toEqual(['2026-01-02T03:04:05.000Z host: eth0=x moved']);
  });

  it('is JSON with level, message and flat fields', () => {
    const { tell, lines } = log('json');
    tell(FAILED);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        time: '2026-01-02T03:04:05.000Z',
        level: 'error',
        msg: 'failed route/main/10.244.2.0/24: the "kernel"\\u{a}refused',
        event: 'failed',
        ...{ key: 'route/main/10.244.2.0/24', more: 0, code: 'E_NETLINK', hint: 'Ask it why.' },
      },
    ]);
  });

  it('is logfmt, with quotes where something could be mistaken', () => {
    const { tell, lines } = log('logfmt');
    tell(HOST);
    expect(lines).toEqual([
      'time=2026-01-02T03:04:05.000Z level=info msg="host: eth0=x moved" event=host what="eth0=x moved"',
    ]);
  });

  it('never becomes two, whatever an event says', () => {
    const record = { level: 'info', event: 'x', message: 'm', fields: { a: 'b\nlevel=error c' } } as const;
    for (const format of ['json', 'logfmt'] as const)
      expect(logLine({ record, time: 't', format })).not.toContain('\n');
  });
});

describe('the log', () => {
  it('keeps to its level, which can change', () => {
    const made = log('text', 'warn');
    made.tell(HOST);
    made.tell(FAILED);
    expect(made.lines).toHaveLength(1);
    made.change({ logFormat: 'json', logLevel: 'debug' });
    made.tell({ type: 'resync', why: 'periodic resync', tookMs: 1 });
    expect(JSON.parse(made.lines[1] ?? '')).toMatchObject({ level: 'debug', event: 'resync', took_ms: 1 });
  });

  it('says the same of one key five times a minute, then how often it did not', () => {
    const { tell, lines, wait } = log('text');
    for (let i = 0; i < 50; i++) tell(FAILED);
    tell({ ...FAILED, key: 'route/main/10.244.3.0/24' });
    expect(lines).toHaveLength(6);
    wait(60_000);
    expect(lines.slice(6)).toEqual([
      "2026-01-02T03:05:05.000Z 45 more like 'failed route/main/10.244.2.0/24' in 60 s were left out of the log",
    ]);
    tell(FAILED);
    expect(lines).toHaveLength(8);
  });

  it('stays readable in a storm of different keys', () => {
    const { tell, lines, wait } = log('logfmt');
    for (let i = 0; i < 5000; i++) tell({ type: 'healed', key: `route/main/${i}`, tookMs: 1 });
    expect(lines).toHaveLength(100);
    wait(10_000);
    expect(lines.slice(100)).toHaveLength(1);
    expect(lines[100]).toContain('count=4900');
  });
});
