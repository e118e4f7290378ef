import { createInterface } from 'node:readline/promises';
import type { Warning } from '../../model/warning.js';
import { approve } from '../approve.js';

/** What must be typed where `y` would be too easily said. */
const WORD = 'cut';

/** Asks whether to apply; where the plan may cut somebody off, for a word that nobody types by habit. */
export async function approvePlan(risks: readonly Warning[], signal: AbortSignal): Promise<'yes' | 'no'> {
  if (risks.length === 0) return approve('Apply these changes?', signal);
  // Refuses where there is nobody to ask.
  if (!process.stdin.isTTY || !process.stderr.isTTY) return approve('', signal);
  for (const { message, code } of risks) process.stderr.write(`Warning ${code}: ${message}\n`);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`This may cut you off. Type '${WORD}' to apply all the same: `, { signal });
    return answer.trim() === WORD ? 'yes' : 'no';
  } finally {
    lines.close();
  }
}
