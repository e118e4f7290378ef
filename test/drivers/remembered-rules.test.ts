import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { remembering } from '../../src/drivers/remembered-rules.js';
import type { RuleSetTool } from '../../src/drivers/rule-sets.js';
import { type NftTable, nftTable, nftTableKind } from '../../src/kinds/nft-table.js';
import type { Family } from '../../src/model/ip.js';
import { type KernelContext, kernelTest } from '../support/kernel.js';

const { signal } = new AbortController();
const CHANGE = 'nft add table ip t; nft delete table ip t';

/** A tool whose every reading tells something new, so that what is remembered can be told from what is read. */
function countingTool(whileReading: () => Promise<unknown> = async () => undefined) {
  let count = 0;
  const tool: RuleSetTool<NftTable> = {
    name: 'counting',
    kind: nftTableKind,
    keyOf: (family) => nftTableKind.key(nftTable({ family, lines: [] })),
    mayHold: () => true,
    read: async (family) => {
      count += 1;
      await whileReading();
      return family === 6 ? undefined : nftTable({ family, lines: [`reading ${count}`] });
    },
    write: async () => undefined,
    listen: async () => undefined,
  };
  return { tool, count: () => count };
}

function place({ netns, onEnd }: Pick<KernelContext, 'netns' | 'onEnd'>) {
  const memoryDir = mkdtempSync(join(tmpdir(), 'flan-memory-'));
  onEnd(() => rmSync(memoryDir, { recursive: true, force: true }));
  const program = join(memoryDir, 'program');
  writeFileSync(program, 'one');
  const { tool, count } = countingTool();
  /** As a process of its own: nothing but the file connects one call with the next. */
  const read = (family: Family = 4, netnsName = netns.name) =>
    remembering(tool, { toolbox: { netns: netnsName, memoryDir }, program: () => program }).read(family, signal);
  return { memoryDir, program, read, count };
}

const needs = ['nft'] as const;

describe('what a program told of the rules', () => {
  kernelTest('is remembered for as long as no rule changes, family by family', { needs }, async (context) => {
    const { read, count, memoryDir } = place(context);
    const first = await read();
    expect(await read(6)).toBeUndefined();
    expect([await read(), await read(6), await read()]).toEqual([first, undefined, first]);
    expect(count()).toBe(2);
    const [file = ''] = readdirSync(memoryDir).filter((name) => name.endsWith('-counting.json'));
    expect(statSync(join(memoryDir, file)).mode & 0o777).toBe(0o600);
  });

  kernelTest('is asked for again after any transaction, whoever made it', { needs }, async (context) => {
    const { read, count } = place(context);
    const first = await read();
    await context.netns.sh(CHANGE);
    expect(await read()).not.toEqual(first);
    await context.netns.sh('nft add table ip t');
    await read();
    await context.netns.sh('nft flush ruleset');
    await read();
    await read();
    expect(count()).toBe(4);
  });

  kernelTest('is of one network namespace, and gone with it', { needs }, async (context) => {
    const { read, count } = place(context);
    const other = context.makeNetns('b');
    await read();
    await read(4, other.name);
    expect(count()).toBe(2);
    // Made anew it may well get the same inode number, and the same count of transactions.
    await context.netns.sh(`ip netns delete ${other.name}; ip netns add ${other.name}`);
    await read(4, other.name);
    expect(count()).toBe(3);
  });

  kernelTest('is asked for again when the program is another one', { needs }, async (context) => {
    const { read, count, program } = place(context);
    await read();
    writeFileSync(program, 'two, and longer');
    await read();
    expect(count()).toBe(2);
  });

  kernelTest('is not remembered when a rule changed while it was told', { needs }, async ({ netns, onEnd }) => {
    const { memoryDir, program } = place({ netns, onEnd });
    const { tool, count } = countingTool(() => netns.sh(CHANGE));
    const remembered = remembering(tool, { toolbox: { netns: netns.name, memoryDir }, program: () => program });
    await remembered.read(4, signal);
    await remembered.read(4, signal);
    expect(count()).toBe(2);
  });

  kernelTest('is asked for where nothing can be kept, or what is kept makes no sense', { needs }, async (context) => {
    const { read, count, memoryDir, program } = place(context);
    await read();
    for (const name of readdirSync(memoryDir).filter((each) => each.endsWith('.json'))) {
      for (const text of ['', '{', '{"state":null}', 'null']) {
        writeFileSync(join(memoryDir, name), text);
        await read();
      }
    }
    expect(count()).toBe(5);
    const { tool, count: again } = countingTool();
    const nowhere = remembering(tool, {
      toolbox: { netns: context.netns.name, memoryDir: '/proc/nowhere' },
      program: () => program,
    });
    await nowhere.read(4, signal);
    await nowhere.read(4, signal);
    expect(again()).toBe(2);
  });
});
