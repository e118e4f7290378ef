import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { progressOn } from '../../src/commands/apply/progress.js';
import type { Outcome } from '../../src/drivers/driver.js';
import { FlanError } from '../../src/errors.js';
import type { Key } from '../../src/planner/kind.js';
import type { Step } from '../../src/planner/plan.js';

const step = (key: string): Step => ({
  action: 'delete',
  key: key as Key,
  before: { kind: 'toy' },
  needs: [],
  reason: '',
});
const done = (key: string): Outcome => ({ step: step(key), status: 'done' });
const failed = (key: string): Outcome => ({
  step: step(key),
  status: 'failed',
  error: new FlanError('E_NETLINK', 'no'),
});

function terminal(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 80 });
  let nowMs = 0;
  const progress = progressOn(stream as unknown as NodeJS.WriteStream, () => nowMs);
  const at = (ms: number, ...outcomes: readonly Outcome[]): void => {
    nowMs = ms;
    progress.onProgress(outcomes, 100);
  };
  return { at, progress, written: () => String(stream.read() ?? '') };
}

it('follows long work on one line of the terminal, and takes it away', () => {
  const { at, progress, written } = terminal(true);
  at(0, done('toy/a'));
  at(400, done('toy/b'));
  expect(written()).toBe('');
  at(1000, done('toy/c'), failed('toy/d'));
  // Not each time: a terminal is slow.
  at(1050, done('toy/e'));
  at(2000, done('toy/f'));
  expect(written()).toBe(
    '\r\x1b[K[  4/100] 4.0/s, 24 s left, 1 failed  toy/d\r\x1b[K[  6/100] 3.0/s, 32 s left, 1 failed  toy/f',
  );
  progress.clear();
  progress.clear();
  expect(written()).toBe('\r\x1b[K');
});

it('says nothing where there is no terminal, or nothing to wait for', () => {
  const pipe = terminal(false);
  pipe.at(0, done('toy/a'));
  pipe.at(60_000, done('toy/b'));
  pipe.progress.clear();
  expect(pipe.written()).toBe('');
  const quick = terminal(true);
  quick.at(0, done('toy/a'));
  quick.at(100, done('toy/b'));
  quick.progress.clear();
  expect(quick.written()).toBe('');
});
