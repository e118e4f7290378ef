import { createInterface } from 'node:readline/promises';
import { FlanError } from '../errors.js';
import { given } from './argv.js';

/**
 * Asks on the terminal. @throws {FlanError} E_NO_TTY when there is nobody to ask
 */
export async function approve(question: string, signal: AbortSignal): Promise<'yes' | 'no'> {
  return /^y(es)?$/i.test(await ask(`${question} [y/N] `, signal)) ? 'yes' : 'no';
}

/**
 * As `approve`, where a no ends the command.
 * @throws {FlanError} E_NO_TTY, E_DECLINED
 */
export async function approveOrEnd(question: string, signal: AbortSignal): Promise<void> {
  if ((await approve(question, signal)) === 'yes') return;
  throw new FlanError('E_DECLINED', 'nothing was changed', { hint: 'Answer yes, or pass --yes.' });
}

/**
 * The answer to a question; empty when the terminal ends before one (Ctrl-D).
 * @throws {FlanError} E_NO_TTY when there is nobody to ask, or --no-input says so
 */
export async function ask(question: string, signal: AbortSignal): Promise<string> {
  refuseToAsk();
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // While a line is edited the terminal makes no signal of Ctrl-C.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  let isEnded = false;
  lines.once('close', () => {
    isEnded = true;
  });
  try {
    return (await lines.question(question, { signal })).trim();
  } catch (error) {
    process.stderr.write('\n');
    if (isEnded && !signal.aborted) return '';
    throw error;
  } finally {
    lines.close();
  }
}

/** @throws {FlanError} E_NO_TTY */
export function refuseToAsk(): void {
  const isForbidden = given(process.argv, '--no-input');
  if (!isForbidden && process.stdin.isTTY && process.stderr.isTTY) return;
  const why = isForbidden ? '--no-input forbids to ask' : 'no terminal to ask on';
  throw new FlanError('E_NO_TTY', `there is something to approve and ${why}`, {
    hint: 'Pass --yes to go on without being asked; --dry-run, where a command has it, only shows what would be done.',
  });
}
