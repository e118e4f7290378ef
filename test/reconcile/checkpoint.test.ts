import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordedNetwork } from '../../src/commands/checkpoint/recorded.js';
import type { Network } from '../../src/model/network.js';
import type { Image } from '../../src/planner/inverse.js';
import type { Key, Resource } from '../../src/planner/kind.js';
import { type Checkpoint, Checkpoints, isWaiting, type NewCheckpoint } from '../../src/reconcile/checkpoint.js';
import { confirm, refuseWhileWaiting, supersede, toConfirm } from '../../src/reconcile/confirm.js';

const network: Network = { nftables: false, backend: { type: 'host-gw', options: {} } };
const about: NewCheckpoint = {
  ...{ place: 'here 10.244.0.0/16', node: 'node-a', network, settings: {} },
  ownership: { protocol: 70, networks: ['10.244.0.0/16'] },
};
const image = (key: string, before?: string, after?: string): Image => ({
  key: key as Key,
  ...(before !== undefined && { before: { kind: 'toy', colour: before } as Resource }),
  ...(after !== undefined && { after: { kind: 'toy', colour: after } as Resource }),
});

let dir: string;
let checkpoints: Checkpoints;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'flan-checkpoints-'));
  checkpoints = new Checkpoints(dir);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const waiting = (nowMs = 1): Checkpoint => checkpoints.create({ ...about, deadlineMs: nowMs + 1000 }, nowMs);
const pending = async (nowMs = 1): Promise<Checkpoint> => {
  const { id } = waiting(nowMs);
  const made = await checkpoints.change(id, { from: ['applying'], to: { state: 'pending', why: 'waits' } });
  if (made === undefined) throw new Error('it was not applying');
  return made;
};

describe('the journal', () => {
  it('gives back what was written, the oldest state before and the newest after', () => {
    const { id } = waiting();
    const journal = checkpoints.journal(id);
    journal.write([image('toy/a', 'red', 'green'), image('toy/b', undefined, 'red')]);
    journal.write([image('toy/a', 'green', 'blue'), image('toy/c', 'red')]);
    journal.close();
    journal.close();
    expect([...checkpoints.images(id).values()]).toEqual([
      image('toy/a', 'red', 'blue'),
      image('toy/b', undefined, 'red'),
      image('toy/c', 'red'),
    ]);
  });

  it('goes on where another process left off, and counts no line that ends early', () => {
    const { id } = waiting();
    const journal = checkpoints.journal(id);
    journal.write([image('toy/a', 'red')]);
    journal.close();
    appendFileSync(join(checkpoints.folderOf(id), 'journal.ndjson'), '{"key":"toy/b","bef');
    expect([...checkpoints.images(id).keys()]).toEqual(['toy/a']);
  });

  it('is empty before the first change, and refused where it is damaged', () => {
    const { id } = waiting();
    expect(checkpoints.images(id).size).toBe(0);
    writeFileSync(join(checkpoints.folderOf(id), 'journal.ndjson'), '{"key":"toy/a"}\nnonsense\n{"key":"toy/b"}\n');
    expect(() => checkpoints.images(id)).toThrow(
      expect.objectContaining({ code: 'E_CHECKPOINT', where: expect.stringMatching(/journal\.ndjson:2$/) }),
    );
  });

  it('stops the apply when it cannot be written', () => {
    const { id } = waiting();
    rmSync(checkpoints.folderOf(id), { recursive: true });
    expect(() => checkpoints.journal(id)).toThrow(expect.objectContaining({ code: 'E_CHECKPOINT' }));
  });
});

describe('checkpoints', () => {
  it('are for root alone, in the order of their making', () => {
    const made = [waiting(1_000), waiting(1_000_000), waiting(2_000_000)];
    expect(checkpoints.list().map(({ id }) => id)).toEqual(made.map(({ id }) => id));
    for (const { id } of made) {
      expect(statSync(checkpoints.folderOf(id)).mode & 0o777).toBe(0o700);
      expect(statSync(join(checkpoints.folderOf(id), 'checkpoint.json')).mode & 0o777).toBe(0o600);
    }
    expect(checkpoints.list('elsewhere')).toEqual([]);
  });

  it('are none where there was no apply yet', () => {
    expect(new Checkpoints(join(dir, 'nowhere')).list()).toEqual([]);
    expect(() => checkpoints.get('x')).toThrow(expect.objectContaining({ code: 'E_CHECKPOINT' }));
    expect(() => checkpoints.get('../..')).toThrow(expect.objectContaining({ code: 'E_CHECKPOINT' }));
  });

  it('change for one of many who try at once', async () => {
    const { id } = await pending();
    const tries = Array.from({ length: 8 }, (_, i) =>
      checkpoints.change(id, { from: ['pending'], to: { state: i % 2 ? 'confirmed' : 'rolling-back', why: `${i}` } }),
    );
    const won = (await Promise.all(tries)).filter((one) => one !== undefined);
    expect(won).toHaveLength(1);
    expect(checkpoints.get(id)).toEqual(won[0]);
  });

  it('are forgotten when there are many, but for those that wait', async () => {
    const first = await pending(1);
    for (let i = 2; i < 30; i++) {
      const { id } = checkpoints.create(about, i * 1000);
      await checkpoints.change(id, { from: ['applying'], to: { state: 'applied', why: 'verified' } });
    }
    const left = checkpoints.list();
    expect(left[0]?.id).toBe(first.id);
    expect(left.length).toBeLessThan(25);
    expect(left.filter(isWaiting).map(({ id }) => id)).toEqual([first.id]);
  });

  it('survive a half-written file of somebody else', () => {
    const { id } = waiting();
    writeFileSync(join(dir, 'checkpoints', 'junk'), 'x');
    expect(checkpoints.list().map((one) => one.id)).toEqual([id]);
    expect(existsSync(join(dir, 'checkpoints', 'junk'))).toBe(true);
  });
});

