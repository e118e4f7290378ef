import { spawn } from 'node:child_process';
import { describe, expect } from 'vitest';
import { FLAN, finished } from '../support/cli.js';
import { type LabNode, labTest } from '../support/lab.js';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';

/** Runs flan on a terminal of its own, and types when it asks. */
async function typed(node: LabNode, { command, keys }: { readonly command: readonly string[]; readonly keys: string }) {
  const line = [process.execPath, FLAN, ...command, ...node.flags].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: { PATH: process.env.PATH, TERM: 'dumb', SHELL: '/bin/sh' },
  });
  let shown = '';
  let isAnswered = false;
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
    if (isAnswered || !/\[y\/N\]|all the same: /.test(shown)) return;
    isAnswered = true;
    child.stdin.write(keys);
  });
  return finished(child);
}

const NOTHING_YET = { needs: [], nodes: 1 } as const;

describe('a question on the terminal', () => {
  labTest('is answered with y', NOTHING_YET, async ({ node, put }) => {
    put('node-b.yaml', { node: 'node-b', subnet: '10.244.2.0/24', publicIP: '192.168.10.2' });
    const { code, stdout } = await typed(node(), { command: ['apply'], keys: 'y\r' });
    expect(stdout).toContain('Apply these changes? [y/N]');
    expect(stdout).toContain('verified');
    expect(code).toBe(0);
    expect(await node().routes()).toHaveLength(1);
  });

  for (const [what, keys, code, word] of [
    ['n', 'n\r', 8, 'E_DECLINED'],
    ['Enter', '\r', 8, 'E_DECLINED'],
    ['the end of input (Ctrl-D)', CTRL_D, 8, 'E_DECLINED'],
    ['Ctrl-C', CTRL_C, 130, 'E_INTERRUPTED'],
  ] as const) {
    labTest(`is answered with ${what}: nothing is changed`, NOTHING_YET, async ({ node, put }) => {
      put('node-b.yaml', { node: 'node-b', subnet: '10.244.2.0/24', publicIP: '192.168.10.2' });
      const told = await typed(node(), { command: ['apply'], keys });
      expect(told.stdout).toContain(word);
      expect(told.stdout).not.toContain('E_BUG');
      expect(told.code).toBe(code);
      expect(await node().routes()).toEqual([]);
    });
  }

  labTest('of destroy and rollback says that nothing was changed', NOTHING_YET, async ({ node, put }) => {
    put('node-b.yaml', { node: 'node-b', subnet: '10.244.2.0/24', publicIP: '192.168.10.2' });
    expect(await node().flan(['apply', '--auto-approve'])).toMatchObject({ code: 0 });
    for (const command of [['destroy'], ['rollback']]) {
      const { code, stdout } = await typed(node(), { command, keys: 'n\r' });
      expect(stdout).toContain('E_DECLINED');
      expect(code).toBe(8);
    }
    expect(await node().routes()).toHaveLength(1);
    expect(await node().flan(['rollback', '--auto-approve'])).toMatchObject({ code: 0 });
    expect(await node().routes()).toEqual([]);
  });

  labTest('never comes with --no-input', NOTHING_YET, async ({ node }) => {
    const { code, stdout } = await typed(node(), { command: ['apply', '--no-input'], keys: 'y\r' });
    expect(stdout).toContain('--no-input forbids to ask');
    expect(stdout).not.toContain('[y/N]');
    expect(code).toBe(64);
  });
});
