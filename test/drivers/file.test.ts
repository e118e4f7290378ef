import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Driver, Notice, Scope } from '../../src/drivers/driver.js';
import { fileDriver } from '../../src/drivers/file.js';
import { fileKey, type TextFile } from '../../src/kinds/file.js';
import type { Step } from '../../src/planner/plan.js';

const signal = new AbortController().signal;
let dir: string;
let path: string;
let driver: Driver;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flan-file-'));
  path = join(dir, 'run', 'subnet.env');
  driver = fileDriver();
});
afterEach(() => {
  driver.close();
  rmSync(dir, { recursive: true, force: true });
});

const file = (content: string, at = path): TextFile => ({ kind: 'file', path: at, content, mode: 0o644 });
const write = (after: TextFile): Step => ({
  action: 'create',
  key: fileKey(after.path),
  after,
  needs: [],
  reason: 'test',
});
const remove = (before: TextFile): Step => ({
  action: 'delete',
  key: fileKey(before.path),
  before,
  needs: [],
  reason: 'test',
});
const scope = (...named: readonly TextFile[]): Scope => ({
  ...{ ownership: { protocol: 70, networks: [] }, families: [4], tables: [254], wants: () => true, named },
});
const statuses = async (...steps: readonly Step[]) => (await driver.perform(steps, signal)).map(({ status }) => status);

describe('file driver', () => {
  it('writes a file whole, with its folder and whatever the umask is, and reads back what it wrote', async () => {
    const before = process.umask(0o077);
    try {
      expect(await statuses(write(file('A=1\n')))).toEqual(['done']);
    } finally {
      process.umask(before);
    }
    expect((await driver.observe(scope(file('')), signal)).resources).toEqual([file('A=1\n')]);
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readdirSync(join(dir, 'run'))).toEqual(['subnet.env']);
    expect(await statuses(remove(file('')), remove(file('')))).toEqual(['done', 'done']);
    expect((await driver.observe(scope(file('')), signal)).resources).toEqual([]);
  });

  it('reads a mode that somebody changed', async () => {
    await statuses(write(file('A=1\n')));
    chmodSync(path, 0o600);
    expect((await driver.observe(scope(file('')), signal)).resources).toEqual([{ ...file('A=1\n'), mode: 0o600 }]);
  });

  it('says of what cannot be written why, and leaves what stood there', async () => {
    writeFileSync(join(dir, 'blocker'), 'mine');
    const [outcome] = await driver.perform([write(file('A', join(dir, 'blocker', 'subnet.env')))], signal);
    expect(outcome).toMatchObject({
      status: 'failed',
      error: { code: 'E_FILE', message: expect.stringContaining('blocker') },
    });
    const [readOnly] = await driver.perform([write(file('A', '/proc/subnet.env'))], signal);
    expect(readOnly).toMatchObject({
      status: 'failed',
      error: { code: expect.stringMatching(/^E_(FILE|PERMISSION)$/) },
    });
    expect(readFileSync(join(dir, 'blocker'), 'utf8')).toBe('mine');
  });

  it('goes through a link of somebody else’s, which stays', async () => {
    mkdirSync(join(dir, 'far'));
    symlinkSync('far/subnet.env', join(dir, 'link'));
    const linked = file('A=1\n', join(dir, 'link'));
    for (const content of ['A=1\n', 'A=2\n']) {
      expect(await statuses(write({ ...linked, content }))).toEqual(['done']);
      expect(readFileSync(join(dir, 'far/subnet.env'), 'utf8')).toBe(content);
    }
    expect(await statuses(remove(linked))).toEqual(['done']);
    expect([readdirSync(join(dir, 'far')), readlinkSync(join(dir, 'link'))]).toEqual([[], 'far/subnet.env']);
    expect((await driver.observe(scope(linked), signal)).resources).toEqual([]);
    expect(await statuses(write(linked))).toEqual(['done']);
  });

  it('leaves alone what is no regular file, and does not wait for it', async () => {
    const pipe = file('A=1\n', join(dir, 'pipe'));
    execFileSync('mkfifo', [pipe.path]);
    const error = { code: 'E_FILE', message: expect.stringContaining('it is a FIFO'), hint: expect.any(String) };
    const outcomes = await driver.perform([write(pipe), remove(pipe)], signal);
    expect(outcomes).toMatchObject([
      { status: 'failed', error },
      { status: 'failed', error },
    ]);
    await expect(driver.observe(scope(pipe), signal)).rejects.toMatchObject(error);
    expect(statSync(pipe.path).isFIFO()).toBe(true);
  });

  it('tells every change of its file, and goes on when its folder is taken away, again and again', async () => {
    const heard: Notice[] = [];
    await driver.follow?.(scope(file('')), (notice) => heard.push(notice), signal);
    /** The last notice is the state. */
    const last = async (wanted: string | undefined): Promise<void> => {
      const fits = (notice: Notice | undefined): boolean =>
        wanted === undefined
          ? notice?.type === 'gone'
          : notice?.type === 'seen' && (notice.resource as TextFile).content === wanted;
      for (let i = 0; !fits(heard.at(-1)); i++) {
        if (i > 400) throw new Error(`'${wanted}' was not told: ${JSON.stringify(heard)}`);
        await sleep(5);
      }
    };
    writeFileSync(path, 'one');
    await last('one');
    writeFileSync(`${path}.new`, 'two');
    renameSync(`${path}.new`, path);
    await last('two');
    rmSync(path);
    await last(undefined);
    for (const content of ['three', 'four']) {
      rmSync(join(dir, 'run'), { recursive: true, force: true });
      await sleep(30);
      mkdirSync(join(dir, 'run'), { recursive: true });
      writeFileSync(path, content);
      await last(content);
    }
    renameSync(join(dir, 'run'), join(dir, 'away'));
    await sleep(30);
    await statuses(write(file('five')));
    await last('five');
    writeFileSync(path, 'six');
    await last('six');
  });

  it('says nothing of other files beside it', async () => {
    const heard: Notice[] = [];
    await driver.follow?.(scope(file('')), (notice) => heard.push(notice), signal);
    writeFileSync(join(dir, 'run', 'other'), 'x');
    await sleep(50);
    writeFileSync(path, 'mine');
    for (let i = 0; heard.length === 0 && i < 400; i++) await sleep(5);
    expect(new Set(heard.map((notice) => ('key' in notice ? notice.key : notice.type)))).toEqual(
      new Set([fileKey(path)]),
    );
  });
});