describe('confirm', () => {
  it('keeps what is pending, and says the same again', async () => {
    const { id } = await pending();
    expect(await confirm(checkpoints, { id, why: 'confirmed' })).toMatchObject({ state: 'confirmed' });
    expect(await confirm(checkpoints, { id, why: 'again' })).toMatchObject({ state: 'confirmed', why: 'confirmed' });
  });

  it.each([
    ['applying', 'E_PENDING_CONFIRM'],
    ['rolling-back', 'E_CONFIRM_EXPIRED'],
    ['rolled-back', 'E_CONFIRM_EXPIRED'],
    ['not-rolled-back', 'E_CONFIRM_EXPIRED'],
  ] as const)('does not keep what is %s', async (state, code) => {
    const { id } = waiting();
    await checkpoints.change(id, { from: ['applying'], to: { state } });
    await expect(confirm(checkpoints, { id, why: 'confirmed' })).rejects.toMatchObject({ code });
    expect(checkpoints.get(id).state).toBe(state);
  });

  it('needs no name where one waits', async () => {
    expect(() => toConfirm([])).toThrow(expect.objectContaining({ code: 'E_CHECKPOINT' }));
    const one = await pending(1);
    expect(toConfirm(checkpoints.list())).toEqual(one);
    const two = await pending(100_000);
    expect(() => toConfirm(checkpoints.list())).toThrow(`${one.id}, ${two.id}`);
  });

  it.each(['rolled-back', 'not-rolled-back'] as const)(
    'without a name is too late when the newest is %s, unless an older one waits',
    async (state) => {
      const late = waiting(100_000);
      await checkpoints.change(late.id, { from: ['applying'], to: { state, why: 'nobody confirmed it in time' } });
      expect(() => toConfirm(checkpoints.list())).toThrow(
        expect.objectContaining({ code: 'E_CONFIRM_EXPIRED', message: expect.stringContaining(late.id) }),
      );
      const older = await pending(1);
      expect(toConfirm(checkpoints.list())).toEqual(older);
    },
  );

  it('without a name waits for nothing when the newest is of an apply that nobody was to confirm', async () => {
    const late = waiting(1);
    await checkpoints.change(late.id, { from: ['applying'], to: { state: 'rolled-back' } });
    const { id } = checkpoints.create(about, 100_000);
    await checkpoints.change(id, { from: ['applying'], to: { state: 'rolled-back' } });
    expect(() => toConfirm(checkpoints.list())).toThrow(expect.objectContaining({ code: 'E_CHECKPOINT' }));
  });

  it('is awaited by whoever comes next, until the changes are kept for good', async () => {
    expect(() => refuseWhileWaiting(checkpoints, about.place, 5)).not.toThrow();
    const { id } = await pending();
    expect(() => refuseWhileWaiting(checkpoints, about.place, 5)).toThrow(/1s left/);
    expect(() => refuseWhileWaiting(checkpoints, about.place, 5_000)).toThrow(/its time is over/);
    expect(() => refuseWhileWaiting(checkpoints, 'elsewhere', 5)).not.toThrow();
    expect(await supersede(checkpoints, about.place)).toMatchObject([{ id, state: 'superseded' }]);
    expect(() => refuseWhileWaiting(checkpoints, about.place, 5)).not.toThrow();
  });

  it('is not asked of an apply that nobody wanted to confirm', () => {
    checkpoints.create(about, 1);
    expect(checkpoints.waiting(about.place)).toEqual([]);
  });
});

it('what is recorded of a network config holds nothing secret', () => {
  const options = { Port: 51_820, PSK: 'sesame', clientSecret: 'sesame', Token: 'sesame', Mode: 'auto' };
  const made = recordedNetwork({ ...network, backend: { type: 'wireguard', options } });
  expect(made.backend).toEqual({ type: 'wireguard', options: { Port: 51_820, Mode: 'auto' } });
  const { id } = checkpoints.create({ ...about, network: made }, 1);
  expect(readFileSync(join(checkpoints.folderOf(id), 'checkpoint.json'), 'utf8')).not.toContain('sesame');
});
