import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { runTool } from '../../src/drivers/run-tool.js';

it('does not wait for ever for a program that hangs', async () => {
  const searchPath = mkdtempSync(join(tmpdir(), 'flan-tools-'));
  onTestFinished(() => rmSync(searchPath, { recursive: true }));
  writeFileSync(join(searchPath, 'nft'), '#!/bin/sh\nexec /bin/sleep 1000\n');
  chmodSync(join(searchPath, 'nft'), 0o755);
  const children = new Set<number>();
  const call = { program: 'nft', args: [], debianPackage: 'nftables', neededFor: 'rules', children, timeoutMs: 200 };
  const answer = runTool(call, { searchPath }, new AbortController().signal);
  const [pid = 0] = children;
  await expect(answer).rejects.toMatchObject({
    code: 'E_SYSTEM',
    retry: true,
    message: expect.stringContaining('nft'),
  });
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});
