import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { isInstalled } from '../drivers/run-tool.js';
import type { RollbackReport } from './rollback.js';

/** What people are told of a rollback that they did not ask for. */
export function rollbackWords({ checkpoint, outcomes, left, moved }: RollbackReport): string {
  const { id, node, why } = checkpoint;
  const done = outcomes.filter(({ status }) => status === 'done').length;
  const theirs = moved.length === 0 ? '' : `; ${moved.length} changed by others since and left alone`;
  const head = `flan on ${node}: checkpoint ${id}: ${why}`;
  if (left.length === 0) return `${head}: rolled back, ${done} changes undone and verified${theirs}`;
  return `${head}: NOT rolled back wholly: ${left.length} of ${left.length + done} changes could not be undone${theirs}`;
}

/** Tells everybody who is logged in, and the system's log, where these are there. Best effort. */
export async function announce(text: string): Promise<void> {
  await Promise.all([
    tell('wall', ['--', text]),
    existsSync('/dev/log') ? tell('logger', ['-t', 'flan', '-p', 'daemon.warning', '--', text]) : undefined,
  ]);
}

const PATIENCE_MS = 2_000;

async function tell(program: string, args: readonly string[]): Promise<void> {
  if (!isInstalled(program, {})) return;
  await new Promise<void>((resolve) => {
    const child = spawn(program, args, { stdio: 'ignore', timeout: PATIENCE_MS });
    child.on('error', () => resolve());
    child.on('close', () => resolve());
  });
}
