import { createInterface } from 'node:readline/promises';
import { FlanError } from '../errors.js';

/**
 * Asks on the terminal. @throws {FlanError} E_NO_TTY when there is nobody to ask
 */
export async function approve(question: string, signal: AbortSignal): Promise<'yes' | 'no'> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new FlanError('E_NO_TTY', 'there are changes to approve and no terminal to ask on', {
      hint: 'Pass --yes to apply them without asking, or --dry-run to see them only.',
    });
  }
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal });
    return /^y(es)?$/i.test(answer.trim()) ? 'yes' : 'no';
  } finally {
    lines.close();
  }
}
